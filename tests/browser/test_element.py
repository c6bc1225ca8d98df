"""`<softmax-thermoscope>` in a real Chromium, and the npm package that it comes in."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.explorer_page import UNTIL_SHOWN, field, slider
from thermoscope import random_logits, softmax, truncate

if TYPE_CHECKING:
    from collections.abc import Callable

    Open = Callable[..., Page]

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parent.parent.parent
KB = 1000
PETS = '<softmax-thermoscope logits="2,1,0.1" labels="cat,dog,eel" temperature="0.5">'
SITE = "http://elsewhere.test/"


def run(*command: str, cwd: Path = ROOT) -> str:
    done = subprocess.run(command, cwd=cwd, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the npm package."""
    folder = tmp_path_factory.mktemp("package")
    run("node", "web/build.js", "--package", str(folder))
    return folder


def serve(page: Page, files: dict[str, str]) -> None:
    """Answer requests to the site with these files; the network is off."""
    page.context.set_offline(True)
    kinds = {".html": "text/html", ".js": "text/javascript"}

    def answer(route: Route) -> None:
        name = route.request.url.removeprefix(SITE).split("#")[0]
        body = files.get(name)
        assert body is not None, f"a request for {route.request.url}"
        route.fulfill(body=body, content_type=f"{kinds[Path(name).suffix]}; charset=utf-8")

    page.route("**/*", answer)


@pytest.fixture
def open_body(page: Page, package: Path) -> Open:
    """Open a page with this body, which has the element; any other request fails the test."""

    def open_(body: str, head: str = "") -> Page:
        script = '<script type="module" src="softmax-thermoscope.js"></script>'
        html = (
            '<!doctype html><html lang="en"><head><link rel="icon" href="data:,">'
            f"{head}{script}</head><body>{body}</body></html>"
        )
        element = (package / "softmax-thermoscope.js").read_text(encoding="utf-8")
        serve(page, {"page.html": html, "softmax-thermoscope.js": element})
        page.goto(f"{SITE}page.html")
        page.evaluate("customElements.whenDefined('softmax-thermoscope').then(() => true)")
        page.evaluate(UNTIL_SHOWN)
        return page

    return open_


def element(page: Page, which: int = 0) -> Locator:
    return page.locator("softmax-thermoscope").nth(which)


def record(page: Page) -> None:
    """Keep the details of the `change` events that reach the document."""
    page.evaluate(
        "window.changes = [];"
        "document.addEventListener('change', ({ detail }) => changes.push(detail));"
    )


def changes(page: Page) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = page.evaluate("changes.splice(0)")
    return found


def alert(view: Locator) -> Locator:
    return view.get_by_role("alert").filter(has_text="set")


def test_an_element_shows_what_its_attributes_say(open_body: Open) -> None:
    page = open_body(f"{PETS}<p>no element</p></softmax-thermoscope>")
    view = element(page)
    expect(field(view)).to_have_value("0.5")
    expect(view.get_by_role("figure", name="Softmax").get_by_role("listitem")).to_have_count(3)
    expect(page.get_by_text("no element")).to_be_hidden()
    expect(view.get_by_role("heading")).to_have_count(0)
    found = view.evaluate("(element) => [...element.probabilities]")
    assert found == pytest.approx(softmax([2.0, 1.0, 0.1], 0.5).tolist(), rel=1e-14)
    assert view.evaluate("({ state }) => state") == "logits=2,1,0.1&labels=cat,dog,eel&T=0.5"
    expect(alert(view)).to_have_count(0)


def test_attributes_that_change(open_body: Open) -> None:
    page = open_body(f"{PETS}</softmax-thermoscope>")
    record(page)
    view = element(page)
    slider(view).press("ArrowRight")
    assert [change["temperature"] for change in changes(page)] == [pytest.approx(0.631)]
    # Both count together, and leave the temperature of the user.
    page.evaluate(
        "const element = document.querySelector('softmax-thermoscope');"
        "element.setAttribute('logits', '1,2'); element.setAttribute('labels', 'yes,no')"
    )
    expect(view.get_by_role("figure", name="Softmax").get_by_role("listitem")).to_have_count(2)
    expect(field(view)).to_have_value("0.631")
    expect(alert(view)).to_have_count(0)
    view.evaluate("(element) => element.setAttribute('temperature', 'hot')")
    expect(alert(view)).to_contain_text("T must be a number ≥ 0 or “inf”, got “hot”.")
    view.evaluate("(element) => element.setAttribute('temperature', 'inf')")
    expect(field(view)).to_have_value("∞")
    expect(alert(view)).to_have_count(0)
    # Neither is a change by the user, who can't undo it.
    assert changes(page) == []
    expect(view.get_by_role("button", name="Undo")).to_be_disabled()


