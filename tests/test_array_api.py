"""Arrays of other libraries: the table and the vectors of test_definition, and gradients."""

from __future__ import annotations

import itertools
import math
import warnings
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import thermoscope as ts
from tests.test_definition import INF, NAN, TABLE, doubles, vectors

if TYPE_CHECKING:
    from collections.abc import Callable

NAMES = ("array_api_strict", "torch", "jax", "jax.jit", "dask.array")
EPS = 2.0**-52


def library(name: str) -> Any:
    """Return how to make and read a library's arrays, and how to call a function on them."""
    module = pytest.importorskip(name.removesuffix(".jit"), reason=f"{name} is not installed")
    asarray = getattr(module, "asarray", None)
    call: Callable[..., Any] = lambda function, *args: function(*args)  # noqa: E731
    read: Callable[[Any], np.ndarray] = np.asarray
    if name == "torch":
        asarray = lambda a: module.asarray(np.array(a))  # noqa: E731
        read = lambda a: (a.float() if a.dtype == module.bfloat16 else a).numpy()  # noqa: E731
    if name == "dask.array":
        # Every axis is chunked, also the reduced one; building the graph must compute nothing.
        asarray = lambda a: module.from_array(  # noqa: E731
            np.asarray(a), chunks=tuple(n // 2 + 1 for n in np.shape(a))
        )
        call = uncomputed
    if name.startswith("jax"):
        module.config.update("jax_enable_x64", True)  # noqa: FBT003
        asarray = module.numpy.asarray
    if name == "jax.jit":
        call = lambda function, *args: module.jit(function)(*args)  # noqa: E731
    return SimpleNamespace(name=name, module=module, array=asarray, read=read, call=call)


@pytest.fixture(params=NAMES)
def lib(request: pytest.FixtureRequest) -> Any:
    return library(request.param)


@pytest.fixture
def torch() -> Any:
    return library("torch").module


@pytest.fixture
def jax() -> Any:
    return library("jax").module


def uncomputed(function: Callable[..., Any], *args: Any) -> Any:
    import dask

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("something was computed before its value was asked for")

    with dask.config.set(scheduler=refuse):
        return function(*args)


def compute_each(
    lib: Any, functions: list[Callable[..., Any]], *arrays: np.ndarray | None, **options: Any
) -> list[Any]:
    """Call functions on the same arrays of a library, which jax.jit compiles together."""
    made = [None if array is None else lib.array(array) for array in arrays]
    results = lib.call(lambda *args: [f(*args, **options) for f in functions], *made)
    assert {type(result) for result in results} == {type(lib.array(np.ones(1)))}
    return [lib.read(result) for result in results]


def compute(
    lib: Any, function: Callable[..., Any], *arrays: np.ndarray | None, **options: Any
) -> Any:
    """Call a function on arrays of a library; return its result as a NumPy array."""
    return compute_each(lib, [function], *arrays, **options)[0]


def masked(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda logits, temperature, where: function(logits, temperature, where=where)


CASES = [case.values[0] for case in vectors("softmax.json") + vectors("masks.json")]
# Cases are computed together, in arrays of these sizes, for jax.jit compiles each shape.
SIZES = (4, 64, max(len(case["logits"]) for case in CASES))


def wider(values: Any, size: int, fill: Any) -> np.ndarray:
    return np.pad(values, (0, size - len(values)), constant_values=fill)


@pytest.mark.parametrize(("smaller", "size"), list(itertools.pairwise((0, *SIZES))))
def test_results_agree_with_exact_arithmetic(lib: Any, smaller: int, size: int) -> None:
    """The tolerance is what an error of an ulp in z / T makes of the result.

    Shorter rows end with NaN, outside `where`.
    """
    cases = [case for case in CASES if smaller < len(case["logits"]) <= size]
    if lib.name.startswith("jax"):
        # XLA flushes subnormal numbers to 0, which makes all entries of these rows tie.
        cases = [case for case in cases if not case["name"].startswith("the smallest doubles")]
    logits = np.array([wider(doubles(case["logits"]), size, NAN) for case in cases])
    temperature = np.array([[float(case["temperature"])] for case in cases])
    inside = [case.get("where", [True] * len(case["logits"])) for case in cases]
    where = np.array([wider(row, size, fill=False) for row in inside])
    log_want = np.array([wider(doubles(case["log_softmax"]), size, -INF) for case in cases])
    farthest = np.abs(np.where(np.isfinite(log_want), log_want, 0)).max(-1, keepdims=True)
    tolerance = EPS * (4 + 2 * np.minimum(farthest, 745))
    functions = [masked(f) for f in (ts.softmax, ts.log_softmax, ts.entropy, ts.perplexity)]
    results = compute_each(lib, functions, logits, temperature, where)
    for name, got in zip(("softmax", "log_softmax"), results, strict=False):
        outside = 0 if name == "softmax" else -INF
        want = np.array([wider(doubles(case[name]), size, outside) for case in cases])
        if lib.name.startswith("jax"):
            want = np.where(np.abs(want) < np.finfo(float).smallest_normal, 0, want)
        np.testing.assert_array_equal(np.isfinite(got), np.isfinite(want))
        np.testing.assert_array_equal(got == 0, want == 0)
        ordinary = np.isfinite(want)
        np.testing.assert_array_equal(got[~ordinary], want[~ordinary])
        error = np.abs(np.where(ordinary, got, 0) - np.where(ordinary, want, 0))
        assert (error <= tolerance * np.abs(np.where(ordinary, want, 0)) + 5e-324).all()
    want = np.array([float(case["entropy"]) for case in cases])
    np.testing.assert_allclose(results[2], want, rtol=1e-12, atol=1e-300)
    np.testing.assert_allclose(results[3], np.exp(want), rtol=1e-12)


@pytest.mark.parametrize(("logits", "temperature", "where", "want"), TABLE)
def test_edge_cases_follow_the_table(
    lib: Any, logits: list[float], temperature: float, where: list[bool] | None, want: list[float]
) -> None:
    mask = None if where is None else lib.array(np.array(where))
    for dtype in (np.float32, np.float64):
        fits = np.abs(logits) <= np.finfo(dtype).max
        if not np.all(fits | ~np.isfinite(logits)):
            continue
        row = np.array(logits, dtype)
        with np.errstate(divide="ignore"):
            logarithm = np.log(np.array(want, dtype))
        # The temperature as a number, and as an array whose values may be unknown.
        for t in (None, np.array([temperature])):
            functions = [
                lambda z, t, function=function: function(
                    z, temperature if t is None else t, where=mask
                )
                for function in (ts.softmax, ts.log_softmax)
            ]
            results = compute_each(lib, functions, row, t)
            for got, right in zip(results, (np.array(want, dtype), logarithm), strict=True):
                assert got.dtype == dtype
                np.testing.assert_array_equal(got, right)


MEASURES = {
    "softmax": ts.softmax,
    "log_softmax": ts.log_softmax,
    "entropy": ts.entropy,
    "entropy in bits": lambda z, t, **options: ts.entropy(z, t, base=2, **options),
    "perplexity": ts.perplexity,
    "cross_entropy": lambda z, t, **options: ts.cross_entropy(z, abs(z), t, **options),
    "kl_divergence": lambda z, t, **options: ts.kl_divergence(z, z * 0.5, t, 2.0, **options),
    "jacobian": ts.jacobian,
    "temperature_derivative": ts.temperature_derivative,
}


@pytest.mark.parametrize("axis", [-1, 1, (0, 2), None])
@pytest.mark.parametrize("name", MEASURES)
def test_every_function_agrees_with_numpy(lib: Any, name: str, axis: Any) -> None:
    rng = np.random.default_rng(5)
    logits = rng.normal(0, 3, (4, 3, 5))
    logits[0, 0, :2] = logits[0, 0].max() + 1
    logits[1, 1, 3] = -INF
    logits[2, 2, 1] = INF if name in ("softmax", "log_softmax", "jacobian") else 0
    where = rng.random((3, 5)) < 0.8
    single = {-1: (4, 3, 1), 1: (4, 1, 5), (0, 2): (3, 1), None: ()}[axis]
    for temperature in (rng.choice([0.0, 0.3, 1.0, 50.0, INF], single), np.array(0.7)):
        want = MEASURES[name](logits, temperature, axis=axis, where=where)
        got = compute(lib, MEASURES[name], logits, temperature, axis=axis, where=lib.array(where))
        assert got.shape == np.shape(want)
        np.testing.assert_allclose(got, want, rtol=2e-13, atol=1e-15)


def test_cross_entropy_takes_classes_as_targets(lib: Any) -> None:
    logits = np.random.default_rng(6).normal(0, 3, (3, 4, 5))
    logits[0, 0, 2] = -INF
    targets = np.array([[2, 1, 0, 4], [0, 1, 2, 3], [3, 3, 3, 3]])
    got = compute(lib, lambda z, t: ts.cross_entropy(z, t, 0.5), logits, targets)
    want = -np.take_along_axis(ts.log_softmax(logits, 0.5), targets[..., None], -1)[..., 0]
    np.testing.assert_allclose(got, want, rtol=1e-13)
    assert got[0, 0] == INF
    got = compute(lib, lambda z, t: ts.cross_entropy(z, t, axis=(0, 2)), logits, targets[0])
    flat = ts.log_softmax(np.moveaxis(logits, 1, 0).reshape(4, 15))
    np.testing.assert_allclose(got, -flat[range(4), targets[0]], rtol=1e-13)


@pytest.mark.parametrize("dtype", ["bool", "int8", "int64", "float16", "bfloat16", "float32"])
def test_the_dtype_is_kept_and_integers_give_float64(lib: Any, dtype: str) -> None:
    exact = dtype in ("bool", "int8", "int64")
    if "float16" in dtype and lib.name == "array_api_strict":
        pytest.skip("the standard has no floats of 16 bits")
    if dtype == "bfloat16" and lib.name == "dask.array":
        pytest.skip("Dask has no bfloat16")
    source = np.random.default_rng(7).normal(0, 4, (6, 40))
    if lib.name == "torch":
        logits = lib.module.asarray(source).to(getattr(lib.module, dtype))
    else:
        wanted = getattr(lib.module.numpy, dtype) if lib.name.startswith("jax") else dtype
        logits = lib.array(source.astype(wanted))
    # These inputs are exact in float64: the results for them are the reference.
    known = lib.read(logits).astype(np.float64)
    for function in (ts.softmax, ts.log_softmax, ts.entropy, ts.perplexity, ts.jacobian):
        result = lib.call(lambda z, function=function: function(z, 0.7), logits)
        made = str(result.dtype).rpartition(".")[2]
        assert made == ("float64" if exact else dtype)
        got, want = lib.read(result).astype(np.float64), function(known, 0.7)
        digits = {"float16": 11, "bfloat16": 8, "float32": 24}.get(made, 53)
        # Half precision is rounded once from float32; the others have the error of z / T.
        factor = 0.51 if digits < 24 else 40
        spacing = np.maximum(2.0 ** (np.floor(np.log2(np.abs(want))) + 1 - digits), 2.0**-24)
        spacing = spacing if digits == 11 else np.abs(want) * 2.0 ** (1 - digits)
        assert (np.abs(got - want) <= factor * spacing + 1e-16).all()


def test_integers_give_float32_where_there_is_no_float64(jax: Any) -> None:
    with jax.enable_x64(False):  # noqa: FBT003
        got = ts.softmax(jax.numpy.asarray([1, 2, 3]))
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, ts.softmax([1, 2, 3]), rtol=1e-6)


def own_softmax(lib: Any) -> Callable[[Any], Any]:
    if lib.name == "torch":
        return lambda z: lib.module.softmax(z, -1)
    if lib.name.startswith("jax"):
        return lib.module.nn.softmax
    special = pytest.importorskip("scipy.special")
    return lambda z: special.softmax(np.asarray(z), axis=-1)


@pytest.mark.parametrize("dtype", [np.float32])
def test_softmax_is_as_accurate_as_the_library_s_own(lib: Any, dtype: type) -> None:
    rng = np.random.default_rng(8)
    rows = [
        rng.normal(0, 5, 1000),
        rng.uniform(-1000, 1000, 1000),
        1e4 + rng.random(1000),
        np.r_[60.0, rng.normal(0, 1, 999)],
        1 + np.arange(1000) * 1e-7,
    ]
    logits = np.array(rows, dtype)
    normal = np.finfo(dtype).smallest_normal
    ours, theirs = [], []
    for temperature in (0.01, 0.1, 1 / 3, 1.0, 7.0, 100.0):
        exact = ts.softmax(logits.astype(np.float64), temperature)
        held = exact >= normal

        def worst(got: np.ndarray, exact: np.ndarray = exact, held: np.ndarray = held) -> float:
            return (np.abs(got - exact)[held] / np.spacing(exact[held].astype(dtype))).max()

        ours.append(worst(compute(lib, lambda z, t=temperature: ts.softmax(z, t), logits)))
        own = own_softmax(lib)
        theirs.append(worst(lib.read(own(lib.array(logits) / temperature))))
    assert max(ours) <= max(theirs)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda a: ts.softmax(a([1.0, 2.0]), -0.5), ValueError, r"must be >= 0, got -0\.5"),
        (lambda a: ts.softmax(a([1.0, 2.0]), NAN), ValueError, "must be >= 0, got nan"),
        (lambda a: ts.softmax(a([1.0, 2.0]), "hot"), TypeError, "temperature must be real numb"),
        (
            lambda a: ts.softmax(a([1j, 2.0])),
            TypeError,
            "logits must be real numbers, got .*complex",
        ),
        (lambda a: ts.softmax(a([1.0]), 1j), TypeError, "temperature must be real numbers"),
        (lambda a: ts.softmax(a([[1.0]]), axis=2), ValueError, r"axes of logits of shape \(1, 1\)"),
        (lambda a: ts.softmax(a([[1.0]]), axis=(0, -2)), ValueError, "must name each axis once"),
        (lambda a: ts.softmax(a([1.0]), where=[1]), TypeError, "where must be an array of bool"),
        (lambda a: ts.softmax(a([1.0]), where=a([1])), TypeError, "where must be an array of bool"),
        (lambda a: ts.softmax(a([1.0]), out=np.ones(1)), TypeError, "out must be None where"),
        (
            lambda a: ts.softmax(a(np.ones((3, 4))), a(np.ones(3))),
            ValueError,
            r"size 1 along axis -1 .*\(3, 4\), got shape \(3,\): use temperature\[:, None\]",
        ),
        (
            lambda a: ts.softmax(a(np.ones((3, 4))), where=np.ones((2, 4), bool)),
            ValueError,
            r"where must broadcast .* \(3, 4\), got \(2, 4\)",
        ),
        (
            lambda a: ts.cross_entropy(a([1.0, 2.0]), a([0.5])),
            ValueError,
            r"probabilities in the shape of logits, \(2,\), got \(1,\)",
        ),
        (
            lambda a: ts.cross_entropy(a([1.0]), a([True])),
            TypeError,
            "classes or probabilities, got .*bool",
        ),
        (
            lambda a: ts.kl_divergence(a([1.0, 2.0]), a([1.0])),
            ValueError,
            r"as many entries as logits of shape \(2,\) along axis -1, got shape \(1,\)",
        ),
    ],
)
@pytest.mark.parametrize("name", ["numpy", *NAMES[:3], "dask.array"])
def test_errors_name_the_argument(
    name: str, call: Callable[[Any], object], error: type[Exception], words: str
) -> None:
    if name == "numpy" and "out" in words:
        pytest.skip("NumPy takes out")
    array = np.asarray if name == "numpy" else library(name).array
    with pytest.raises(error, match=words):
        call(array)


