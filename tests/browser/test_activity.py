"""An activity in a real Chromium: a teacher makes it, and students do it wherever it is."""

from __future__ import annotations

import html
import json
import re
import time
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest
from playwright.sync_api import FrameLocator, Page, Route, expect

from tests.browser.explorer_page import slider
from tests.browser.test_everyone import found_in_all_colours
from thermoscope.explorer.activity import Activity
from thermoscope.explorer.page import page_html, write_page
from thermoscope.link import parse_link, state_of_link
from thermoscope.state import State

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.browser

SITE = "https://elsewhere.test/"
REVEAL = Path(__file__).parents[2] / "node_modules" / "reveal.js" / "dist"
PETS = "logits=2,1,0.5&labels=cat,dog,eel"
RECORD = """
<script>
  var messages = [];
  addEventListener("message", ({ data, origin }) => messages.push({ ...data, origin }));
</script>"""
# A run-time of SCORM 1.2, as small as one can be.
RUNTIME = """
<script>
  var calls = [];
  var values = { "cmi.core.lesson_status": "not attempted", ...JSON.parse(KEPT) };
  var API = {
    LMSInitialize: () => (calls.push("initialize"), "true"),
    LMSGetValue: (name) => values[name] ?? "",
    LMSSetValue: (name, value) => ((values[name] = value), "true"),
    LMSCommit: () => (calls.push("commit"), "true"),
    LMSFinish: () => (calls.push("finish"), "true"),
    LMSGetLastError: () => "0",
  };
</script>
<iframe src="scorm/index.html" width="1000" height="800"></iframe>"""
TRUTH = (0.8438, 0.1142, 0.0420)
"""softmax([2, 1, 0.5], 0.5)"""

TASKS = [
    {
        "kind": "choose",
        "ask": "Which animal leads?",
        "options": ["cat", "dog", "eel"],
        "answer": [0],
        "hint": "Look at the logits.",
        "right": "The highest logit leads.",
        "wrong": "Compare the logits.",
    },
    {"kind": "number", "ask": "How many animals?", "answer": 3, "unit": "animals"},
    {"kind": "predict", "ask": "Draw it.", "at": 0.5, "within": 0.1},
    {"kind": "predict", "ask": "Draw the cat.", "of": "curve", "item": 0, "within": 0.2},
    {"kind": "reach", "ask": "Make a tie.", "quantity": "ties", "least": 2, "most": 2},
]


class Site:
    """A site without a network: its files are here."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.files: dict[str, str | bytes] = {}
        page.context.set_offline(True)
        page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=SITE)
        page.context.route(f"{SITE}**", self._answer)

    def _answer(self, route: Route) -> None:
        name = route.request.url.removeprefix(SITE).split("#")[0]
        body = self.files.get(name)
        if body is None and name.startswith("reveal/"):
            body = (REVEAL / name.removeprefix("reveal/")).read_bytes()
        if body is None:
            route.fulfill(status=404)
            return
        kinds = {".css": "text/css", ".js": "text/javascript"}
        kind = kinds.get(Path(name).suffix, "text/html; charset=utf-8")
        route.fulfill(body=body, content_type=kind)

    def open(self, name: str, body: str | None = None) -> Page:
        if body is not None:
            icon = '<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><body>'
            self.files[name] = icon + body
        self.page.goto(f"{SITE}{name}")
        return self.page


@pytest.fixture
def site(page: Page) -> Site:
    return Site(page)


def editor(page: Page) -> Any:
    return page.get_by_role("region", name="Make an activity")


def solve(view: Page | FrameLocator) -> None:
    """Do the three tasks of the teacher, as a student who knows how."""
    expect(view.get_by_role("heading", name="Task 1 of 3")).to_be_visible()
    view.get_by_role("radio", name="dog").check()
    view.get_by_role("button", name="Check").click()
    expect(view.get_by_text("Not yet.")).to_be_visible()
    view.get_by_role("radio", name="cat").check()
    view.get_by_role("button", name="Check").click()
    expect(view.get_by_text("Right.")).to_be_visible()
    view.get_by_role("button", name="Next").click()
    for label, probability in zip(("cat", "dog", "eel"), TRUTH, strict=True):
        track = view.get_by_role("slider", name=f"Prediction for “{label}”")
        box = track.bounding_box()
        assert box is not None
        track.click(position={"x": probability * box["width"], "y": box["height"] / 2})
    view.get_by_role("button", name="Check").click()
    expect(view.locator(".verdict")).to_contain_text("Right.")
    # What was drawn is now seen beside the bars of the page.
    expect(view.get_by_role("textbox", name="Temperature value")).to_have_value("0.5")
    view.get_by_role("button", name="Next").click()
    view.get_by_role("textbox", name="Logit of dog, value").fill("2")
    view.get_by_role("textbox", name="Logit of dog, value").press("Enter")
    expect(view.get_by_text("Reached.")).to_be_visible()
    expect(view.get_by_role("region", name="Results")).to_contain_text("Score 3 of 3")


def until(page: Page, expression: str) -> None:
    """Wait until an expression is true: a page's policy forbids what Playwright waits by."""
    deadline = time.monotonic() + 20
    while not page.evaluate(f"(async () => Boolean(await ({expression})))()"):
        assert time.monotonic() < deadline, expression
        page.wait_for_timeout(20)


