"""Arguments: one rule for a temperature on every path, refused subclasses, errors with fields."""

from __future__ import annotations

import decimal
import enum
import inspect
import io
import math
import pickle
import typing
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import thermoscope as ts
from thermoscope import arguments, cli, kernels
from thermoscope.arguments import ArgumentError, ArgumentTypeError
from thermoscope.explorer.browse import RowSource
from thermoscope.explorer.server import serve
from thermoscope.state import State

if TYPE_CHECKING:
    from collections.abc import Callable

INF, NAN = math.inf, math.nan
LOGITS = np.array([2.0, 1.0, -0.5])


class Heat(enum.IntEnum):
    HIGH = 2


# A temperature of any type, and the float that it counts as.
TAKEN = [
    (0.5, 0.5),
    (2, 2.0),
    (True, 1.0),
    (False, 0.0),
    (INF, INF),
    (-0.0, 0.0),
    (10**30, 1e30),
    (10**400, INF),
    (Heat.HIGH, 2.0),
    (Fraction(1, 2), 0.5),
    (Fraction(1, 10**400), 0.0),
    (decimal.Decimal("0.5"), 0.5),
    (np.float16(0.5), 0.5),
    (np.float32(0.1), float(np.float32(0.1))),
    (np.float64(0.5), 0.5),
    (np.longdouble("0.5"), 0.5),
    (np.longdouble("1e4000"), INF),
    (np.uint8(2), 2.0),
    (np.bool_(1), 1.0),
    (np.array(0.5), 0.5),
    (np.array(2), 2.0),
    (np.array(10**30, object), 1e30),
]
REFUSED = [
    (-0.5, ArgumentError),
    (-1, ArgumentError),
    (NAN, ArgumentError),
    (-(10**400), ArgumentError),
    (Fraction(-1, 2), ArgumentError),
    (decimal.Decimal("NaN"), ArgumentError),
    (np.float32(-1), ArgumentError),
    (np.array(-1), ArgumentError),
    (np.longdouble("-1e4000"), ArgumentError),
    ("0.5", ArgumentTypeError),
    (b"0.5", ArgumentTypeError),
    (np.str_("0.5"), ArgumentTypeError),
    (None, ArgumentTypeError),
    (1j, ArgumentTypeError),
    (np.complex64(1), ArgumentTypeError),
    ({}, ArgumentTypeError),
    (np.datetime64("2020"), ArgumentTypeError),
    (np.ma.array(0.5), ArgumentTypeError),
    (np.ma.array(0.5, mask=True), ArgumentTypeError),
]


def on(library: str) -> Any:
    return pytest.importorskip(library, reason=f"{library} is not installed").asarray


def reliability(t: Any) -> Any:
    return ts.reliability([LOGITS], [0], t).nll


# Every way in which a temperature reaches the definition.
PATHS: dict[str, Callable[[Any], Any]] = {
    "fast path": lambda t: ts.softmax(LOGITS, t),
    "list": lambda t: ts.softmax(LOGITS.tolist(), t),
    "mask": lambda t: ts.softmax(LOGITS, t, where=LOGITS > -1),
    "logarithm": lambda t: ts.log_softmax(LOGITS, t),
    "entropy": lambda t: ts.entropy(LOGITS, t),
    "cross_entropy": lambda t: ts.cross_entropy(LOGITS, 1, t),
    "jacobian": lambda t: ts.jacobian(LOGITS, t),
    "array_api_strict": lambda t: np.asarray(ts.softmax(on("array_api_strict")(LOGITS), t)),
    "torch": lambda t: np.asarray(ts.softmax(on("torch")(LOGITS), t)),
    "jax": lambda t: np.asarray(ts.softmax(pytest.importorskip("jax").numpy.asarray(LOGITS), t)),
    "draws": lambda t: ts.sample(LOGITS, t, size=9, rng=1),
    "truncation": lambda t: ts.truncate(LOGITS, temperature=t, top_p=0.9),
    "reliability": reliability,
    "explorer": lambda t: ts.Explorer(LOGITS, temperature=t).probabilities,
    "figure": lambda t: ts.plot(LOGITS, t).axes[1].get_title(),
}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(("kind", "counts_as"), TAKEN, ids=lambda value: repr(value)[:40])
def test_a_temperature_of_any_type_counts_as_its_float(
    path: str, kind: Any, counts_as: float
) -> None:
    np.testing.assert_array_equal(PATHS[path](kind), PATHS[path](counts_as))


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(("kind", "error"), REFUSED, ids=lambda value: repr(value)[:40])
def test_an_invalid_temperature_is_refused_on_every_path(
    path: str, kind: Any, error: type[ArgumentError]
) -> None:
    with pytest.raises(error) as caught:
        PATHS[path](kind)
    assert str(caught.value).startswith("temperature must be ")