@pytest.mark.parametrize("name", ["numpy", *NAMES[:3]])
def test_invalid_values_of_eager_arrays_are_errors(name: str) -> None:
    array = np.asarray if name == "numpy" else library(name).array
    with pytest.raises(ValueError, match=r"temperature must be >= 0, got .*-0\.5"):
        ts.softmax(array([[1.0], [2.0]]), array([[1.0], [-0.5]]))
    with pytest.raises(ValueError, match=r"targets must be in \[0, 2\), got .*2"):
        ts.cross_entropy(array([[1.0, 2.0]] * 2), array([1, 2]))
    got = ts.cross_entropy(array([[1.0, 2.0]] * 2), array([1, -100]))
    np.testing.assert_array_equal(np.isnan(np.asarray(got)), [False, True])
    with pytest.raises(ValueError, match=r"targets must be in \[0, 2\), got .*-1"):
        ts.cross_entropy(array([[1.0, 2.0]] * 2), array([1, -1]))


@pytest.mark.parametrize("name", ["jax.jit", "dask.array", "torch.vmap"])
def test_invalid_values_of_traced_and_lazy_arrays_give_nan(name: str) -> None:
    lib = library(name.removesuffix(".vmap"))
    call = lib.module.vmap if name == "torch.vmap" else lambda f: lambda *a: lib.call(f, *a)
    logits = lib.array(np.array([[1.0, 2.0]] * 3))
    temperature = lib.array(np.array([[1.0], [-0.5], [NAN]]))
    got = lib.read(call(ts.softmax)(logits, temperature))
    np.testing.assert_array_equal(np.isnan(got), [[False] * 2, [True] * 2, [True] * 2])
    for targets in ([1, 2, -1], [1, -100, 2]):
        got = lib.read(call(ts.cross_entropy)(logits, lib.array(np.array(targets))))
        np.testing.assert_array_equal(np.isnan(got), [False, True, True])