def clipboard(page: Page) -> str:
    return str(page.evaluate("navigator.clipboard.readText()"))


def make_three_tasks(site: Site) -> Page:
    """Make three tasks in the page, as a teacher."""
    site.files["make.html"] = page_html(State.random(5, seed=3), activity=Activity({}))
    page = site.open(f"make.html#{PETS}")
    part = editor(page)
    part.get_by_text("About", exact=True).click()
    part.get_by_role("textbox", name="Title").fill("Softmax, hot & cold")
    part.get_by_role("button", name="Choose", exact=True).click()
    expect(part.get_by_role("textbox", name="Answers, one a line")).to_have_value("cat\ndog\neel")
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("Which animal leads?")
    part.get_by_role("button", name="Draw a prediction").click()
    part.get_by_role("button", name="Reach a state").click()
    return page


def test_a_teacher_makes_three_tasks_and_students_do_them_everywhere(
    site: Site, tmp_path: Path
) -> None:
    began = time.monotonic()
    page = make_three_tasks(site)
    part = editor(page)
    part.get_by_role("button", name="Copy link").click()
    expect(part.get_by_text("The link is copied")).to_be_visible()
    link = clipboard(page)
    assert link.startswith(f"{SITE}make.html#logits=2,1,0.5&labels=cat,dog,eel&T=1&activity=")
    assert len(link.split("#")[1]) <= 2000
    assert "animal" not in link
    part.get_by_role("button", name="Copy iframe line").click()
    expect(part.get_by_text("The iframe line is copied")).to_be_visible()
    line = clipboard(page)
    part.get_by_role("button", name="Copy slide for reveal.js").click()
    expect(part.get_by_text("The slide is copied")).to_be_visible()
    slide = clipboard(page)
    part.get_by_role("button", name="Copy slide for Quarto").click()
    until(page, "(await navigator.clipboard.readText()).startsWith('##')")
    assert clipboard(page).startswith("## Softmax, hot & cold\n\n```{=html}\n<iframe ")
    with page.expect_download() as waiting:
        part.get_by_role("button", name="Download the file").click()
    assert waiting.value.suggested_filename == "softmax-hot-cold.html"
    waiting.value.save_as(tmp_path / "activity.html")
    with page.expect_download() as waiting:
        part.get_by_role("button", name="Download SCORM 1.2").click()
    assert waiting.value.suggested_filename == "softmax-hot-cold-scorm.zip"
    waiting.value.save_as(tmp_path / "activity.zip")
    assert time.monotonic() - began < 120

    # By the link.
    page.goto("about:blank")
    page.goto(link)
    solve(page)

    # In the file, which has no answer in sight.
    text = (tmp_path / "activity.html").read_text(encoding="utf-8")
    assert "Which animal leads?" not in text
    page.goto((tmp_path / "activity.html").as_uri())
    solve(page)

    # On a page that forbids it everything but its script: the score arrives.
    sandboxed = line.replace("<iframe ", '<iframe sandbox="allow-scripts" ')
    site.open("lesson.html", RECORD + sandboxed)
    solve(page.frame_locator("iframe"))
    until(page, "messages.some(({ done }) => done)")
    told = {"type": "softmax-thermoscope", "score": 3, "possible": 3, "done": True}
    assert page.evaluate("messages.filter(({ score }) => score === 3)") == [
        {**told, "origin": "null"}
    ]

    # On a slide of reveal.js. This tab has the answers of before.
    page.evaluate("sessionStorage.clear()")
    site.open(
        "deck.html",
        f'{RECORD}<link rel="stylesheet" href="reveal/reveal.css">'
        f'<div class="reveal"><div class="slides"><section>First</section>{slide}</div></div>'
        '<script src="reveal/reveal.js"></script><script>Reveal.initialize()</script>',
    )
    until(page, "Reveal.isReady()")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("heading", name="Softmax, hot & cold")).to_be_visible()
    solve(page.frame_locator("iframe"))
    until(page, "messages.some(({ done }) => done)")
    score = page.evaluate("messages.filter(({ score }) => score === 3)")
    assert score == [{**told, "origin": SITE.rstrip("/")}]