@pytest.mark.parametrize("kernel", ["native", "reference"])
@pytest.mark.parametrize(("kind", "counts_as"), TAKEN, ids=lambda value: repr(value)[:40])
def test_every_kernel_takes_a_temperature_of_any_type(
    kernel: str, kind: Any, counts_as: float
) -> None:
    if kernel not in {one.name.partition("-")[0] for one in kernels.available() if one.runs}:
        pytest.skip(f"the {kernel} kernel does not run here")
    with kernels.use(kernel):
        got, want = ts.softmax(LOGITS, kind), ts.softmax(LOGITS, counts_as)
    np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize(("kind", "counts_as"), [*TAKEN[:5], *TAKEN[6:8]])
def test_lists_and_tensors_take_a_temperature_of_any_type(kind: Any, counts_as: float) -> None:
    want = ts.softmax([LOGITS, LOGITS], [[counts_as], [0.5]])
    column = [[kind], [0.5]]
    np.testing.assert_array_equal(ts.softmax([LOGITS, LOGITS], column), want)
    for name in ("array_api_strict", "torch"):
        got = ts.softmax(on(name)(np.array([LOGITS, LOGITS])), column)
        np.testing.assert_allclose(np.asarray(got), want, rtol=1e-15)
    torch = pytest.importorskip("torch", reason="torch is not installed")
    if abs(kind) < 2**63 or kind == INF:
        for tensor in (torch.tensor(kind), torch.tensor([kind])):
            got = ts.softmax(torch.asarray(LOGITS), tensor)
            np.testing.assert_allclose(got, ts.softmax(LOGITS, counts_as), rtol=1e-15)
        assert arguments.one_temperature(torch.tensor(kind)) == counts_as


def test_numpy_functions_take_a_tensor_that_carries_a_gradient() -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    logits = torch.asarray(LOGITS).requires_grad_()
    t = torch.tensor(0.5, requires_grad=True)
    np.testing.assert_array_equal(
        ts.sample(logits, t, size=9, rng=1), ts.sample(LOGITS, 0.5, size=9, rng=1)
    )
    assert ts.Explorer(logits, temperature=t).temperature == 0.5


@pytest.mark.parametrize(
    ("text", "counts_as"),
    [
        *(("0.5", 0.5), ("2", 2.0), ("inf", INF), ("Infinity", INF), ("0", 0.0), ("-0", 0.0)),
        *(("1e400", INF), ("1" + 400 * "0", INF), ("1" + 30 * "0", 1e30), ("1e-400", 0.0)),
    ],
)
def test_the_command_line_reads_a_temperature_as_python_does(text: str, counts_as: float) -> None:
    assert arguments.temperature_of_text(text) == counts_as


@pytest.mark.parametrize(("text", "same_as"), [("1e400", "inf"), ("1" + 400 * "0", "inf")])
def test_the_command_line_takes_a_number_beyond_float64_as_infinity(
    capsys: pytest.CaptureFixture[str], text: str, same_as: str
) -> None:
    said = []
    for t in (text, same_as):
        assert cli.main(["softmax", "2", "1", "-T", t]) == 0
        said.append(capsys.readouterr().out)
    assert said[0] == said[1]