def test_numpy_arrays_and_lists_mix_with_a_library(lib: Any) -> None:
    logits, temperature = np.array([[1.0, 2.0], [0.5, 3.0]]), np.array([[0.5], [2.0]])
    where = np.array([True, True])
    for array in (logits, temperature, where):
        array.flags.writeable = False
    want = ts.softmax(logits, temperature)
    for got in (
        compute(lib, lambda z: ts.softmax(z, temperature, where=where), logits),
        compute(lib, lambda t: ts.softmax(logits, t, where=where), temperature),
        compute(lib, lambda t: ts.softmax(logits.tolist(), t), temperature),
        compute(lib, lambda w: ts.softmax(logits, temperature, where=w), where),
    ):
        np.testing.assert_allclose(got, want, rtol=1e-15)


def test_arrays_of_two_libraries_are_an_error(torch: Any) -> None:
    strict = library("array_api_strict").module
    words = r"of one library, besides NumPy's, got array_api_strict.* and torch\.Tensor"
    with pytest.raises(TypeError, match=words):
        ts.softmax(torch.ones(2), strict.ones(1))


# PyTorch's own forward mode uses what PyTorch deprecates.
FORWARD = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")


def torch_gradients(function: Callable[..., Any], *values: np.ndarray) -> list[np.ndarray]:
    torch = library("torch").module
    leaves = [torch.asarray(np.array(value)).requires_grad_() for value in values]
    return [g.numpy() for g in torch.autograd.grad(function(*leaves).sum(), leaves)]