@pytest.fixture
def package(site: Site, tmp_path: Path) -> zipfile.ZipFile:
    """Return the package of the teacher's tasks, whose page is on the site."""
    page = make_three_tasks(site)
    with page.expect_download() as waiting:
        editor(page).get_by_role("button", name="Download SCORM 1.2").click()
    waiting.value.save_as(tmp_path / "activity.zip")
    package = zipfile.ZipFile(tmp_path / "activity.zip")
    site.files["scorm/index.html"] = package.read("index.html")
    return package


def test_a_package_has_the_page_and_says_where_it_is(package: zipfile.ZipFile) -> None:
    assert package.testzip() is None
    assert package.namelist() == ["imsmanifest.xml", "index.html"]
    content = "{http://www.imsproject.org/xsd/imscp_rootv1p1p2}"
    scorm = "{http://www.adlnet.org/xsd/adlcp_rootv1p2}"
    root = ET.fromstring(package.read("imsmanifest.xml"))  # noqa: S314 - our own
    assert root.findtext(f"{content}metadata/{content}schemaversion") == "1.2"
    assert [title.text for title in root.iter(f"{content}title")] == ["Softmax, hot & cold"] * 2
    (resource,) = root.iter(f"{content}resource")
    (item,) = root.iter(f"{content}item")
    assert resource.get(f"{scorm}scormtype") == "sco"
    assert resource.get("href") == "index.html"
    assert item.get("identifierref") == resource.get("identifier")