@pytest.mark.parametrize("text", ["hot", "", "-1", "nan", "1j", "True", "1/2", "-1e400"])
def test_an_invalid_temperature_in_text_is_refused(text: str) -> None:
    with pytest.raises(ArgumentError, match=r"^temperature must be (a number )?>= 0, got "):
        arguments.temperature_of_text(text)


def test_logits_may_be_integers_of_more_than_64_bits() -> None:
    want = ts.softmax([1e30, 9e29], 1e29)
    np.testing.assert_array_equal(ts.softmax([10**30, 9 * 10**29], 1e29), want)
    np.testing.assert_array_equal(ts.softmax([Fraction(1, 2), 1]), ts.softmax([0.5, 1.0]))
    np.testing.assert_array_equal(ts.softmax([10**400, 1.0]), [1.0, 0.0])
    np.testing.assert_array_equal(ts.softmax([-(10**400), 1]), ts.softmax([-INF, 1.0]))


def fitted() -> ts.TemperatureScaler:
    return ts.TemperatureScaler().fit(
        [[2.0, 1.0, 0.0], [0.0, 2.0, 1.0], [1.0, 1.2, 1.5]], [0, 1, 2]
    )


def scaled(classes: list[str] | None, y: str) -> ts.TemperatureScaler:
    return ts.TemperatureScaler(classes).fit(np.eye(3), list(y))


MASKED = np.ma.array([[2.0, 1.0, 9.0]], mask=[[False, False, True]])
MATRIX = np.array([[2.0, 1.0, 9.0]]).view(np.matrix)
# Every public function that takes arrays of logits, temperatures or masks.
CALLS: dict[str, Callable[[Any], object]] = {
    "logits of softmax": ts.softmax,
    "logits of log_softmax": ts.log_softmax,
    "logits of entropy": ts.entropy,
    "logits of perplexity": ts.perplexity,
    "logits of cross_entropy": lambda a: ts.cross_entropy(a, [0]),
    "logits of kl_divergence": lambda a: ts.kl_divergence(a, [[1.0, 2.0, 3.0]]),
    "logits of jacobian": ts.jacobian,
    "logits of temperature_derivative": ts.temperature_derivative,
    "logits of temperature_for": lambda a: ts.temperature_for(a, entropy=0.5),
    "logits of sample": ts.sample,
    "logits of truncate": lambda a: ts.truncate(a, top_k=1),
    "logits of keep": lambda a: ts.keep(a, top_k=1),
    "logits of fit_temperature": lambda a: ts.fit_temperature(a, [0]),
    "logits of reliability": lambda a: ts.reliability(a, [0]),
    "logits of Explorer": ts.Explorer,
    "logits of plot": ts.plot,
    "logits of softmax, listed": lambda a: ts.softmax([a, a]),
    "logits of softmax, with a mask": lambda a: ts.softmax(a, where=[True]),
    "temperature of softmax": lambda a: ts.softmax([[1.0, 2.0, 3.0]], a, axis=0),
    "temperature of entropy": lambda a: ts.entropy([[1.0, 2.0, 3.0]], a, axis=0),
    "targets of cross_entropy": lambda a: ts.cross_entropy([[1.0, 2.0, 3.0]], a),
    "other of kl_divergence": lambda a: ts.kl_divergence([[1.0, 2.0, 3.0]], a),
    "targets of fit_temperature": lambda a: ts.fit_temperature([[1.0, 2.0, 3.0]], a),
    "X of TemperatureScaler": lambda a: ts.TemperatureScaler().fit(a, [0]),
    "X of a fitted TemperatureScaler": lambda a: fitted().predict_proba(a),
    "y of TemperatureScaler": lambda a: ts.TemperatureScaler().fit(np.eye(3), a.ravel()),
    "where of softmax": lambda a: ts.softmax([1.0, 2.0, 3.0], where=a > 5),
    "out of softmax": lambda a: ts.softmax([[1.0, 2.0, 3.0]], out=a),
    "entropy of temperature_for": lambda a: ts.temperature_for(np.ones((3, 2)), entropy=a),
}


