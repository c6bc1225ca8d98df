"""The exported file in Firefox and in WebKit: what the other tests show in Chromium, in short."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from selenium.common.exceptions import TimeoutException
from selenium.webdriver import ActionChains, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from thermoscope import (
    cli,
    fit_temperature,
    open_logits,
    random_logits,
    reliability,
    samples,
    softmax,
    truncate,
)
from thermoscope.explorer.browse import RowSource
from thermoscope.explorer.page import write_page
from thermoscope.state import State
from tools.browsers import find_firefox, find_webkit, webkit
from tools.marionette import firefox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import ArrayLike
    from selenium.webdriver.remote.webdriver import WebDriver
    from selenium.webdriver.remote.webelement import WebElement

pytestmark = [
    pytest.mark.browser,
    # Selenium's own driver for WebKit calls Selenium's own connection in a way that it deprecates.
    pytest.mark.filterwarnings("ignore:setting remote_server_addr:DeprecationWarning"),
]

DATA = Path(__file__).parents[1] / "data" / "sequences"
LOGITS = [2.0, 1.0, 0.1]
PATIENCE = 20


@pytest.fixture(scope="module", params=["firefox", "webkit"])
def driver(request: pytest.FixtureRequest) -> Iterator[WebDriver]:
    if request.param == "firefox":
        path = find_firefox()
        if path is None:
            pytest.skip("no Firefox: `python -m tools.browsers` installs one")
        with firefox(path) as driver:
            yield driver
    else:
        found = find_webkit()
        if found is None:
            pytest.skip("no WebKit: `python -m tools.browsers` installs one")
        with webkit(found) as driver:
            yield driver


def write_logits(path: Path) -> None:
    write_page(path, State.of(LOGITS))


def write_text(path: Path) -> None:
    options = ("--row", "5", "--vocabulary", "50257")
    assert cli.main(["export", str(path), str(DATA / "chat.json"), *options]) == 0


def write_reliability(path: Path) -> None:
    logits, targets, names = samples.digits()
    rows = RowSource(logits, names, targets=targets, source="digits")
    write_page(path, rows.state(0), reliability=rows.measured())


@pytest.fixture
def page(driver: WebDriver, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[WebDriver]:
    """Yield the exported file of three logits, or another; any uncaught error fails the test."""
    path = tmp_path / "page.html"
    getattr(request, "param", write_logits)(path)
    driver.set_window_size(1280, 900)
    driver.get(path.as_uri())
    driver.execute_script(
        """window.failures = [];
        addEventListener("error", (event) => failures.push(event.message));
        addEventListener("unhandledrejection", (event) => failures.push(String(event.reason)));
        addEventListener("securitypolicyviolation", (event) => failures.push(event.blockedURI));"""
    )
    yield driver
    alerts = [alert.text for alert in driver.find_elements(By.CSS_SELECTOR, "[role=alert]")]
    assert "".join(alerts) == ""
    assert driver.execute_script("return failures") == []


def named(page: WebDriver, name: str) -> WebElement:
    return page.find_element(By.CSS_SELECTOR, f'[aria-label="{name}"]')


def wait(page: WebDriver, condition: Callable[[], bool]) -> None:
    WebDriverWait(page, PATIENCE, 0.05).until(lambda _: condition())


def temperature(page: WebDriver) -> float:
    text = page.execute_script("return document.querySelector('.now input').value")
    return float(text.replace("∞", "inf"))


def assert_softmax(page: WebDriver, logits: ArrayLike, expected: float | None = None) -> None:
    """Assert that the rows show the softmax of `logits` at `expected`, or at the T that is shown.

    Rows are exact as soon as a drag has rested. Until then the T that is shown moves as well: a
    browser may hand events to the page after its driver has called them done.
    """

    def shown_and_right() -> tuple[Sequence[float], Sequence[float]]:
        texts, width = page.execute_script(
            """const cells = document.querySelectorAll(".values tbody td:nth-of-type(2)");
            const bars = document.querySelector(".probabilities path").getBBox();
            return [[...cells].map((cell) => cell.textContent), bars.width];"""
        )
        right = softmax(logits, temperature(page) if expected is None else expected)
        return [*map(float, texts), width], [
            *(pytest.approx(number, 1e-9, 1e-300) for number in right),
            pytest.approx(right.max(), abs=1e-4),
        ]

    def is_right() -> bool:
        shown, right = shown_and_right()
        return shown == right

    try:
        wait(page, is_right)
    except TimeoutException:
        shown, right = shown_and_right()
        assert shown == right


def test_it_opens(page: WebDriver) -> None:
    assert page.find_element(By.CSS_SELECTOR, "h1").text == "Softmax temperature"
    assert_softmax(page, LOGITS, 1)
    wait(page, lambda: len(page.find_elements(By.CSS_SELECTOR, ".every path.line")) == len(LOGITS))
    wide = page.execute_script("return document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0


def test_a_drag_of_the_slider(page: WebDriver) -> None:
    slider = named(page, "Temperature")
    width = slider.rect["width"]
    drag = ActionChains(page).move_to_element(slider).click_and_hold()
    drag.move_by_offset(round(-0.1 * width), 0).perform()
    wait(page, lambda: temperature(page) < 0.5)
    assert_softmax(page, LOGITS)
    ActionChains(page).move_by_offset(round(0.3 * width), 0).release().perform()
    wait(page, lambda: temperature(page) > 10)
    assert_softmax(page, LOGITS)


def test_a_drag_over_every_temperature(page: WebDriver) -> None:
    plot = page.find_element(By.CSS_SELECTOR, ".every .plot")
    width = plot.rect["width"]
    drag = ActionChains(page).move_to_element(plot).click_and_hold()
    drag.move_by_offset(round(-0.1 * width), 0).release().perform()
    wait(page, lambda: temperature(page) < 0.5)
    assert_softmax(page, LOGITS)


def test_a_typed_temperature_and_keys(page: WebDriver) -> None:
    field = named(page, "Temperature value")
    field.click()
    field.send_keys(Keys.CONTROL, "a")
    field.send_keys("0,25")
    assert_softmax(page, LOGITS, 0.25)
    field.send_keys(Keys.TAB, Keys.TAB)
    for key, expected in ((Keys.HOME, 0), (Keys.END, np.inf)):
        page.switch_to.active_element.send_keys(key)
        assert_softmax(page, LOGITS, expected)


def test_a_link_opens_and_is_written(page: WebDriver) -> None:
    page.get(f"{page.current_url.split('#')[0]}#n=4&seed=7&T=0.5")
    assert_softmax(page, random_logits(4, seed=7), 0.5)
    page.find_element(By.CSS_SELECTOR, "[aria-label='T = ∞']").click()
    assert_softmax(page, random_logits(4, seed=7), np.inf)
    wait(page, lambda: page.current_url.endswith("#n=4&seed=7&T=inf"))


def test_the_sampler(page: WebDriver) -> None:
    def said() -> str:
        text = page.execute_script("return document.querySelector('.sampler .kept').textContent")
        return str(text).replace("\N{NO-BREAK SPACE}", " ")

    def steps() -> list[str]:
        handles = page.find_elements(By.CSS_SELECTOR, ".chip .handle")
        return [str(handle.get_attribute("aria-label")) for handle in handles]

    named(page, "Add top-k").click()
    named(page, "Add top-p").click()
    parameter = named(page, "top-k")
    parameter.click()
    parameter.send_keys(Keys.CONTROL, "a")
    parameter.send_keys("2", Keys.ENTER)
    wait(page, lambda: said() == "kept 2 of 3, 90.14 % of the mass")
    named(page, "Move temperature").send_keys(Keys.END)
    wait(page, lambda: steps() == ["Move top-k", "Move top-p", "Move temperature"])
    last, first = named(page, "Move temperature"), named(page, "Move top-k")
    drag = ActionChains(page).click_and_hold(last)
    drag.move_to_element_with_offset(first, -10, 0).release().perform()
    wait(page, lambda: steps()[0] == "Move temperature")
    # The chip that a key or the mouse has moved has the focus.
    focused = page.switch_to.active_element.get_attribute("aria-label")
    assert focused == "Move temperature"
    named(page, "Undo").click()
    wait(page, lambda: steps()[-1] == "Move temperature")


def test_undo_and_redo(page: WebDriver) -> None:
    page.find_element(By.CSS_SELECTOR, "[aria-label='T = ∞']").click()
    assert_softmax(page, LOGITS, np.inf)
    named(page, "Undo").click()
    assert_softmax(page, LOGITS, 1)
    named(page, "Redo").click()
    assert_softmax(page, LOGITS, np.inf)
    ActionChains(page).key_down(Keys.CONTROL).send_keys("z").key_up(Keys.CONTROL).perform()
    assert_softmax(page, LOGITS, 1)


def test_what_the_sampler_keeps(page: WebDriver) -> None:
    named(page, "Add top-k").click()
    field = named(page, "top-k")
    field.click()
    field.send_keys(Keys.CONTROL, "a")
    field.send_keys("2", Keys.ENTER)
    wait(page, lambda: page.current_url.endswith("top_k=2"))
    after = truncate(LOGITS, top_k=2)

    def right() -> bool:
        texts = page.execute_script(
            """const cells = document.querySelectorAll(".values tbody td:nth-of-type(3)");
            return [...cells].map((cell) => cell.textContent);"""
        )
        return len(texts) == len(LOGITS) and np.allclose(np.array(texts, float), after, 1e-9)

    wait(page, right)
    bars = page.execute_script("return document.querySelector('.probabilities path').getBBox()")
    assert bars["width"] == pytest.approx(after.max(), abs=1e-4)


def type_temperature(page: WebDriver, text: str) -> None:
    field = named(page, "Temperature value")
    field.click()
    field.send_keys(Keys.CONTROL, "a")
    field.send_keys(text, Keys.ENTER)


@pytest.mark.parametrize("page", [write_text], indirect=True)
def test_a_text_and_its_ranges(page: WebDriver) -> None:
    def tokens() -> list[WebElement]:
        return page.find_elements(By.CSS_SELECTOR, "[role=listbox] [role=option]")

    def selected() -> list[int]:
        chosen = [one.get_attribute("aria-selected") for one in tokens()]
        return [at for at, is_chosen in enumerate(chosen) if is_chosen == "true"]

    def classes() -> list[str]:
        return [str(one.get_attribute("class")).split()[1] for one in tokens()]

    wait(page, lambda: len(tokens()) == 18)
    assert selected() == [5]
    # A click and keys go to a position.
    tokens()[3].click()
    wait(page, lambda: selected() == [3])
    for key, place in ((Keys.ARROW_RIGHT, 4), (Keys.END, 17), (Keys.HOME, 0)):
        ActionChains(page).send_keys(key).perform()
        wait(page, lambda place=place: selected() == [place])
        assert page.switch_to.active_element.get_attribute("aria-selected") == "true"
    # The temperature colours all of them.
    before = classes()
    type_temperature(page, "0.2")
    wait(page, lambda: classes() != before)
    told = re.compile(r"token 6 of 18, “ Paris”, rank 3, 5\d bits, entropy ")
    assert told.match(str(tokens()[5].get_attribute("aria-label")))
    # Ranges are those of Python.
    type_temperature(page, "1.5")
    low, high = softmax(open_logits(DATA / "chat.json", vocabulary=50257).reported(0), 1.5)

    def right() -> bool:
        texts = page.execute_script(
            """const rows = document.querySelectorAll(".values tbody tr");
            return [...rows].map(({ cells }) => [cells[2].textContent, cells[3].textContent]);"""
        )
        shown = np.array(texts, float)
        return shown.shape == (5, 2) and np.allclose(shown, np.stack([low, high], 1), 1e-4)

    wait(page, right)
    assert page.execute_script("return document.querySelector('.unknown path').getBBox().width") > 0
    # So is the verdict of a sampler.
    button = named(page, "Add top-k")
    # WebKit's driver does not scroll to a button below the window.
    page.execute_script("arguments[0].scrollIntoView({ block: 'center' })", button)
    button.click()
    field = named(page, "top-k")
    field.click()
    field.send_keys(Keys.CONTROL, "a")
    field.send_keys("2", Keys.ENTER)
    said = "At these settings 3 of these 18 tokens could not have been written."
    wait(page, lambda: page.find_element(By.CSS_SELECTOR, ".told").text == said)


@pytest.mark.parametrize("page", [write_reliability], indirect=True)
def test_live_reliability(page: WebDriver) -> None:
    logits, targets, _ = samples.digits()

    def right(temperature: float) -> bool:
        found = reliability(logits, targets, temperature)
        expected = [found.nll, found.ece, found.ece_if_calibrated, found.ece_if_calibrated_upper]
        title = page.execute_script("return document.querySelector('.scores')?.title ?? ''")
        numbers = [float(number) for number in re.findall(r"[\d.]+(?:e-?\d+)?", str(title))]
        return len(numbers) == 4 and np.allclose(numbers, expected, 1e-12, 0)

    wait(page, lambda: right(1.0))
    slider = named(page, "Temperature")
    slider.send_keys(Keys.ARROW_RIGHT)
    wait(page, lambda: right(1.259))
    fitted = page.find_element(By.XPATH, "//button[starts-with(., 'Fitted')]")
    fitted.click()
    wait(page, lambda: right(fit_temperature(logits, targets).temperature))
    heights = page.execute_script(
        """return [...document.querySelectorAll(".reliability path")]
            .filter((path) => path.getBBox().height > 0).length"""
    )
    assert heights >= 3