@pytest.mark.usefixtures("package")
def test_a_course_hears_of_the_score_and_keeps_the_answers(site: Site) -> None:
    page = site.page
    site.open("course.html", RUNTIME.replace("KEPT", "'{}'"))
    frame = page.frame_locator("iframe")
    expect(frame.get_by_role("heading", name="Task 1 of 3")).to_be_visible()
    assert page.evaluate("values['cmi.core.lesson_status']") == "incomplete"
    frame.get_by_role("radio", name="cat").check()
    frame.get_by_role("button", name="Check").click()
    until(page, "values['cmi.core.score.raw'] === '33.3'")
    frame.get_by_role("button", name="Next").click()
    expect(frame.get_by_role("heading", name="Task 2 of 3")).to_be_visible()
    until(page, "JSON.parse(values['cmi.suspend_data']).kept.at === 1")
    # The student leaves, and comes back another day.
    page.evaluate("document.querySelector('iframe').src = 'about:blank'")
    until(page, "calls.includes('finish')")
    kept: dict[str, str] = page.evaluate("values")
    assert kept["cmi.core.exit"] == "suspend"
    assert re.fullmatch(r"\d{4}:\d\d:\d\d", kept["cmi.core.session_time"])
    site.open("course.html", RUNTIME.replace("KEPT", repr(json.dumps(kept))))
    expect(frame.get_by_role("heading", name="Task 2 of 3")).to_be_visible()
    frame.get_by_role("button", name="Previous").click()
    expect(frame.get_by_role("radio", name="cat")).to_be_checked()
    expect(frame.get_by_text("Right.")).to_be_visible()
    frame.get_by_role("button", name="Next").click()
    frame.get_by_role("slider", name="Prediction for “cat”").press("End")
    for label in ("dog", "eel"):
        frame.get_by_role("slider", name=f"Prediction for “{label}”").press("Home")
    # Off by 0.156: not right, and shown.
    frame.get_by_role("button", name="Check").click()
    expect(frame.locator(".verdict")).to_contain_text("Not yet. 16 of 100 draws would differ")
    frame.get_by_role("button", name="Show the answer").click()
    frame.get_by_role("button", name="Next").click()
    frame.get_by_role("textbox", name="Logit of dog, value").fill("2")
    frame.get_by_role("textbox", name="Logit of dog, value").press("Enter")
    until(page, "values['cmi.core.lesson_status'] === 'completed'")
    assert page.evaluate("values['cmi.core.score.raw']") == "66.7"
    assert page.evaluate("[values['cmi.core.score.min'], values['cmi.core.score.max']]") == [
        "0",
        "100",
    ]


@pytest.fixture
def do(page: Page, tmp_path: Path) -> Callable[..., Page]:
    """Open the file of tasks about three animals."""

    def open_(tasks: Any = TASKS, link: str = "", **about: Any) -> Page:
        activity = Activity.of({"tasks": tasks, **about})
        path = tmp_path / "activity.html"
        write_page(path, state_of_link(PETS), activity=activity)
        page.context.set_offline(True)
        page.goto(path.as_uri() + link)
        return page

    return open_


def test_hints_feedback_and_a_second_visit(do: Callable[..., Page], page: Page) -> None:
    do(title="Animals", intro="Five of them.")
    part = page.get_by_role("region", name="Animals")
    expect(part.get_by_role("heading", name="Animals")).to_be_visible()
    expect(part.get_by_text("Five of them.")).to_be_visible()
    part.get_by_role("button", name="Hint").click()
    expect(part.get_by_text("Look at the logits.")).to_be_visible()
    part.get_by_role("button", name="Check").click()
    expect(part.get_by_role("alert")).to_have_text("Choose an answer first.")
    part.get_by_role("radio", name="eel").check()
    expect(part.get_by_role("alert")).to_be_hidden()
    part.get_by_role("button", name="Check").click()
    expect(part.get_by_text("Compare the logits.")).to_be_visible()
    part.get_by_role("button", name="Show the answer").click()
    expect(part.get_by_text("The answer: cat")).to_be_visible()
    part.get_by_role("button", name="Next").click()
    expect(part.get_by_role("heading", name="Task 2 of 5")).to_be_focused()
    answer = part.get_by_role("textbox", name="Your answer")
    answer.fill("many")
    answer.press("Enter")
    expect(part.get_by_role("alert")).to_have_text("The answer must be a number, got “many”.")
    answer.fill("3")
    answer.press("Enter")
    expect(part.get_by_text("Right.")).to_be_visible()
    until(page, "JSON.parse(Object.values(sessionStorage)[0]).kept.at === 1")
    page.reload()
    expect(part.get_by_role("heading", name="Task 2 of 5")).to_be_visible()
    expect(answer).to_have_value("3")
    expect(part.get_by_text("Right.")).to_be_visible()