@pytest.mark.parametrize("call", CALLS)
def test_masked_arrays_and_matrices_are_refused_with_the_remedy(call: str) -> None:
    argument = call.partition(" ")[0]
    for array, remedy in ((MASKED, "a masked array a: use a"), (MATRIX, "use np.asarray(m)")):
        with pytest.raises(TypeError) as caught:
            CALLS[call](array)
        assert str(caught.value).startswith(f"{argument} must be a plain array, got ")
        assert remedy in str(caught.value)


def test_the_remedies_in_the_errors_work() -> None:
    with pytest.raises(ArgumentTypeError, match=r"use a\.data and where=~a\.mask$"):
        ts.softmax(MASKED)
    np.testing.assert_array_equal(ts.softmax(MASKED.data, where=~MASKED.mask)[0, 2], 0)
    bare = np.ma.array([2.0, 1.0])
    np.testing.assert_array_equal(ts.softmax(bare.data, where=~bare.mask), ts.softmax([2.0, 1.0]))
    np.testing.assert_array_equal(ts.softmax(np.asarray(MATRIX)), ts.softmax([[2.0, 1.0, 9.0]]))


def test_other_subclasses_count_as_plain_arrays(tmp_path: Any) -> None:
    np.save(tmp_path / "z.npy", LOGITS)
    mapped = np.load(tmp_path / "z.npy", mmap_mode="r")
    assert type(mapped) is np.memmap
    np.testing.assert_array_equal(ts.softmax(mapped), ts.softmax(LOGITS))
    np.testing.assert_array_equal(ts.softmax(LOGITS.view(np.recarray)), ts.softmax(LOGITS))


