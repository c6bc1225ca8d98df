"""The page with a language model in itself, as an exported file: it asks nothing."""

from __future__ import annotations

import re
import time
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.explorer_page import field
from tests.browser.test_everyone import found_in_all_colours, open_panels, view
from thermoscope import cli, compare_samplers, open_logits, truncate
from thermoscope.data.saved import read_text
from thermoscope.present import measure, percent, printable
from thermoscope.samplers.compare import differing

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("novel") / "novel.html"
    options = ["--sample", "novel", "--seed", "7", "-n", "3", "The whale"]
    assert cli.main(["export", str(path), *options]) == 0
    return path


def tokens(page: Page) -> Locator:
    return page.get_by_role("listbox", name="Tokens").get_by_role("option")


def text(page: Page) -> str:
    return "".join(tokens(page).all_inner_texts())


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True)


def play(page: Page, number: int) -> None:
    page.get_by_label("tokens", exact=True).fill(str(number))
    button(page, "Play").click()
    expect(page.locator("p[role=status]")).to_have_text(f"{number} tokens written.")


def note(column: Locator) -> str:
    return column.locator(".note").inner_text()


def written(column: Locator) -> str:
    return column.locator(".written").inner_text()


def test_a_file_writes_with_the_model_in_itself(page: Page, file: Path, tmp_path: Path) -> None:
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.context.set_offline(True)
    page.goto(file.as_uri())
    # Three tokens, and the place of the next one.
    expect(tokens(page)).to_have_count(4)
    expect(page.get_by_role("region", name="Prompt")).to_have_text("The whale")
    first = text(page)
    button(page, "Step").click()
    expect(tokens(page)).to_have_count(5)
    play(page, 10)
    expect(tokens(page)).to_have_count(15)
    whole = text(page)
    assert whole.startswith(first)

    # A cut text goes on as before, and at T = 0 with the likeliest token.
    tokens(page).nth(3).click()
    button(page, "Cut here").click()
    expect(tokens(page)).to_have_count(4)
    play(page, 11)
    assert text(page) == whole
    field(page).fill("0")
    field(page).press("Enter")
    button(page, "Step").click()
    expect(tokens(page)).to_have_count(16)
    tokens(page).nth(14).click()
    expect(page.locator(".sentence")).to_contain_text(
        f"“{tokens(page).nth(14).inner_text().strip()}”"
    )

    # Another token at an earlier place is another branch, and any beginning starts one.
    tokens(page).nth(1).click()
    page.get_by_role("button", name="Take").click()
    expect(page.get_by_role("combobox", name="Branch", exact=True)).to_have_value("2")
    page.get_by_text("Prompt and text").click()
    page.get_by_role("textbox", name="Prompt", exact=True).fill("Call me 🐋")
    button(page, "Start from this prompt").click()
    expect(page.get_by_role("combobox", name="Branch", exact=True)).to_have_value("3")
    play(page, 5)
    branch = text(page)
    # Share has the page as a file.
    expect(button(page, "Save page (HTML)")).to_have_count(0)

    # What is saved goes on where this was.
    button(page, "Share").click()
    with page.expect_download() as waiting:
        page.get_by_role("menuitem", name="HTML").click()
    waiting.value.save_as(tmp_path / "saved.html")
    page.goto((tmp_path / "saved.html").as_uri())
    expect(tokens(page)).to_have_count(6)
    assert text(page) == branch
    expect(page.get_by_role("combobox", name="Branch", exact=True)).to_have_value("3")
    assert [url for url in requests if not url.startswith(("file:", "blob:"))] == []

    view(page, 360)
    open_panels(page)
    expect(page.locator("p[role=status]")).to_have_text("Three texts of 60 tokens are written.")
    assert found_in_all_colours(page, 360) == []


def test_a_beginning_is_written_at_three_temperatures(page: Page, file: Path) -> None:
    page.goto(file.as_uri())
    expect(tokens(page)).to_have_count(4)
    play(page, 17)
    at_one = text(page)
    page.get_by_text("Three temperatures", exact=True).click()
    status = page.locator("p[role=status]")
    expect(status).to_have_text("Three texts of 60 tokens are written.")
    columns = [page.get_by_role("region", name=f"Text {k} of 3") for k in (1, 2, 3)]
    page_of_docs = (ROOT / "docs" / "novel.md").read_text(encoding="utf-8")
    assert [written(column) for column in columns] == re.findall(
        r"^\| [0-9.]+ \| (The whale.*) \| [0-9]+ \|$", page_of_docs, re.MULTILINE
    )
    told = [re.fullmatch(r"60 tokens, (\d+) different", note(column)) for column in columns]
    different = [int(found[1]) for found in told if found]
    # It goes round in circles when cold.
    assert different[0] < different[1] < different[2]

    # At the same temperature it is the text of the page, whose seed and beginning it has.
    field = columns[1].get_by_role("textbox", name="T", exact=True)
    field.fill("warm")
    button(page, "Write").click()
    expect(field).to_have_attribute("aria-invalid", "true")
    field.fill("1")
    number = page.get_by_label("tokens each")
    number.fill("0")
    button(page, "Write").click()
    expect(number).to_have_attribute("aria-invalid", "true")
    number.fill("20")
    button(page, "Write").click()
    expect(status).to_have_text("Three texts of 20 tokens are written.")
    assert written(columns[1]) == f"The whale{at_one}"

    # What was stopped does not go on beside what begins in the same moment.
    number.fill("1000")
    button(page, "Write").click()
    expect(columns[0].locator(".note")).to_have_text(re.compile("^[2-9][0-9] tokens"))
    number.fill("20")
    button(page, "Stop").evaluate("(button) => { button.click(); button.click(); }")
    expect(status).to_have_text("Three texts of 20 tokens are written.")
    expect(button(page, "Write")).to_be_visible()
    page.wait_for_timeout(200)
    assert [note(column)[:9] for column in columns] == ["20 tokens"] * 3

    # It can be stopped, and what is there is kept.
    number.fill("1000")
    button(page, "Write").click()
    expect(columns[0].locator(".note")).to_have_text(re.compile("^[2-9][0-9] tokens"))
    button(page, "Stop").click()
    expect(status).to_have_text("Stopped.")
    expect(button(page, "Write")).to_be_visible()
    last = written(columns[2])
    columns[2].get_by_role("button", name="Keep as a branch").click()
    expect(page.get_by_role("combobox", name="Branch", exact=True)).to_have_value("2")
    # The text of the branch comes after its name.
    deadline = time.monotonic() + 30
    while f"The whale{text(page)}" != last:
        assert time.monotonic() < deadline, text(page)
        page.wait_for_timeout(50)