def test_a_curve_is_drawn_by_keys_and_by_the_pointer(do: Callable[..., Page], page: Page) -> None:
    do(TASKS[3:4])
    points = page.get_by_role("slider", name=re.compile("^Prediction at T = "))
    expect(points).to_have_count(7)
    expect(page.get_by_role("figure", name="Every temperature")).to_have_count(0)
    expect(slider(page)).to_be_disabled()
    first = points.first
    first.press("End")
    expect(first).to_have_attribute("aria-valuetext", "100 %")
    first.press("Shift+ArrowDown")
    expect(first).to_have_attribute("aria-valuetext", "90.00 %")
    second = points.nth(1)
    box = second.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y - 200)
    page.mouse.up()
    expect(second).to_have_attribute("aria-valuetext", "100 %")
    page.get_by_role("button", name="Check").click()
    expect(page.locator(".verdict")).to_contain_text("Right. On average ")
    expect(second).to_have_attribute("aria-valuetext", "100 %, in truth > 99.99 %")
    # The answer is over: what was hidden is there.
    expect(slider(page)).to_be_enabled()


def test_a_test_takes_one_answer_and_gives_the_results(do: Callable[..., Page], page: Page) -> None:
    do(TASKS[:2], mode="test")
    expect(page.get_by_role("button", name="Hint")).to_have_count(0)
    page.get_by_role("radio", name="dog").check()
    page.get_by_role("button", name="Answer", exact=True).click()
    expect(page.get_by_text("Taken. What is right is told at the end.")).to_be_visible()
    expect(page.get_by_role("radio", name="cat")).to_be_disabled()
    page.get_by_role("button", name="Finish with 1 not answered").click()
    results = page.get_by_role("region", name="Results")
    expect(results).to_contain_text("Score 0 of 2")
    results.get_by_role("textbox", name="Your code").fill("K7")
    with page.expect_download() as waiting:
        results.get_by_role("button", name="Download the results").click()
    table = Path(waiting.value.path()).read_text(encoding="utf-8").splitlines()
    assert table[1] == ('"K7","1","choose","Which animal leads?","dog","no","0","1","1","no","no"')
    assert table[2] == '"K7","2","number","How many animals?","","no","0","1","0","no","no"'


def test_what_a_teacher_makes_is_kept_and_can_be_undone(site: Site) -> None:
    page = make_three_tasks(site)
    part = editor(page)
    until(page, "location.hash.includes('activity=')")

    def tasks() -> list[dict[str, Any]]:
        frame = parse_link(page.evaluate("location.hash")).frame
        assert frame["edit"] == ""
        found: list[dict[str, Any]] = Activity.unpacked(frame["activity"]).written["tasks"]
        return found

    deadline = time.monotonic() + 20
    while len(tasks()) < 3:
        assert time.monotonic() < deadline
        page.wait_for_timeout(20)
    # The page that it saves is that of the tasks as they are now.
    page.get_by_role("button", name="Share").click()
    with page.expect_download() as waiting:
        page.get_by_role("menuitem", name="Download HTML").click()
    saved = Path(waiting.value.path()).read_text(encoding="utf-8")
    assert parse_link(page.evaluate("location.hash")).frame["activity"] in saved
    page.reload()
    expect(part.locator(".card")).to_have_count(3)
    part.locator(".card").nth(1).locator("summary").first.click()
    part.locator(".card").nth(1).get_by_role("button", name="Delete").click()
    expect(part.locator(".card")).to_have_count(2)
    expect(part.get_by_text("Task 2 is deleted; Undo brings it back.")).to_be_visible()
    part.get_by_role("button", name="Undo").click()
    expect(part.locator(".card")).to_have_count(3)
    # What is not right yet can't be given out, and says why.
    part.get_by_role("textbox", name="Question").first.fill("")
    expect(part.get_by_role("alert")).to_contain_text("Task 1, Question: a text of 1 to 2000")
    expect(part.get_by_role("button", name="Copy link")).to_have_attribute("aria-disabled", "true")
    part.get_by_role("button", name="Undo").click()
    expect(part.get_by_role("alert")).to_have_count(0)