@pytest.mark.parametrize(
    ("call", "argument", "row"),
    [
        (lambda: ts.softmax([1.0], -1), "temperature", None),
        (lambda: ts.softmax(["a"]), "logits", None),
        (lambda: ts.softmax([1.0], axis=3), "axis", None),
        (lambda: ts.softmax([1.0], where=[1]), "where", None),
        (lambda: ts.softmax(np.ones((2, 3)), where=np.ones((4, 3), bool)), "where", None),
        (lambda: ts.softmax([1.0], out=[1]), "out", None),
        (lambda: ts.entropy([1.0], base=0), "base", None),
        (lambda: ts.kl_divergence([1.0, 2.0], [1.0, 2.0], 1.0, -1), "other_temperature", None),
        (lambda: ts.kl_divergence([1.0, 2.0], [1.0]), "other", None),
        (lambda: ts.cross_entropy(np.ones((2, 2, 3)), [[0, 1], [2, 3]]), "targets", 3),
        (lambda: ts.cross_entropy([1.0], np.True_), "targets", None),
        (
            lambda: ts.temperature_for(np.eye(3), top_probability=[0.5, 0.5, 2]),
            "top_probability",
            2,
        ),
        (lambda: ts.temperature_for(np.eye(2), perplexity=[[1], [2], [3]]), "perplexity", 4),
        (lambda: ts.sample([[1.0], [NAN]]), "logits", 1),
        (lambda: ts.sample([1.0], size=-1), "size", None),
        (lambda: ts.sample([1.0], size="a"), "size", None),
        (lambda: ts.sample([1.0], rng=-1), "rng", None),
        (lambda: ts.random_logits(0), "n", None),
        (lambda: ts.random_logits(2.5), "n", None),
        (lambda: ts.random_logits(2, seed="a"), "seed", None),
        (lambda: ts.random_logits(2, seed=-1), "seed", None),
        (lambda: ts.random_logits(2, seed=2**53), "seed", None),
        (lambda: ts.Explorer(LOGITS, temperature=-1), "temperature", None),
        (lambda: ts.plot(LOGITS, labels="abc"), "labels", None),
        (lambda: ts.fit_temperature([[0.0, 1.0], [-INF, 1.0]], [0, 0]), "targets", 1),
        (lambda: ts.fit_temperature([[1.0, 2.0]], [0], sample_weight=[0.0]), "sample_weight", None),
        (lambda: ts.fit_temperature([[1.0, 2.0]], [-100]), "targets", None),
        (lambda: ts.fit_temperature([([[1.0, 2.0]], [0]), ([[1.0]], [0])]), "logits", 1),
        (lambda: ts.reliability([[1.0, 2.0]], [0], strategy="x"), "strategy", None),
        (lambda: list(ts.Dataset.of([[1.0, 2.0]]).blocks(size=0)), "size", None),
        (lambda: list(ts.Dataset.of([[1.0, 2.0]]).blocks(1, 0)), "start", None),
        (lambda: ts.plot(ts.reliability([LOGITS], [0]), 2.0), "temperature", None),
        (lambda: ts.plot(ts.Dataset.of(np.eye(3))), "logits", None),
        (lambda: ts.explore(LOGITS, row=0), "row", None),
        (lambda: ts.explore(LOGITS, targets=[0]), "targets", None),
        (lambda: ts.explore(np.eye(3), row=3), "row", None),
        (lambda: RowSource(LOGITS), "logits", None),
        (lambda: RowSource(np.empty((0, 3))), "logits", None),
        (lambda: RowSource(np.eye(3), labels=["a"]), "labels", None),
        (lambda: RowSource(np.eye(3), targets=[0, 1]), "targets", None),
        (lambda: RowSource(np.eye(3), targets=[0, 3, 1]), "targets", 1),
        (lambda: RowSource(np.eye(3)).state(-1), "row", None),
        (lambda: RowSource(np.eye(3)).state(0, -1.0), "temperature", None),
        (lambda: RowSource(np.eye(3)).order("wrong"), "order", None),
        (lambda: RowSource(np.eye(3)).answer({"order": "best"}), "order", None),
        (lambda: RowSource(np.eye(3)).answer({"place": "3"}), "place", None),
        (lambda: RowSource(np.eye(3)).answer({"row": "x"}), "row", None),
        (lambda: serve(State.of(LOGITS), port=65536), "port", None),
        (lambda: State.of(LOGITS, target=3), "target", None),
        (lambda: scaled(["a", "a", "b"], "aab"), "classes", None),
        (lambda: scaled(["a", "b", "c"], "abd"), "y", None),
        (lambda: scaled(None, "aab"), "X", None),
    ],
)
def test_an_error_has_the_argument_and_the_row(
    call: Callable[[], object], argument: str, row: int | None
) -> None:
    with pytest.raises(ArgumentError) as caught:
        call()
    error = caught.value
    assert (error.argument, error.row) == (argument, row)
    assert str(error) == f"{argument} {error.problem}"
    # Pickled by a worker of another process, it is the same.
    same = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert type(same) is type(error)
    assert (str(same), same.argument, same.row) == (str(error), argument, row)


def public_functions() -> dict[str, Any]:
    found = {}
    for name in ts.__all__:
        thing = getattr(ts, name)
        if inspect.isfunction(thing):
            found[name] = thing
        elif inspect.isclass(thing):
            for method, member in vars(thing).items():
                function = member.fget if isinstance(member, property) else member
                if inspect.isfunction(function) and not method.startswith("_"):
                    found[f"{name}.{method}"] = function
            if inspect.isfunction(vars(thing).get("__init__")):
                found[f"{name}.__init__"] = thing.__init__
    assert {"softmax", "Explorer.__init__", "Explorer.to_html"} <= set(found)
    return found


@pytest.mark.parametrize("name", public_functions())
def test_the_type_hints_of_public_functions_resolve(name: str) -> None:
    function = public_functions()[name]
    hints = typing.get_type_hints(function)
    assert set(hints) - {"return"} == {
        parameter for parameter in inspect.signature(function).parameters if parameter != "self"
    }
    assert not any(isinstance(hint, (str, typing.ForwardRef)) for hint in hints.values())


def test_a_type_hint_that_does_not_resolve_is_found() -> None:
    source = io.StringIO("def f(x: 'Nowhere') -> None: ...")
    names: dict[str, Any] = {}
    exec(source.read(), names)  # noqa: S102 - a function whose hint is of no module
    with pytest.raises(NameError, match="Nowhere"):
        typing.get_type_hints(names["f"])