def test_properties_set_before_and_after_the_definition(page: Page, package: Path) -> None:
    serve(page, {"page.html": '<link rel="icon" href="data:,"><softmax-thermoscope>'})
    page.goto(f"{SITE}page.html")
    page.evaluate(
        "const early = document.querySelector('softmax-thermoscope');"
        "early.logits = [3, 1]; early.labels = ['yes', 'no']; early.temperature = 2;"
    )
    script = (package / "softmax-thermoscope.js").read_text(encoding="utf-8")
    page.add_script_tag(content=script, type="module")
    # A second copy does no harm.
    page.add_script_tag(content=script, type="module")
    view = element(page)
    expect(field(view)).to_have_value("2")
    assert view.evaluate("({ state }) => state") == "logits=3,1&labels=yes,no&T=2"
    view.evaluate("(element) => { element.truncation = { top_p: 0.5 }; element.temperature = 1 }")
    assert view.evaluate("({ probabilities }) => [...probabilities]") == [1, 0]
    expect(field(view)).to_have_value("1")
    view.evaluate("(element) => { element.state = 'n=4&seed=7&T=0.25&top_p=0.9' }")
    expect(field(view)).to_have_value("0.25")
    found = view.evaluate("({ probabilities }) => [...probabilities]")
    expected = truncate(random_logits(4, seed=7), 0.25, top_p=0.9, order=("temperature", "top_p"))
    assert found == pytest.approx(expected.tolist(), rel=1e-13)
    view.evaluate("(element) => { element.logits = 'one' }")
    expect(alert(view)).to_contain_text("logits[0] must be a number")
    view.evaluate("(element) => { element.labels = ['too few'] }")
    expect(alert(view)).to_contain_text("labels must be 4, one for each logit")


def test_a_drag_is_told_while_it_goes_on(open_body: Open) -> None:
    page = open_body(f"{PETS}</softmax-thermoscope>")
    record(page)
    page.evaluate("document.addEventListener('input', () => changes.push('input'))")
    box = slider(element(page)).bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.5, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.7, middle)
    page.wait_for_function("changes.length > 0")
    assert {change["settled"] for change in changes(page)} == {False}
    page.mouse.up()
    (last,) = changes(page)
    assert last["settled"] is True
    shown = field(element(page)).input_value()
    assert last["temperature"] == pytest.approx(float(shown), rel=1e-3)
    assert last["state"].startswith("logits=2,1,0.1&labels=cat,dog,eel&T=")


def test_elements_are_independent_and_keep_their_state_when_moved(open_body: Open) -> None:
    page = open_body(f'{PETS}</softmax-thermoscope>{PETS}</softmax-thermoscope><div id="to"></div>')
    first, second = element(page, 0), element(page, 1)
    first.get_by_role("button", name="T = 1", exact=True).click()
    expect(field(first)).to_have_value("1")
    expect(field(second)).to_have_value("0.5")
    page.evaluate("to.append(document.querySelector('softmax-thermoscope'))")
    moved = page.locator("#to > softmax-thermoscope")
    expect(field(moved)).to_have_value("1")
    moved.get_by_role("button", name="Undo").click()
    expect(field(moved)).to_have_value("0.5")
    # An element that was taken out is mounted again.
    page.evaluate(
        "const element = to.firstElementChild; element.remove();"
        "new Promise((done) => setTimeout(done)).then(() => to.append(element))"
    )
    slider(moved).press("Home")
    expect(field(moved)).to_have_value("0")
    assert moved.evaluate("({ shadowRoot }) => shadowRoot.childElementCount") == 1


def test_what_is_hidden_and_locked(open_body: Open) -> None:
    page = open_body(
        '<softmax-thermoscope state="n=3&seed=7&top_p=0.9" hide="lesson,curves,softmax"'
        ' lock="temperature,items"></softmax-thermoscope>'
    )
    view = element(page)
    expect(slider(view)).to_be_disabled()
    expect(field(view)).not_to_be_editable()
    expect(view.get_by_role("button", name="T = 1", exact=True)).to_be_disabled()
    expect(view.get_by_role("button", name="New random logits")).to_be_disabled()
    expect(view.get_by_role("combobox", name="Total items")).to_be_disabled()
    for name, shown in (("Logits", 1), ("Softmax", 0), ("Every temperature", 0)):
        expect(view.get_by_role("figure", name=name, exact=True)).to_have_count(shown)
    expect(view.get_by_text("Lesson", exact=True)).to_have_count(0)
    view.evaluate("(element) => { element.hide = ''; element.lock = ''; }")
    expect(slider(view)).to_be_enabled()
    expect(view.get_by_role("figure", name="Softmax", exact=True)).to_be_visible()
    view.evaluate("(element) => { element.hide = 'everything' }")
    expect(alert(view)).to_contain_text("hide must be “title”")