def test_what_is_not_right_yet_is_kept_too(site: Site) -> None:
    page = make_three_tasks(site)
    part = editor(page)
    part.locator(".card").first.locator("summary").first.click()
    part.get_by_role("textbox", name="Question").first.fill("")
    until(page, "location.hash.includes('edit')")
    page.wait_for_timeout(1000)
    page.reload()
    expect(part.locator(".card")).to_have_count(3)
    expect(part.get_by_role("alert")).to_contain_text("Task 1, Question: a text of 1 to 2000")


def test_what_a_file_hides_can_be_shown_again(
    do: Callable[..., Page], page: Page, tmp_path: Path
) -> None:
    do(TASKS[:1], link="#edit", hide=["curves"], lock=["logits"])
    # The teacher sees every part.
    expect(page.get_by_role("figure", name="Every temperature")).to_be_visible()
    part = editor(page)
    part.get_by_text("What is shown, what may be changed").click()
    part.get_by_role("checkbox", name="Every temperature").first.uncheck()
    part.get_by_role("checkbox", name="Logits").nth(1).uncheck()
    with page.expect_download() as waiting:
        part.get_by_role("button", name="Download the file").click()
    waiting.value.save_as(tmp_path / "shown.html")
    page.goto((tmp_path / "shown.html").as_uri())
    expect(page.get_by_role("heading", name="Task 1 of 1")).to_be_visible()
    expect(page.get_by_role("figure", name="Every temperature")).to_be_visible()


def test_a_second_visit_takes_no_focus_from_the_page_around(site: Site) -> None:
    site.files["make.html"] = page_html(State.random(3), activity=Activity.of(TASKS[:2]))
    page = site.open("lesson.html", "<iframe src='make.html#embed' width='900'></iframe>")
    frame = page.frame_locator("iframe")
    frame.get_by_role("radio", name="cat").check()
    frame.get_by_role("button", name="Check").click()
    expect(frame.get_by_role("button", name="Next")).to_be_focused()
    page.reload()
    expect(frame.get_by_text("Right.")).to_be_visible()
    assert page.evaluate("document.activeElement.localName") == "body"


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize(
    "around",
    [
        "<h1 id='API'>Interface</h1>",
        "<script>var API = new Proxy({}, {get: () => () => { throw new Error('lms') }})</script>",
        "<script>var API = new Proxy({}, {get: () => () => undefined})</script>",
    ],
)
def test_a_course_that_fails_leaves_the_tasks(site: Site, around: str) -> None:
    page = site.open("course.html", f"{around}<iframe src='scorm/index.html'></iframe>")
    frame = page.frame_locator("iframe")
    frame.get_by_role("radio", name="cat").check()
    frame.get_by_role("button", name="Check").click()
    expect(frame.get_by_text("Right.")).to_be_visible()
    # The button is gone, and so the next one has the focus.
    expect(frame.get_by_role("button", name="Next")).to_be_focused()


def test_it_is_tried_and_what_is_tried_changes_nothing(site: Site) -> None:
    page = make_three_tasks(site)
    part = editor(page)
    part.get_by_text("What is shown, what may be changed").click()
    part.get_by_role("checkbox", name="Draws", exact=True).first.check()
    expect(page.get_by_text("Draws", exact=True).last).to_be_visible()
    part.get_by_role("button", name="Try it").click()
    expect(page.locator(".panel-draws")).to_have_count(0)
    solve(page)
    page.get_by_role("button", name="Back to editing").click()
    expect(page.locator(".panel-draws")).to_have_count(1)
    expect(page.get_by_role("textbox", name="Logit of dog, value")).to_have_value("1.0000")
    expect(part.locator(".card")).to_have_count(3)