def set_temperature(page: Page, temperature: str) -> None:
    field(page).fill(temperature)
    field(page).press("Enter")


def test_a_text_is_compared_and_saved(page: Page, file: Path, tmp_path: Path) -> None:
    page.goto(file.as_uri())
    play(page, 9)
    tokens(page).nth(4).click()
    expect(page.get_by_role("textbox", name="Row", exact=True)).to_have_value("4")
    page.get_by_role("figure", name="Softmax").get_by_role("listitem").nth(5).click()
    page.get_by_role("button", name="Take").click()
    expect(tokens(page)).to_have_count(6)
    play(page, 6)

    page.get_by_text("Compare on this text").click()
    set_temperature(page, "0.7")
    button(page, "Compare branches").click()
    expect(page.get_by_text("They share the first 4 tokens.")).to_be_visible()
    lines = page.get_by_role("table", name="From where they part").get_by_role("row")
    heads, *cells = [line.locator("th, td").all_inner_texts() for line in lines.all()]
    button(page, "Compare T = 1 with T = 0.7").click()
    told = page.get_by_text("draws would differ between T = 1 and T = 0.7")
    apart, most = told.inner_text(), page.get_by_role("button", name="Most at token").inner_text()
    # What is not the likeliest token is not drawn at 0.
    set_temperature(page, "0")
    button(page, "Compare branches").click()
    expect(lines.nth(4).get_by_role("cell").first).to_have_text("could not be drawn")

    # The place after the text has its distribution in the file once it has a token.
    set_temperature(page, "0.7")
    button(page, "Step").click()
    expect(tokens(page)).to_have_count(13)
    expect(told).to_have_count(0)
    with page.expect_download() as waiting:
        button(page, "Save text (JSON)").click()
    path = tmp_path / waiting.value.suggested_filename
    waiting.value.save_as(path)
    expect(page.locator("p[role=status]")).to_have_text(
        "“text.json” is being saved. The file has all branches."
    )

    saved = read_text(path)
    assert (saved.current, saved.temperature, saved.settings) == ("2", 0.7, {})
    first, second = saved.branches
    assert (second.origin, second.shared, second.typed, second.seed) == ("1", 4, "The whale", 7)
    dataset = open_logits(path)
    drawn = (dataset.tokens[k][dataset.drawn[k]].text for k in range(12))
    assert "".join(drawn) == text(page)

    assert heads == ["From where they part", "2", "1"]
    columns = [second.rows[4:11], first.rows[4:12]]
    logprobs = [np.array([row.logprobs[row.drawn] for row in rows]) for rows in columns]
    chances = [[truncate(row.logprobs, 0.7)[row.drawn] for row in rows] for rows in columns]
    texts = ["".join(row.tokens[row.drawn].text for row in rows) for rows in columns]
    assert cells == [
        ["Tokens", "11", "12"],
        ["Its first token had, T = 1", *(percent(float(np.exp(each[0]))) for each in logprobs)],
        ["Nats per token, T = 1", *(measure(float(-each.mean())) for each in logprobs)],
        ["Log-probability as sampled", *(measure(float(np.log(each).sum())) for each in chances)],
        ["Text", *map(printable, texts)],
    ]
    rows = np.array([row.logprobs for row in second.rows])
    settings = {"a": {"temperature": 1.0}, "b": {"temperature": 0.7}}
    variation = compare_samplers(rows, settings).total_variation["a", "b"]
    assert apart == (
        f"{differing(variation.mean)} between T = 1 and T = 0.7: the mean over 12 positions."
    )
    part = differing(variation.max).removesuffix(" draws would differ")
    assert most == f"Most at token {variation.row_of_max + 1}: {part}"


def test_a_damaged_model_is_told(page: Page, file: Path, tmp_path: Path) -> None:
    content = file.read_text(encoding="utf-8")
    start = content.index('<script type="application/gzip">') + 40_000
    (tmp_path / "damaged.html").write_text(content[:start] + content[start + 4 :], encoding="utf-8")
    page.goto((tmp_path / "damaged.html").as_uri())
    expect(page.get_by_role("alert")).to_contain_text("no whole file of a language model")