def test_the_style_of_the_page_ends_at_the_element(open_body: Open) -> None:
    style = (
        "<style>:root { color-scheme: dark }"
        " body { letter-spacing: 1em; text-transform: uppercase }"
        " button, div { border: 9px solid red !important }</style>"
    )
    page = open_body(f"{PETS}</softmax-thermoscope>", style)
    found = element(page).evaluate(
        "({ shadowRoot }) => ['.thermoscope', 'button']"
        ".map((selector) => getComputedStyle(shadowRoot.querySelector(selector)))"
        ".map((style) => [style.letterSpacing, style.textTransform, style.borderTopWidth,"
        " style.colorScheme, style.backgroundColor])"
    )
    assert found[0][:4] == ["normal", "none", "0px", "dark"]
    assert found[1][2] == "1px"
    assert found[0][4] == "rgb(21, 24, 28)"


def test_a_policy_without_inline_styles(open_body: Open) -> None:
    policy = (
        "<meta http-equiv='Content-Security-Policy' content=\"default-src 'self'; img-src data:\">"
    )
    page = open_body(f"{PETS}</softmax-thermoscope>", policy)
    display = element(page).evaluate(
        "({ shadowRoot }) => getComputedStyle(shadowRoot.querySelector('.instrument')).display"
    )
    assert display == "grid"


def test_keys_are_the_element_s_until_escape(open_body: Open) -> None:
    page = open_body(f"<h1>Slide</h1>{PETS}</softmax-thermoscope>")
    page.evaluate(
        "window.keys = []; document.addEventListener('keydown', ({ key }) => keys.push(key))"
    )
    view = element(page)
    page.keyboard.press("ArrowRight")
    expect(field(view)).to_have_value("0.5")
    view.evaluate("(element) => element.focus()")
    slider(view).focus()
    page.keyboard.press("ArrowRight")
    expect(field(view)).to_have_value("0.631")
    assert page.evaluate("document.activeElement.localName") == "softmax-thermoscope"
    # Escape first discards what is typed, then leaves.
    field(view).fill("hot")
    page.keyboard.press("Escape")
    expect(field(view)).to_be_focused()
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.localName") == "body"
    page.keyboard.press("ArrowRight")
    expect(field(view)).to_have_value("0.631")
    assert page.evaluate("keys") == ["ArrowRight", "ArrowRight"]


def test_the_example_of_the_documentation(open_body: Open) -> None:
    section = (ROOT / "docs" / "page.md").read_text().split("\n## The element\n")[1]
    html, script = re.findall(r"```(?:html|js)\n(.*?)```", section, re.DOTALL)[:2]
    page = open_body(html.split("</script>")[1])
    page.evaluate(f"() => {{ {script} }}")
    view = element(page)
    expect(field(view)).to_have_value("0.5")
    expect(view.locator("details")).to_have_count(1)
    slider(view).press("Home")
    assert page.evaluate("localStorage.softmax") == "logits=2,1,0.1&labels=cat,dog,eel&T=0"


LANGUAGES = {"ar", "de", "es", "zh"}


def test_the_package_holds_one_small_file_its_types_and_other_languages(package: Path) -> None:
    bundle = (package / "softmax-thermoscope.js").read_text(encoding="utf-8")
    # The script has the limit of page.js and widget.js, which have the style sheet beside them.
    style = ROOT / "src" / "thermoscope" / "explorer" / "static" / "style.css"
    assert len(bundle.encode()) - style.stat().st_size <= 180 * KB
    assert not re.search(r"</script|<!--|\bimport\b *[\"'{*(]", bundle, re.IGNORECASE)
    (about,) = json.loads(run("npm", "pack", "--dry-run", "--json", cwd=package))
    assert {file["path"] for file in about["files"]} == {
        *("LICENSE", "README.md", "package.json"),
        *("softmax-thermoscope.d.ts", "softmax-thermoscope.js"),
        "auto.js",
        *(f"softmax-thermoscope.{name}.js" for name in LANGUAGES),
    }