def test_an_activity_that_was_given_out_is_opened_again(site: Site, tmp_path: Path) -> None:
    path = tmp_path / "given.html"
    activity = Activity.of({"tasks": TASKS, "title": "Animals", "hide": ["why"]})
    write_page(path, state_of_link(PETS), activity=activity)
    site.files["make.html"] = page_html(State.random(5, seed=3), activity=Activity({}))
    page = site.open("make.html")
    with page.expect_file_chooser() as waiting:
        editor(page).get_by_role("button", name="Open an activity").click()
    waiting.value.set_files(path)
    expect(editor(page).get_by_text("Opened “given.html”: 5 tasks.")).to_be_visible()
    expect(page.get_by_role("textbox", name="Logit of eel, value")).to_have_value("0.5000")
    with page.expect_download() as downloading:
        editor(page).get_by_role("button", name="Download JSON").click()
    written = json.loads(Path(downloading.value.path()).read_text(encoding="utf-8"))
    assert written["hide"] == ["why"]
    assert written["state"] == f"{PETS}&T=1"
    again = Activity.of(written)
    assert again.written["title"] == "Animals"
    assert len(again.written["tasks"]) == len(TASKS)
    wrong = tmp_path / "wrong.json"
    wrong.write_text('{"tasks": []}')
    with page.expect_file_chooser() as waiting:
        editor(page).get_by_role("button", name="Open an activity").click()
    waiting.value.set_files(wrong)
    expect(editor(page).get_by_text("“wrong.json” can't be opened: tasks must be")).to_be_visible()
    expect(editor(page).locator(".card")).to_have_count(5)


def test_a_link_that_was_cut_says_so(site: Site) -> None:
    packed = Activity.of(TASKS).packed()
    site.files["make.html"] = page_html(State.random(5, seed=3), activity=Activity({}))
    page = site.open(f"make.html#activity={packed[:-20]}")
    expect(page.get_by_role("alert")).to_contain_text("it was cut or changed")
    page.evaluate(f"location.hash = 'activity={packed}'")
    expect(page.get_by_role("heading", name="Task 1 of 5")).to_be_visible()
    page.evaluate(f"location.hash = 'edit&activity={packed}'")
    expect(editor(page).locator(".card")).to_have_count(5)


@pytest.mark.parametrize("width", [360, 1280])
def test_axe_finds_nothing(do: Callable[..., Page], page: Page, width: int) -> None:
    do([TASKS[2], TASKS[3]], title="Animals")
    page.get_by_role("slider", name="Prediction for “cat”").press("End")
    page.get_by_role("button", name="Check").click()
    page.get_by_role("button", name="Show the answer").click()
    assert found_in_all_colours(page, width) == []
    page.get_by_role("button", name="Next").click()
    page.get_by_role("slider").first.press("End")
    page.get_by_role("button", name="Check").click()
    page.get_by_role("button", name="Show the answer").click()
    assert found_in_all_colours(page, width) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("width", [360, 1280])
def test_axe_finds_nothing_where_it_is_made(
    do: Callable[..., Page], page: Page, width: int
) -> None:
    do(link="#edit")
    everything = "document.querySelectorAll('.editor details')"
    page.evaluate(f"{everything}.forEach((details) => (details.open = true))")
    assert found_in_all_colours(page, width) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_answers_are_escaped(do: Callable[..., Page], page: Page) -> None:
    hostile = "<img src=x onerror=alert(1)>"
    do([{**TASKS[0], "ask": hostile, "options": [hostile, "b"], "right": hostile}], title=hostile)
    page.get_by_role("radio", name=hostile).check()
    page.get_by_role("button", name="Check").click()
    expect(page.locator(".verdict")).to_contain_text(hostile)
    expect(page.locator("img")).to_have_count(0)
    assert html.escape(hostile) not in page.content().split("<main>")[0]