def jax_gradients(function: Callable[..., Any], *values: np.ndarray) -> list[np.ndarray]:
    jax = library("jax").module
    total = jax.grad(lambda *v: function(*v).sum(), tuple(range(len(values))))
    return [np.asarray(g) for g in total(*values)]


Gradients: TypeAlias = dict[tuple[int, ...], list[np.ndarray]]


def torch_gradients_of_each(function: Callable[..., Any], *values: np.ndarray) -> Gradients:
    """Return the gradients of each element of the result, by its place."""
    torch = library("torch").module
    leaves = [torch.asarray(np.array(value)).requires_grad_() for value in values]
    result = function(*leaves)
    return {
        place: [g.numpy() for g in torch.autograd.grad(result[place], leaves, retain_graph=True)]
        for place in np.ndindex(tuple(result.shape))
    }


def jax_gradients_of_each(function: Callable[..., Any], *values: np.ndarray) -> Gradients:
    """Return the same by JAX; the function is traced once, which takes most of the time."""
    result, pull_back = library("jax").module.vjp(function, *values)
    gradients = {}
    for place in np.ndindex(result.shape):
        one = np.zeros_like(result)
        one[place] = 1
        gradients[place] = [np.asarray(g) for g in pull_back(one)]
    return gradients


def differences(function: Callable[..., Any], *values: np.ndarray, step: float) -> list[np.ndarray]:
    """Return the central differences of NumPy's results, at every finite element."""
    gradients = []
    for k, value in enumerate(values):
        gradient = np.zeros_like(value)
        for place in np.ndindex(value.shape):
            if not np.isfinite(value[place]):
                continue
            ends = []
            for sign in (1, -1):
                moved = [v.copy() for v in values]
                moved[k][place] += sign * step
                ends.append(function(*moved).sum())
            gradient[place] = (ends[0] - ends[1]) / (2 * step)
        gradients.append(gradient)
    return gradients


