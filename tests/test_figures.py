from __future__ import annotations

import dataclasses
import json
import math
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl
import matplotlib.style
import numpy as np
import pytest

import thermoscope as ts
from thermoscope import present
from thermoscope.data.reading import parse_logits
from thermoscope.definition import softmax
from thermoscope.drawn import drawn_tokens
from thermoscope.figures import plot, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ANSWER = str(Path(__file__).parent / "data" / "sequences" / "chat.json")
HOSTILE = [
    "$x$",
    r"$\frac{",
    "<img src=x onerror=alert(1)>",
    "a\nb\tc\x00",
    "\u202eright to left",
    "שלום",
    "日本語 🎉",
    "x" * 1_000_000,
    "",
    "same",
    "same",
]


def names(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.get_yticklabels()]


def values(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def widths(axes: Axes) -> list[float]:
    return [patch.get_width() for patch in axes.patches]


def test_two_panels_show_the_same_items_in_the_order_given() -> None:
    logits = [2.0, -1.0, 0.5]
    left, right = plot(logits, 0.5, labels=["cat", "dog", "eel"]).axes
    assert names(left) == ["cat", "dog", "eel"]
    assert widths(left) == logits
    assert widths(right) == list(softmax(np.array(logits), 0.5))
    assert (left.get_title(), right.get_title()) == ("Logits", "Softmax at T = 0.5")
    assert values(left) == ["2", "\N{MINUS SIGN}1", "0.5"]
    assert {patch.get_facecolor() for patch in left.patches} == {(0.0, 0.0, 1.0, 0.4)}
    assert {patch.get_facecolor() for patch in right.patches} == {mpl.colors.to_rgba("green", 0.4)}


def test_the_first_item_is_at_the_top_and_unlabelled_items_count_from_0() -> None:
    left, _ = plot([1.0, 2.0, 3.0]).axes
    assert names(left) == ["0", "1", "2"]
    bottom, top = left.get_ylim()
    assert bottom > top


@pytest.mark.parametrize(
    ("temperature", "percents", "title"),
    [
        (0, ["50.00 %", "50.00 %", "0 %"], "Softmax at T = 0"),
        (math.inf, ["33.33 %", "33.33 %", "33.33 %"], "Softmax at T = ∞"),
    ],
)
def test_both_ends_of_the_temperature(temperature: float, percents: list[str], title: str) -> None:
    _, right = plot([3.0, 3.0, 1.0], temperature).axes
    assert values(right) == percents
    assert right.get_title() == title


def test_many_items_are_shown_as_the_top_20_and_the_rest() -> None:
    logits = np.random.default_rng(0).normal(size=1000)
    left, right = plot(logits, labels=[f"item {i}" for i in range(1000)]).axes
    order = np.argsort(-logits)[:20]
    assert names(left) == [*(f"item {i}" for i in order), "other 980 items"]
    assert widths(left) == list(logits[order])
    assert len(values(left)) == 20
    assert sum(widths(right)) == pytest.approx(1, abs=1e-12)
    assert widths(right)[:20] == list(softmax(logits)[order])


def test_fifty_items_are_all_drawn_and_fifty_one_are_not() -> None:
    assert len(names(plot(np.zeros(50)).axes[0])) == 50
    assert names(plot(np.zeros(51)).axes[0])[-1] == "other 31 items"


@pytest.mark.parametrize(
    ("logits", "percents"),
    [
        # In float64 these probabilities are 0 and 1; their exact values are not.
        ([0.0, -1e3], ["> 99.99 %", "< 1e\N{MINUS SIGN}321 %"]),
        ([0.0, -700.0], ["> 99.99 %", "9.9e\N{MINUS SIGN}303 %"]),
        ([0.0, -10.0], ["> 99.99 %", "0.00454 %"]),
        ([0.0, -5.0], ["99.33 %", "0.669 %"]),
    ],
)
def test_no_probability_is_rounded_to_0_or_100_percent(
    logits: list[float], percents: list[str]
) -> None:
    assert values(plot(logits).axes[1]) == percents


@pytest.mark.parametrize(
    ("logits", "left_values", "right_values"),
    [
        ([1.0, math.inf, -math.inf], ["1", "∞", "\N{MINUS SIGN}∞"], ["0 %", "100 %", "0 %"]),
        ([1.0, math.nan], ["1", "NaN"], ["NaN", "NaN"]),
        ([-math.inf, -math.inf], ["\N{MINUS SIGN}∞"] * 2, ["NaN", "NaN"]),
        ([-0.0], ["0"], ["100 %"]),
        (
            [1.7e308, -1.7e308],
            ["1.7e+308", "\N{MINUS SIGN}1.7e+308"],
            ["> 99.99 %", "< 1e\N{MINUS SIGN}321 %"],
        ),
        ([5e-324], ["5e\N{MINUS SIGN}324"], ["100 %"]),
    ],
)
def test_values_at_the_edge_are_drawn_and_written(
    logits: list[float], left_values: list[str], right_values: list[str]
) -> None:
    figure = plot(logits)
    left, right = figure.axes
    assert values(left) == left_values
    assert values(right)[: len(logits)] == right_values
    figure._repr_png_()
    low, high = left.get_xlim()
    assert all(low <= width <= high for width in widths(left) if not math.isnan(width))


def test_an_infinite_bar_reaches_past_every_finite_one() -> None:
    left, _ = plot([5.0, math.inf, -math.inf, -7.0]).axes
    drawn = widths(left)
    assert drawn[1] > drawn[0]
    assert drawn[2] < drawn[3]


def test_a_row_without_a_softmax_says_why() -> None:
    assert "a logit is NaN" in values(plot([1.0, math.nan]).axes[1])[-1]
    assert "all are \N{MINUS SIGN}∞" in values(plot([-math.inf]).axes[1])[-1]


def test_labels_are_plain_text_and_missing_glyphs_are_escaped() -> None:
    figure = plot(np.arange(len(HOSTILE)), labels=HOSTILE)
    figure._repr_png_()  # warnings are errors: a missing glyph would warn here
    drawn = names(figure.axes[0])
    assert drawn[0] == "$x$"
    assert drawn[3] == r"a\nb\tc\x00"
    assert drawn[4] == r"\u202eright to left"
    assert drawn[5] == "שלום"
    assert drawn[6].startswith(r"\u65e5\u672c")
    assert drawn[7] == "x" * 27 + "…"
    assert drawn[9:] == ["same", "same"]


def test_labels_stay_text_under_the_users_own_settings() -> None:
    with mpl.rc_context({"text.usetex": True, "text.parse_math": True}):
        left, _ = plot([1.0, 2.0], labels=["$x$", "100 % _"]).axes
        assert not any(
            text.get_usetex() or text.get_parse_math() for text in left.get_yticklabels()
        )


def test_a_label_that_the_users_font_lacks_comes_from_another() -> None:
    with mpl.rc_context({"font.family": ["cmr10"], "axes.formatter.use_mathtext": True}):
        figure = plot([1.0, 2.0], labels=["שלום", "日本語"])
        left, _ = figure.axes
        figure._repr_png_()  # warnings are errors: a missing glyph would warn here
    assert names(left) == ["שלום", "日本語".encode("unicode_escape").decode()]
    assert left.get_yticklabels()[0].get_fontfamily() == ["cmr10", style.OWN_FONT]


def test_a_font_that_is_installed_draws_its_script(monkeypatch: pytest.MonkeyPatch) -> None:
    # Matplotlib brings STIX, which has this letter, and DejaVu, which does not.
    monkeypatch.setattr(style, "FALLBACKS", ("No Such Font", "STIXGeneral"))
    label = "\N{LATIN SMALL LETTER K WITH PALATAL HOOK}"
    assert style.drawable([label]) == ([label], ["sans-serif", "STIXGeneral"])
    monkeypatch.setattr(style, "FALLBACKS", ("No Such Font",))
    assert style.drawable([label])[0] == [label.encode("unicode_escape").decode()]


def test_a_data_set_of_one_row_is_drawn_with_its_labels() -> None:
    class OneRow:
        shape, dtype, labels = (1, 3), np.dtype(float), ("cat", "dog", "eel")

        def blocks(self, start: int, stop: int) -> list[np.ndarray]:
            return [np.array([[2.0, 1.0, 0.1]])[start:stop]]

    assert names(plot(OneRow()).axes[0]) == ["cat", "dog", "eel"]
    OneRow.shape = (2, 3)
    with pytest.raises(ValueError, match="logits must be one row, got a data set of 2"):
        plot(OneRow())


LOGITS, TARGETS, _ = ts.samples.digits()


def test_the_reliability_diagram_shows_the_numbers() -> None:
    before, after = ts.reliability(LOGITS, TARGETS), ts.reliability(LOGITS, TARGETS, 2.1)
    figure = plot([before, after])
    diagram, second, histogram, _ = figure.axes
    bars = [patch.get_height() for patch in diagram.patches[:15]]
    assert bars == np.nan_to_num(before.bins.accuracy).tolist()
    ends = [patch.get_y() + patch.get_height() for patch in diagram.patches[15:30]]
    assert ends == pytest.approx(np.nan_to_num(before.bins.confidence).tolist())
    heights = [patch.get_height() for patch in histogram.patches]
    assert heights == pytest.approx((before.bins.count / before.n).tolist())
    assert diagram.get_title().strip() == "T = 1: ECE 4.56 %"
    assert second.get_title().strip() == "T = 2.1: ECE 1.16 %"
    mean, upper = map(present.percent, (before.ece_if_calibrated, before.ece_if_calibrated_upper))
    assert values(diagram) == [f"if calibrated {mean}, up to {upper}; p = 0.001"]
    # A bin of few rows is fainter than one of many.
    strength = dict(zip(before.bins.count.tolist(), diagram.patches[:15], strict=False))
    alphas = [patch.get_alpha() for _, patch in sorted(strength.items())]
    assert alphas == sorted(alphas)
    assert alphas[0] < alphas[-1] / 5
    # Each bin has its interval.
    full = before.bins.count > 0
    lines = [line[:, 1] for line in diagram.collections[0].get_segments() if line.size]
    np.testing.assert_allclose(lines, before.bins.interval[full])
    assert "Wilson" in " ".join(text.get_text() for text in diagram.get_legend().get_texts())
    assert values(plot(ts.reliability(LOGITS, softmax(LOGITS))).axes[0]) == []


def test_the_curve_shows_the_numbers() -> None:
    curve = ts.calibration_curve(LOGITS, TARGETS)
    upper, lower = plot(curve).axes
    assert upper.lines[0].get_ydata().tolist() == curve.nll.tolist()
    assert lower.lines[0].get_ydata().tolist() == curve.ece.tolist()
    assert upper.get_title() == "lowest NLL at T = 2.098: 0.2528, ECE 1.20 %"
    assert upper.lines[1].get_xdata().tolist() == [curve.temperatures[curve.best()]]


def test_a_sweep_marks_the_best_temperature_and_shows_its_minimum() -> None:
    sweep = ts.sweep(LOGITS, TARGETS)
    axes = plot(sweep).axes
    assert [each.get_ylabel() for each in axes] == [
        "entropy in nats",
        "perplexity",
        "top probability",
        "NLL in nats",
        "ECE",
    ]
    assert axes[1].get_yscale() == "log"
    best = sweep.temperatures[sweep.curve.best()]
    assert "lowest NLL at T = 1.995: 0.2534" in axes[3].get_title()
    assert all(best in [line.get_xdata()[0] for line in each.lines] for each in axes)
    low, high = axes[3].get_ylim()
    # The NLL at T = 0.01 is 30 times as high: the minimum would lie on the axis.
    assert (sweep.curve.nll.min() - low) / (high - low) > 0.04
    assert len(plot(ts.sweep(LOGITS)).axes) == 3
    assert plot(ts.sweep([[0.0, 0.0]])).axes[1].get_yscale() == "linear"


def bands(axes: Axes) -> list[np.ndarray]:
    """Return the corners of what is filled between two ends."""
    return [path.vertices for each in axes.collections for path in each.get_paths()]


@pytest.mark.parametrize("vocabulary", [50257, None])
def test_a_reported_sweep_has_bands(vocabulary: int | None) -> None:
    sweep = ts.sweep(ts.open_logits(ANSWER, vocabulary=vocabulary))
    axes = plot(sweep).axes
    names = ["entropy in nats", "perplexity", "top probability", "NLL in nats"]
    assert [each.get_ylabel() for each in axes] == names
    assert axes[0].get_title().startswith("means over 18 rows; bands")
    assert axes[3].get_title() == "NLL of 18 drawn tokens"
    for panel, (name, (low, high)) in zip(axes, sweep.measures().items(), strict=True):
        top = panel.get_ylim()[1]
        lines = [line.get_ydata() for line in panel.lines[:2]]
        np.testing.assert_array_equal(lines[0], low)
        np.testing.assert_array_equal(lines[1], np.where(np.isinf(high), np.nan, high))
        (band,) = bands(panel)
        at = np.argmin(np.abs(sweep.temperatures - 2.5))
        ends = band[np.isclose(band[:, 0], sweep.temperatures[at]), 1]
        # Without an upper end the band goes to the edge, and that is told.
        assert (ends.min(), ends.max()) == (low[at], min(high[at], top))
        endless = vocabulary is None and name != "top_probability"
        start = "1.259" if name == "nll" else "1"
        assert values(panel) == ([f"no upper end from T = {start} on"] if endless else [])
        # There is room for the band above the line of the low end.
        assert not endless or low[-1] < panel.get_ylim()[1] / 1.4


def test_a_band_that_is_about_to_have_no_end_does_not_hide_the_low_end() -> None:
    reported = ts.Reported(np.log([0.5, 0.2, 0.1]))
    sweep = ts.sweep(reported, temperatures=[0.5, 0.999, 1.0, 2.0])
    assert sweep.entropy.high[1] > 80
    for axes, low in zip(
        plot(sweep).axes[:2], (sweep.entropy.low, sweep.perplexity.low), strict=True
    ):
        assert low[-1] < axes.get_ylim()[1] <= 64 * low[-1]


def test_a_sweep_of_a_token_without_a_probability_is_drawn() -> None:
    sweep = ts.sweep(ts.open_logits(ANSWER, vocabulary=50257))
    nothing = np.full(sweep.temperatures.size, math.inf)
    sweep = dataclasses.replace(sweep, nll=ts.Interval(nothing, nothing))
    assert values(plot(sweep).axes[3]) == ["no upper end from T = 0.01 on"]


def test_reported_tokens_have_hatched_ends() -> None:
    row = ts.open_logits(ANSWER, vocabulary=50257).reported(0)
    left, right = plot(row, 1.5).axes
    assert names(left) == ["The", "␣The", "A", "In", "It", "(not reported)"]
    assert widths(left) == row.logprobs.tolist()
    assert (left.get_title(), right.get_title()) == ("Reported at T = 1", "Softmax at T = 1.5")
    low, high = (
        np.append(*ends) for ends in zip(row.softmax(1.5), row.not_reported(1.5), strict=True)
    )
    solid, hatched = right.containers
    np.testing.assert_allclose([bar.get_width() for bar in solid], low)
    np.testing.assert_allclose([bar.get_x() for bar in hatched], low)
    np.testing.assert_allclose([bar.get_x() + bar.get_width() for bar in hatched], high)
    assert {bar.get_hatch() for bar in hatched} == {"////"}
    assert "hatched" in right.get_xlabel()
    text = f"{present.probability_interval(low[0], high[0], 100)} %"
    assert (values(right)[0], text) == (text, "2.481 … 19.83 %")
    assert names(plot(row, labels=list("abcde")).axes[0])[:5] == list("abcde")
    with pytest.raises(ValueError, match="labels must be 5, one for each token, got 1"):
        plot(row, labels=["a"])


def test_a_whole_reported_row_has_no_end_that_is_not_known() -> None:
    left, right = plot(ts.Reported(np.log([0.3, 0.5, 0.2]), vocabulary=3)).axes
    assert names(left) == ["1", "0", "2"]
    assert values(right) == ["50 %", "30 %", "20 %"]
    assert right.get_xlabel() == "probability"


def test_many_reported_tokens_are_the_top_20_and_the_others() -> None:
    logprobs = np.asarray(ts.log_softmax(np.random.default_rng(5).normal(size=1000)))
    row = ts.Reported(
        np.random.default_rng(6).permutation(np.sort(logprobs)[-60:]), vocabulary=1000
    )
    left, right = plot(row, 2).axes
    assert names(left)[20:] == ["other 40 tokens", "(not reported)"]
    assert widths(left) == np.sort(row.logprobs)[::-1][:20].tolist()
    others = row.kept_mass(row.logprobs < np.sort(row.logprobs)[-20], 2)
    assert right.containers[0][20].get_width() == others.low
    assert right.containers[1][20].get_width() == pytest.approx(others.high - others.low)


def test_a_text_is_drawn_position_by_position() -> None:
    data = ts.open_logits(ANSWER, vocabulary=50257)
    upper, lower = plot(data, 0.7).axes
    tokens = list(drawn_tokens(data, 0.7))
    assert [label.get_text() for label in lower.get_xticklabels()][:3] == ["The", "␣capital", "␣of"]
    for axes, ends in (
        (upper, [token.surprisal for token in tokens]),
        (lower, [token.entropy for token in tokens]),
    ):
        low, high = np.array(ends).T
        solid, hatched = (patch.get_data() for patch in axes.patches)
        np.testing.assert_array_equal(solid.values, low)
        np.testing.assert_array_equal(hatched.values, high)
        np.testing.assert_array_equal(hatched.baseline, low)
        assert axes.get_title() == ""
    open_ended = plot(ts.open_logits(ANSWER), 1.5)
    assert {"hatched" in open_ended.get_suptitle()} == {True}
    for axes in open_ended.axes:
        assert axes.get_title() == "no upper end where the hatching meets the edge"
        assert axes.patches[1].get_data().values.max() == axes.get_ylim()[1]
    assert names(plot(data.row(0)).axes[0])[-1] == "(not reported)"
    with pytest.raises(TypeError, match="labels must come with one row"):
        plot(data, labels=["a"])


def test_a_text_without_drawn_tokens_and_with_an_odd_position_is_drawn() -> None:
    top = [{"token": "a", "logprob": -0.5}]
    content = [{"top_logprobs": top}, {"token": "a", "logprob": 3.0}, {"top_logprobs": top}]
    data = parse_logits(json.dumps({"logprobs": {"content": content}}), vocabulary=9)
    figure = plot(data)
    figure._repr_png_()  # warnings are errors
    upper, lower = figure.axes
    assert values(upper) == ["not known"]
    assert np.isnan(lower.patches[0].get_data().values).tolist() == [False, True, False]
    assert [label.get_text() for label in lower.get_xticklabels()][::2] == ["(unknown)"] * 2


def test_an_evaluation_is_drawn_with_its_curve() -> None:
    found = ts.evaluate_fit(LOGITS, TARGETS, folds=2, curve=True)
    figure = plot(found)
    assert len(figure.subfigs) == 2
    titles = [axes.get_title().strip() for axes in figure.axes]
    assert titles[0] == "held out, T = 1: ECE 4.56 %"
    assert titles[1].startswith("held out, T = 2.0")
    assert len(plot(ts.evaluate_fit(LOGITS, TARGETS)).axes) == 4


def test_a_comparison_of_samplers_shows_kept_tokens_and_total_variation() -> None:
    rows = np.random.default_rng(0).normal(0, 2, (700, 30))
    presets = {"a": "top_k=4", "$b$": "top_p=0.9", "c": "T=0"}
    found = ts.compare_samplers(rows, presets)
    kept, apart = plot(found).axes
    assert (kept.get_title(), apart.get_title()) == ("Kept tokens", "Total variation")
    assert [text.get_text() for text in kept.get_legend().get_texts()] == list(presets)
    assert [text.get_text() for text in apart.get_legend().get_texts()] == [
        "a and $b$",
        "a and c",
        "$b$ and c",
    ]
    for line, measures in zip(kept.lines, found.presets.values(), strict=True):
        values, fractions = map(np.asarray, line.get_data())
        assert values.size <= 501
        ordered = np.sort(measures.kept.values)
        # Every point is on the cumulative distribution.
        places = np.rint(fractions[1:] * 700).astype(int) - 1
        assert values[1:].tolist() == ordered[places].tolist()
        assert (fractions[0], fractions[-1]) == (0, 1)
    (one,) = plot(ts.compare_samplers(rows, {"alone": {}})).axes
    assert one.get_title() == "Kept tokens"


def test_a_comparison_of_what_a_server_reported_is_drawn_as_bands() -> None:
    rows = [ts.Reported(np.log(p)) for p in ([0.5, 0.2], [0.7, 0.1], [0.4, 0.3])]
    figure = plot(ts.compare_samplers(rows, {"a": "top_p=0.6", "b": {}}))
    for axes in figure.axes:
        low, high = (np.asarray(line.get_xdata()) for line in axes.lines[:2])
        there = np.isfinite(high)
        assert there.any()
        assert (low[there] <= high[there]).all()
        assert len(axes.collections) == len(axes.lines) // 2
    # Nothing infinite is drawn: b may keep any number of tokens.
    assert np.isnan(figure.axes[0].lines[3].get_xdata()).all()


def test_results_take_no_labels() -> None:
    curve = ts.calibration_curve(LOGITS, TARGETS, [1.0, 2.0])
    with pytest.raises(TypeError, match="labels must come with logits, not a result"):
        plot(curve, labels=["a"])
    with pytest.raises(TypeError, match=r"temperature must come with logits, .* got 2.0"):
        plot([curve], 2.0)


def test_figures_follow_a_dark_style_sheet() -> None:
    curve = ts.calibration_curve(LOGITS, TARGETS)
    result = ts.reliability(LOGITS, TARGETS)
    light = style.Ink.now()
    with matplotlib.style.context("dark_background"):
        dark = style.Ink.now()
        reported = ts.open_logits(ANSWER)
        figures = [plot([1.0, 2.0]), plot(result), plot(curve)]
        figures += [plot(reported), plot(reported.row(0)), plot(ts.sweep(reported))]
    assert {light.line, light.blue} == {"0.35", "blue"}
    for figure in figures:
        assert mpl.colors.to_rgb(figure.get_facecolor()) == (0, 0, 0)
        for axes in figure.axes:
            colors = [line.get_color() for line in axes.lines]
            colors += [patch.get_facecolor() for patch in axes.patches]
            seen = [mpl.colors.to_rgba(color) for color in colors]
            assert all(max(rgba[:3]) > 0.6 for rgba in seen if rgba[3])
    assert dark.blue != light.blue


def test_a_notebook_shows_the_figure_without_pyplot() -> None:
    pyplot = pytest.importorskip("matplotlib.pyplot")
    before = pyplot.get_fignums()
    figure = plot([1.0, 2.0])
    assert pyplot.get_fignums() == before
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_the_logits_are_not_changed() -> None:
    logits = np.array([3.0, 1.0, 2.0])
    plot(logits)
    assert logits.tolist() == [3.0, 1.0, 2.0]


@pytest.mark.parametrize(
    ("arguments", "keywords", "error", "message"),
    [
        (([],), {}, ValueError, "logits must hold at least one number"),
        (([[1.0]],), {}, ValueError, "logits must be one row"),
        ((["a"],), {}, TypeError, "logits must be real numbers"),
        (([1.0], -0.5), {}, ValueError, "temperature must be >= 0, got -0.5"),
        (([1.0],), {"labels": ["a", "b"]}, ValueError, "labels must be 1, one for each logit"),
        (([1.0],), {"labels": "a"}, TypeError, "labels must be a sequence of strings, got str"),
    ],
)
def test_errors_name_the_argument(
    arguments: tuple[object, ...],
    keywords: dict[str, object],
    error: type[Exception],
    message: str,
) -> None:
    with pytest.raises(error, match=message):
        plot(*arguments, **keywords)


def test_without_matplotlib_the_error_says_what_to_install() -> None:
    program = "import sys; sys.modules['matplotlib'] = None; import thermoscope.figures"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60
    )
    assert 'ImportError: figures need matplotlib: pip install "thermoscope[plot]"' in done.stderr
