"""``thermoscope explore`` with the real logits of a language model, in a real browser."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from playwright.sync_api import Error

import thermoscope as ts
from tools.explorer import WATCH, explorer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def next_token_page(next_token: Path) -> Iterator[str]:
    with explorer(next_token / "0.npy", "--labels", next_token / "tokens.json") as served:
        yield served.url


def rows(page: Page) -> list[list[str]]:
    """Return the table "Values", cell by cell, without its heading and its last line, the sum."""
    page.get_by_text("Values").click()
    table = page.get_by_role("table", name="Values")
    texts: list[list[str]] = table.locator("tbody tr, tfoot tr").evaluate_all(
        "rows => rows.map(row => [...row.cells].map(cell => cell.textContent))"
    )
    page.get_by_text("Values").click()
    name, *sums = texts.pop()
    assert name == "Sum"
    assert [float(text) for text in sums] == pytest.approx([1, 1], rel=1e-15)
    return texts


def ten_digits(value: float) -> str:
    return f"{value:#.10g}"


def test_many_tokens_have_the_digits_that_python_gives(
    page: Page, next_token: Path, next_token_page: str
) -> None:
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.add_init_script(WATCH)
    page.goto(next_token_page)

    logits = np.load(next_token / "0.npy").astype(np.float64)
    probabilities = ts.softmax(logits)
    order = np.argsort(-logits, kind="stable")
    *items, rest = rows(page)
    assert [label for label, *_ in items[:3]] == [" visualize", " create", " see"]
    assert len(items) == 15
    for item, (_, logit, probability, _) in zip(order, items, strict=False):
        assert float(logit) == float(f"{logits[item]:.10g}")
        assert float(probability) == float(ten_digits(probabilities[item]))
    assert rest[0] == "other 50,242 items"
    assert float(rest[1]) == float(ten_digits(probabilities[order[15:]].sum()))
    assert (
        page.get_by_role("combobox", name="Total items")
        .locator("option:checked")
        .inner_text()
        .startswith("50,257")
    )

    slider = page.get_by_role("slider", name="Temperature")
    slider.focus()
    slider.press("End")
    *_, (_, uniform, _) = rows(page)
    assert uniform == ten_digits(50_242 / 50_257)
    slider.press("Home")
    assert [row[2] for row in rows(page)[:2]] == ["1", "0"]

    assert requests == [next_token_page]
    assert page.evaluate("violations") == []


@pytest.mark.parametrize("temperature", ["0", "0.01", "0.7", "100", "inf"])
def test_every_temperature_has_the_digits_that_python_gives(
    page: Page, tmp_path: Path, temperature: str
) -> None:
    logits = np.array([2.5, 1.0, 2.5, -3.0, 0.1, -np.inf])
    np.save(tmp_path / "logits.npy", logits)
    with explorer(tmp_path / "logits.npy", "-T", temperature) as served:
        page.goto(served.url)
        shown = [row[2] for row in rows(page)]
    for text, probability in zip(shown, ts.softmax(logits, float(temperature)), strict=True):
        assert float(text) == float(f"{probability:.10g}")


def test_hostile_labels_do_nothing(page: Page, tmp_path: Path) -> None:
    labels = [
        "</script><script>window.owned = true</script>",
        "<img src=x onerror='window.owned = true'>",
        "<!--<script>",
        "\u202eabc",
        "",
        "same",
        "same",
    ]
    (tmp_path / "labels.txt").write_text("\n".join(labels) + "\n", encoding="utf-8")
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.add_init_script(WATCH)
    with explorer("--labels", tmp_path / "labels.txt") as served:
        page.goto(served.url)
        shown = [row[0] for row in rows(page)]
        assert shown[0] == labels[0]
        assert shown[1] == labels[1]
        assert shown[2] == labels[2]
        assert shown[5:] == ["same", "same"]
        assert page.evaluate("window.owned") is None
        assert page.evaluate("violations") == []
        assert requests == [served.url]


def test_the_policy_blocks_requests_and_images(browser: Browser, next_token_page: str) -> None:
    """The tests above can fail: WATCH sees a violation."""
    page = browser.new_page()
    try:
        page.add_init_script(WATCH)
        page.goto(next_token_page)
        with pytest.raises(Error, match="Failed to fetch"):
            page.evaluate("fetch(location.href)")
        page.evaluate("document.body.append(Object.assign(new Image(), {src: '/x.png'}))")
        page.wait_for_function("violations.some(text => text.startsWith('img-src'))")
        # The header and the page itself carry the policy, and both say so.
        assert {text.split()[0] for text in page.evaluate("violations")} == {
            "connect-src",
            "img-src",
        }
    finally:
        page.close()