def weighed(function: Callable[..., Any], weights: np.ndarray) -> Callable[..., Any]:
    """Multiply each element by its weight; a weight of 0 leaves out -inf, which has no slope."""

    def total(*args: Any) -> Any:
        result = function(*args)
        if isinstance(result, np.ndarray):
            return np.where(weights == 0, 0, result) * weights
        xp, place = ts.kernels.array_api.namespace(result)
        w = xp.asarray(weights, **place)
        return xp.where(w == 0, xp.zeros_like(result), result) * w

    return total


LOGITS = {
    "ordinary": [0.3, -1.2, 2.5, 0.8],
    "ties": [1.0, 1.0, -0.5, 1.0],
    "wide": [30.0, -40.0, 29.0, 5.0],
    "far beyond": [1.0, -1e300, 0.5, -1e30],
    "entries of -inf": [0.3, -INF, 1.5, -INF],
    "one entry": [0.7, -INF, -INF, -INF],
}
MASKED = {
    "a masked NaN": [0.3, NAN, 1.5, 0.2],
    "masked infinities": [-INF, INF, 0.5, 0.2],
    "a masked maximum": [0.3, 1e308, 1.5, 0.2],
}


@pytest.mark.parametrize("gradients", [torch_gradients, jax_gradients])
@pytest.mark.parametrize("temperature", [0.01, 0.5, 3.0, 1e4])
@pytest.mark.parametrize("name", [*LOGITS, *MASKED])
def test_gradients_equal_central_differences(
    gradients: Callable[..., Any], name: str, temperature: float
) -> None:
    logits = np.array([(LOGITS | MASKED)[name]])
    where = np.array([[True, name not in MASKED, True, True]])
    t = np.array([[temperature]])
    weights = np.array([[0.7, -1.3, 0.4, 2.0]])
    functions = {
        "softmax": lambda z, t: ts.softmax(z, t, where=where),
        "log_softmax": lambda z, t: ts.log_softmax(z, t, where=where),
        "entropy": lambda z, t: ts.entropy(z, t, where=where),
        "cross_entropy": lambda z, t: ts.cross_entropy(z, np.array([2]), t, where=where),
        "kl_divergence": lambda z, t: ts.kl_divergence(z, np.zeros(4), t, 2.0, where=where),
    }
    for function in functions.values():
        value = function(logits, t)
        scale = weights[tuple(slice(n) for n in value.shape)]
        if value.ndim < 2:
            scale = weights[0, : value.size]
        total = weighed(function, np.where(np.isfinite(value) & (np.abs(value) < 1e5), scale, 0))
        got = gradients(total, logits, t)
        # Only the ratio of logits and temperature matters: the step is 1e-4 of that ratio.
        want = [
            differences(total, logits, t, step=1e-4 * min(temperature, 1e3))[0],
            differences(total, logits, t, step=1e-5 * temperature)[1],
        ]
        for mine, right in zip(got, want, strict=True):
            np.testing.assert_allclose(mine, right, rtol=2e-6, atol=1e-8 / temperature)