CONSUMER = """
import { type Change, SoftmaxThermoscope, type Truncation } from "softmax-thermoscope";

const element = document.createElement("softmax-thermoscope");
element.logits = [3, 1];
element.labels = ["yes", "no"];
const truncation: Truncation = { top_p: 0.9 };
element.truncation = truncation;
element.addEventListener("change", ({ detail }) => {
  const change: Change = detail;
  document.title = `${change.temperature} ${change.settled}`;
});
document.body.append(element);
const probabilities: Float64Array = element.probabilities;
const isOne: boolean = element instanceof SoftmaxThermoscope;
document.body.dataset["found"] = `${isOne} ${probabilities.length}`;
"""


def test_the_package_is_installed_type_checked_and_bundled(
    package: Path, tmp_path: Path, page: Page
) -> None:
    (about,) = json.loads(run("npm", "pack", str(package), "--json", cwd=tmp_path))
    (tmp_path / "package.json").write_text('{"private": true, "type": "module"}')
    run(
        "npm",
        "install",
        "--offline",
        "--no-audit",
        "--no-fund",
        f"./{about['filename']}",
        cwd=tmp_path,
    )
    (tmp_path / "consumer.ts").write_text(CONSUMER)
    tools = ROOT / "node_modules" / ".bin"
    options = "--strict --noEmit --target es2022 --lib es2023,dom,dom.iterable"
    for resolution in ("bundler", "nodenext"):
        module = "nodenext" if resolution == "nodenext" else "esnext"
        run(
            *(str(tools / "tsc"), *options.split(), "--module", module),
            *("--moduleResolution", resolution, "consumer.ts"),
            cwd=tmp_path,
        )
    run(str(tools / "esbuild"), "consumer.ts", "--bundle", "--outfile=bundle.js", cwd=tmp_path)
    bundle = (tmp_path / "bundle.js").read_text(encoding="utf-8")
    html = '<!doctype html><link rel="icon" href="data:,"><body><script src="bundle.js"></script>'
    serve(page, {"page.html": html, "bundle.js": bundle})
    page.goto(f"{SITE}page.html")
    assert page.evaluate("document.body.dataset.found") == "true 2"
    slider(element(page)).press("Home")
    expect(page).to_have_title("0 true")


def test_a_wrong_use_of_the_types_is_found(package: Path, tmp_path: Path) -> None:
    use = f'import {{ SoftmaxThermoscope }} from "{package}/softmax-thermoscope.js";\n'
    (tmp_path / "consumer.ts").write_text(use + "new SoftmaxThermoscope().temperature = [1];\n")
    command = [str(ROOT / "node_modules" / ".bin" / "tsc"), "--noEmit", "consumer.ts"]
    done = subprocess.run(command, cwd=tmp_path, check=False, capture_output=True, text=True)
    assert done.returncode != 0
    assert "is not assignable to type" in done.stdout


@pytest.mark.parametrize(
    ("file", "names"),
    [
        ("softmax-thermoscope.js", "SoftmaxThermoscope"),
        ("softmax-thermoscope.ar.js", "SoftmaxThermoscope"),
        ("auto.js", ""),
    ],
)
def test_a_server_may_import_the_package(package: Path, file: str, names: str) -> None:
    script = "console.log(Object.keys(await import(process.argv[1])).join())"
    path = str(package / file)
    assert run("node", "--input-type=module", "-e", script, path) == f"{names}\n"


@pytest.mark.parametrize(
    ("attribute", "script", "name"),
    [
        ("", "softmax-thermoscope.de.js", "Softmax-Temperatur"),
        ('lang="de-AT"', "auto.js", "Softmax-Temperatur"),
        # That of the document.
        ("", "auto.js", "Softmax temperature"),
    ],
)
def test_the_element_in_another_language(
    page: Page, package: Path, attribute: str, script: str, name: str
) -> None:
    files = {path.name: path.read_text(encoding="utf-8") for path in package.glob("*.js")}
    html = (
        '<!doctype html><html lang="en"><link rel="icon" href="data:,">'
        f"<softmax-thermoscope {attribute}></softmax-thermoscope>"
        f'<script type="module" src="{script}"></script>'
    )
    serve(page, {"page.html": html, **files})
    page.goto(f"{SITE}page.html")
    expect(element(page).get_by_role("region", name=name).first).to_be_visible()
