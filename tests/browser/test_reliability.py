"""Live reliability in a real browser: the page of a server, the offline file, every input."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING

import numpy as np
import pytest
from playwright.sync_api import expect

import thermoscope as ts
from tests.browser.explorer_page import field, slider
from tests.browser.test_everyone import found_in_all_colours, open_everything, view
from thermoscope.calibration import Reliability
from thermoscope.explorer.browse import RowSource
from thermoscope.explorer.page import write_page
from tools.explorer import WATCH, explorer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Locator, Page

    from tools.explorer import Served

pytestmark = pytest.mark.browser

BINS = 15
PATIENCE_MS = 60_000


@pytest.fixture(scope="module")
def digits() -> Iterator[Served]:
    with explorer("--sample", "digits") as served:
        yield served


@pytest.fixture
def opened(page: Page, digits: Served) -> Page:
    page.add_init_script(WATCH)
    page.goto(digits.url)
    measured(page)
    return page


@pytest.fixture
def file(page: Page, tmp_path: Path) -> Page:
    logits, targets, names = ts.samples.digits()
    rows = RowSource(logits, names, targets=targets, source="digits")
    write_page(tmp_path / "page.html", rows.state(0), reliability=rows.measured())
    page.context.set_offline(True)
    page.goto((tmp_path / "page.html").as_uri())
    measured(page)
    return page


def figure(page: Page) -> Locator:
    return page.get_by_role("figure", name="Reliability")


def measured(page: Page) -> None:
    """Wait for the table of all stops."""
    expect(figure(page).get_by_role("button", name="Fitted: T = 2.098")).to_be_visible(
        timeout=PATIENCE_MS
    )


def scores(page: Page) -> list[float]:
    """Return NLL, ECE and the two of the ECE if calibrated, with all digits."""
    title = figure(page).locator(".scores").get_attribute("title") or ""
    return [float(number) for number in re.findall(r"[\d.]+(?:e-?\d+)?|inf", title)]


def set_temperature(page: Page, text: str) -> None:
    field(page).focus()  # which shows all digits
    field(page).fill(text)
    field(page).press("Enter")


def want(temperature: float) -> Reliability:
    logits, targets, _ = ts.samples.digits()
    return ts.reliability(logits, targets, temperature)


def check(page: Page, temperature: float) -> None:
    """Check scores to the last digits and the bins as they are told to a screen reader."""
    expected = want(temperature)
    four = [
        expected.nll,
        expected.ece,
        expected.ece_if_calibrated,
        expected.ece_if_calibrated_upper,
    ]
    text = figure(page).locator(".scores")
    expect(text).to_have_text(re.compile(f"ECE {expected.ece:.4g} "))
    assert scores(page) == pytest.approx(four, rel=1e-12)
    bins = expected.bins
    table = figure(page).get_by_role("table", name="Bins of confidence")
    expect(table.locator("tbody tr")).to_have_count(int(np.count_nonzero(bins.count)))
    cells = table.locator("tbody tr").evaluate_all(
        "rows => rows.map((row) => [...row.cells].map((cell) => cell.textContent))"
    )
    full = np.flatnonzero(bins.count)
    for (_, count, confidence, accuracy, _), at in zip(cells, full, strict=True):
        assert int(count.replace(",", "")) == bins.count[at]
        for told, number in ((confidence, bins.confidence[at]), (accuracy, bins.accuracy[at])):
            if not told.startswith(">"):
                assert float(told.removesuffix(" %")) == pytest.approx(100 * number, abs=0.0051)


def test_at_rest_it_is_what_reliability_gives(opened: Page) -> None:
    check(opened, 1.0)
    for text, temperature in (("2", 2.0), ("0.7345", 0.7345), ("inf", np.inf), ("1e-3", 1e-3)):
        set_temperature(opened, text)
        check(opened, temperature)
    assert opened.evaluate("violations") == []


def test_the_numbers_of_a_temperature_between_stops_come_from_the_server(opened: Page) -> None:
    with opened.expect_response(lambda answer: "reliability=0.7345" in answer.url) as response:
        set_temperature(opened, "0.7345")
    found = response.value.json()["found"]
    values = np.frombuffer(base64.b64decode(found["values"]), "<f8")
    bins = want(0.7345).bins
    for part, name in enumerate(("count", "confidence", "accuracy")):
        got = values[4 + part * BINS : 4 + (part + 1) * BINS]
        np.testing.assert_allclose(got, getattr(bins, name), rtol=1e-12)


def test_it_follows_the_slider_without_a_request(opened: Page) -> None:
    requests: list[str] = []
    opened.on("request", lambda request: requests.append(request.url))
    box = slider(opened).bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    opened.mouse.move(box["x"] + box["width"] / 2, middle)
    opened.mouse.down()
    seen = set()
    for step in range(8):
        opened.mouse.move(box["x"] + box["width"] * (0.5 + step / 40), middle)
        opened.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
        seen.add(figure(opened).locator(".scores").inner_text())
    assert len(seen) == 8
    opened.mouse.up()
    check(opened, float(field(opened).input_value()))
    assert requests == []


def test_a_bin_leads_to_its_rows(opened: Page) -> None:
    logits = ts.samples.digits().logits
    set_temperature(opened, "2")
    check(opened, 2.0)
    bins = want(2.0).bins
    confidence = ts.softmax(logits.astype(np.float64), 2.0).max(axis=1)
    row = opened.get_by_role("textbox", name="Row", exact=True)
    order = opened.get_by_role("combobox", name="Order")
    group = figure(opened).get_by_role("group", name="Bins of confidence")
    for number, by_key in ((12, False), (13, True)):
        low, high = bins.edges[number : number + 2]
        rows = np.flatnonzero((confidence > low) & (confidence <= high))
        button = group.get_by_role("button").nth(number)
        expect(button).to_have_accessible_name(re.compile(rf": {len(rows)} rows$"))
        if by_key:
            opened.keyboard.press("ArrowRight")
            expect(button).to_be_focused()
            opened.keyboard.press("Enter")
        else:
            button.click()
        expect(row).to_have_value(str(rows[0]))
        expect(opened.get_by_text(f"1st of {len(rows)} rows")).to_be_visible()
        label = order.locator("option:checked").inner_text()
        assert label.startswith("Confidence ")
        assert label.endswith(" at T = 2")
        opened.keyboard.press("]")
        expect(row).to_have_value(str(rows[1]))
    # A row of another bin is gone to as given.
    row.fill("7")
    row.press("Enter")
    expect(row).to_have_value("7")
    expect(order).to_have_value("given")
    # Only one bin is a stop of Tab.
    assert group.locator("[tabindex='0']").count() == 1
    for key, place in {"End": -1, "ArrowLeft": -2, "Home": 0}.items():
        if key == "End":
            group.get_by_role("button").nth(3).focus()
        opened.keyboard.press(key)
        expect(group.get_by_role("button").nth(place)).to_be_focused()
    # A bin without rows leads nowhere.
    expect(group.get_by_role("button").first).to_have_attribute("aria-disabled", "true")
    group.get_by_role("button").first.focus()
    opened.keyboard.press("Enter")
    expect(order).to_have_value("given")


def test_the_fitted_temperature_is_marked_and_can_be_set(opened: Page) -> None:
    logits, targets, _ = ts.samples.digits()
    fit = ts.fit_temperature(logits, targets)
    low, high = fit.interval
    expect(figure(opened)).to_contain_text(f"95 % interval {low:.4g} to {high:.4g}")
    figure(opened).get_by_role("button", name="Fitted").click()
    check(opened, fit.temperature)
    thumb, interval = (
        opened.locator(f".fit i:nth-child({child})").bounding_box() for child in (2, 1)
    )
    box = slider(opened).bounding_box()
    assert thumb is not None
    assert interval is not None
    assert box is not None
    # The middle of the thumb is half of its width, 10 pixels, away from the ends at the ends.
    place = (np.log10(fit.temperature) + 4.1) / 8.2
    assert thumb["x"] + thumb["width"] / 2 == pytest.approx(
        box["x"] + 10 + place * (box["width"] - 20), abs=1
    )
    wide = (np.log10(high) - np.log10(low)) / 8.2 * (box["width"] - 20)
    assert interval["width"] == pytest.approx(wide + 2, abs=1)


def test_the_offline_file_has_it_at_every_stop_and_at_the_fit(file: Page) -> None:
    check(file, 1.0)
    slider(file).press("ArrowRight")
    check(file, 1.259)
    figure(file).get_by_role("button", name="Fitted").click()
    logits, targets, _ = ts.samples.digits()
    check(file, ts.fit_temperature(logits, targets).temperature)
    # Between two stops it says what it shows.
    set_temperature(file, "2.718")
    expect(figure(file)).to_contain_text("at T = 2.512, the nearest that is known")
    assert scores(file)[1] == pytest.approx(want(2.512).ece, rel=1e-12)
    button = figure(file).get_by_role("button", name=re.compile("rows$")).last
    expect(button).to_have_attribute("aria-disabled", "true")


def test_a_page_that_is_saved_has_it_too(opened: Page, browser: Browser, tmp_path: Path) -> None:
    opened.get_by_role("button", name="Share").click()
    with opened.expect_download() as download:
        opened.get_by_role("menuitem", name="Download HTML").click()
    download.value.save_as(tmp_path / "saved.html")
    with browser.new_context(offline=True) as context:
        saved = context.new_page()
        saved.goto((tmp_path / "saved.html").as_uri())
        measured(saved)
        check(saved, 1.0)


def test_without_targets_there_is_nothing_of_it(page: Page, tmp_path: Path) -> None:
    np.save(tmp_path / "rows.npy", np.arange(12.0).reshape(4, 3))
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    with explorer(tmp_path / "rows.npy") as served:
        page.goto(served.url)
        expect(page.get_by_role("textbox", name="Row", exact=True)).to_have_value("0")
        expect(page.locator(".reliability, .fit")).to_have_count(0)
        assert not [url for url in requests if "reliability" in url]


def test_rows_that_have_none_are_told(browser: Browser, tmp_path: Path) -> None:
    logits = np.arange(12.0).reshape(4, 3)
    logits[2, 1] = np.nan
    np.save(tmp_path / "rows.npy", logits)
    np.save(tmp_path / "targets.npy", np.array([0, 1, 2, 0]))
    # Another page: each error answer is an error in the console.
    with (
        explorer(tmp_path / "rows.npy", "--targets", tmp_path / "targets.npy") as served,
        browser.new_context() as context,
    ):
        page = context.new_page()
        page.goto(served.url)
        expect(figure(page).get_by_role("alert")).to_contain_text(
            "rows.npy: cannot read all rows, for their reliability: logits must be finite or -inf, "
            "got nan in row 2"
        )
        page.get_by_role("button", name="Next row").click()
        expect(page.get_by_role("textbox", name="Row", exact=True)).to_have_value("1")


@pytest.mark.parametrize("width", [360, 1280])
def test_axe_finds_nothing(opened: Page, width: int) -> None:
    assert found_in_all_colours(opened, width) == []
    open_everything(opened)
    assert found_in_all_colours(opened, width) == []


@pytest.mark.parametrize("width", [360, 1280])
def test_axe_finds_nothing_in_the_file(file: Page, width: int) -> None:
    view(file, width)
    open_everything(file)
    assert found_in_all_colours(file, width) == []


def test_the_accessibility_tree_has_it(opened: Page) -> None:
    expect(figure(opened)).to_match_aria_snapshot(
        """
        - figure "Reliability":
          - strong: Reliability
          - text: 1,597 rows
          - group "Bins of confidence":
            - 'button "33.33 to 40 %: 2 rows"'
            - 'button "93.33 to 100 %: 1,431 rows"'
          - table "Bins of confidence":
            - rowgroup:
              - row "Confidence Rows Mean confidence Accuracy If calibrated"
            - rowgroup:
              - row "33.33 to 40 % 2 35.28 % 50.00 % 0 to 100 %"
          - list:
            - listitem: /accuracy/
            - listitem: mean confidence
            - listitem: /if calibrated, 95 %/
          - paragraph: /NLL 0.3623 nats, ECE 0.04562/
          - list:
            - listitem: /NLL/
            - listitem: /ECE/
          - paragraph:
            - 'button "Fitted: T = 2.098"'
            - text: 95 % interval 1.954 to 2.252
        """
    )


def test_it_fits_a_phone_and_is_seen_in_forced_colours(browser: Browser, digits: Served) -> None:
    with browser.new_context(
        viewport={"width": 320, "height": 800}, forced_colors="active"
    ) as context:
        page = context.new_page()
        page.goto(digits.url)
        measured(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= 320
        paths = figure(page).locator("path.right, path.sure, path.band")
        strokes = paths.evaluate_all("paths => paths.map((path) => getComputedStyle(path).stroke)")
        surface = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert len(strokes) == 3
        assert surface not in strokes