@FORWARD
@pytest.mark.parametrize("temperature", [0.2, 1.0, 5.0])
def test_second_derivatives_of_torch_and_jax_agree(
    torch: Any, jax: Any, temperature: float
) -> None:
    logits = torch.tensor([0.3, -1.2, 2.5, 0.8], dtype=torch.float64, requires_grad=True)
    t = torch.tensor([temperature], dtype=torch.float64, requires_grad=True)
    for function in (ts.softmax, ts.log_softmax, ts.entropy):
        assert torch.autograd.gradcheck(function, (logits, t), check_forward_ad=True)
        assert torch.autograd.gradgradcheck(function, (logits, t))
    hessian = torch.autograd.functional.hessian(ts.entropy, (logits, t))
    same = jax.hessian(ts.entropy, (0, 1))(logits.detach().numpy(), t.detach().numpy())
    for row, other in zip(itertools.chain(*hessian), itertools.chain(*same), strict=True):
        np.testing.assert_allclose(row, other, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(("dtype", "least"), [("float32", 1e-19), ("float64", 1e-154)])
@pytest.mark.parametrize("logits", [[2.0, 1.0, 0.1], [2.0, 2.0, 0.1], [0.3, -INF, 0.2]])
@pytest.mark.parametrize("function", [ts.softmax, ts.entropy])
def test_second_derivatives_at_low_temperatures_are_never_nan(
    torch: Any, function: Callable[..., Any], logits: list[float], dtype: str, least: float
) -> None:
    z = torch.tensor(logits, dtype=getattr(torch, dtype))
    for temperature in (1e-5, 1e-10, 2 * least, 0.1 * least, 1e-3 * least):
        t = torch.tensor([temperature], dtype=z.dtype)
        for place in range(function(z, t).numel()):
            hessian = torch.autograd.functional.hessian(
                lambda z, t, place=place: function(z, t).reshape(-1)[place], (z, t)
            )
            for part in itertools.chain(*hessian):
                assert not part.isnan().any()
                # Only tied entries have derivatives other than 0, and theirs, 1 / T**2, overflow.
                ties = logits[0] == logits[1] and temperature < least
                assert ties or part.isfinite().all()


@pytest.mark.parametrize("name", MEASURES)
def test_torch_compiles_every_function_as_one_graph(torch: Any, name: str) -> None:
    logits = torch.asarray(np.random.default_rng(12).normal(0, 3, (4, 10)))
    where = logits > -3
    for temperature in (2, 0.5, torch.full((4, 1), 0.5, dtype=torch.float64)):
        torch.compiler.reset()
        call = lambda z, t: MEASURES[name](z, t, where=where)  # noqa: E731
        compiled = torch.compile(call, fullgraph=True, backend="eager")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the compiler warns of caches that it looks through
            got = compiled(logits, temperature)
        torch.testing.assert_close(got, call(logits, temperature), rtol=1e-15, atol=0)


@pytest.mark.parametrize("name", MEASURES)
@pytest.mark.parametrize("device", ["no_float64", "no_x64"])
def test_a_device_without_float64_computes_in_float32(device: str, name: str) -> None:
    strict = library("array_api_strict").module
    place = strict.Device(device)
    logits = np.random.default_rng(13).normal(0, 3, (4, 5)).astype(np.float32)
    temperature, where = np.array([[0.0], [0.5], [2.0], [INF]]), logits > -4
    whole = np.array([[3, -1, 2], [0, 0, 5]], np.int32)
    if name in ("cross_entropy", "kl_divergence"):  # these take fractions as targets or logits
        whole = whole.astype(np.float32)
    on = lambda array: strict.asarray(array, device=place)  # noqa: E731
    for got, want in (
        (MEASURES[name](on(logits), temperature), MEASURES[name](logits, temperature)),
        (MEASURES[name](on(logits), 0.7, where=where), MEASURES[name](logits, 0.7, where=where)),
        (MEASURES[name](on(whole), np.array(0.7)), MEASURES[name](whole, 0.7)),
        (
            MEASURES[name](logits.astype(np.float64), on(temperature.astype(np.float32))),
            MEASURES[name](logits, temperature),
        ),
    ):
        assert got.device == place
        assert got.dtype == strict.float32
        np.testing.assert_allclose(np.asarray(got.to_device(strict.Device())), want, 2e-5, 1e-6)


EDGES = st.one_of(
    st.floats(width=32),
    st.sampled_from([0.0, 1.0, INF, -INF, NAN, float(np.finfo(np.float32).min)]),
)


@pytest.mark.parametrize("gradients_of_each", [torch_gradients_of_each, jax_gradients_of_each])
@settings(max_examples=50)
@given(
    arrays(np.float32, 4, elements=EDGES),
    st.one_of(st.floats(2.0**-100, 2.0**100, width=32), st.sampled_from([0.0, 1.0, INF])),
    arrays(np.bool_, 4),
)
@example(np.array([np.finfo(np.float32).min, 0, 0, 0]), 0.5, np.array([True, False, False, False]))
def test_no_gradient_is_nan(
    gradients_of_each: Callable[..., Gradients],
    logits: np.ndarray,
    temperature: float,
    where: np.ndarray,
) -> None:
    """Entries may be masked, infinite, NaN or so large that z / T overflows."""
    t = np.array([temperature], np.float32)
    for function in (ts.softmax, ts.log_softmax, ts.entropy):
        value = function(logits, t, where=where)
        # One element at a time: infinite values of others must not enter.
        for place, got in gradients_of_each(partial(function, where=where), logits, t).items():
            if np.isnan(value[place]):
                continue
            assert not any(np.isnan(g).any() for g in got)
            assert not np.abs(got[0][~where]).any()


def test_gradients_of_ties_and_of_infinite_values_are_0() -> None:
    for logits, temperature in (([1.0, 1.0, 0.5], 0.0), ([1.0, 2.0, 0.5], INF), ([INF, 1.0], 1.0)):
        for gradients in (torch_gradients, jax_gradients):
            for function in (ts.softmax, ts.log_softmax):
                got = gradients(
                    lambda z, t, f=function: f(z, t)[..., :1],
                    np.array(logits),
                    np.array([temperature]),
                )
                assert not any(g.any() for g in got)


def test_jax_transformations(jax: Any) -> None:
    rng = np.random.default_rng(9)
    logits, temperature = rng.normal(size=(5, 7)), rng.uniform(0.1, 3, 5)
    want = ts.softmax(logits, temperature[:, None])
    batch = jax.vmap(ts.softmax)
    np.testing.assert_allclose(batch(logits, temperature), want, rtol=1e-14)
    np.testing.assert_allclose(jax.jit(batch)(logits, temperature), want, rtol=1e-14)
    slopes = jax.vmap(jax.jacrev(ts.softmax))(logits, temperature)
    np.testing.assert_allclose(slopes, ts.jacobian(logits, temperature[:, None]), atol=1e-15)
    slopes = jax.vmap(jax.jacfwd(ts.softmax, 1))(logits, temperature)
    want = ts.temperature_derivative(logits, temperature[:, None])
    np.testing.assert_allclose(slopes, want, atol=1e-14)


@FORWARD
def test_torch_transformations(torch: Any) -> None:
    rng = np.random.default_rng(10)
    logits, temperature = rng.normal(size=(5, 7)), rng.uniform(0.1, 3, 5)
    z, t = torch.asarray(logits), torch.asarray(temperature)
    batch = torch.func.vmap(ts.softmax)
    np.testing.assert_allclose(batch(z, t), ts.softmax(logits, temperature[:, None]), rtol=1e-14)
    slopes = torch.func.vmap(torch.func.jacrev(ts.softmax))(z, t)
    np.testing.assert_allclose(slopes, ts.jacobian(logits, temperature[:, None]), atol=1e-15)
    slopes = torch.func.vmap(torch.func.jacfwd(ts.softmax, 1))(z, t)
    want = ts.temperature_derivative(logits, temperature[:, None])
    np.testing.assert_allclose(slopes, want, atol=1e-14)


def test_a_meta_tensor_takes_a_temperature_from_another_device(torch: Any) -> None:
    logits = torch.ones((3, 4), device="meta")
    got = ts.softmax(logits, torch.tensor(2.0), where=np.array([True, False, True, True]))
    assert got.device == logits.device
    assert got.shape == logits.shape


def test_dask_keeps_the_chunks() -> None:
    da = library("dask.array").module
    logits = da.random.default_rng(11).normal(0, 5, (6, 1000), chunks=(2, 100))
    got = ts.softmax(logits, 0.5)
    assert got.chunks == logits.chunks
    known = logits.compute()
    np.testing.assert_allclose(got, ts.softmax(known, 0.5), rtol=1e-13)
    assert math.prod(ts.entropy(logits).chunks[0]) == 8
