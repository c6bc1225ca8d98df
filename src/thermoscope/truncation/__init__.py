"""The steps of a sampler: what it may draw, and how likely, in the order of an engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, SupportsIndex, Unpack, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thermoscope.arguments import refuse_for_reported
from thermoscope.definition import softmax
from thermoscope.reported import Interval, Reported
from thermoscope.truncation.engines import Ties, engines
from thermoscope.truncation.intervals import Decision, decided, truncated
from thermoscope.truncation.penalties import Penalties
from thermoscope.truncation.settings import KEYWORDS, ReportedSettings, Settings
from thermoscope.truncation.steps import remaining

__all__ = ["Penalties", "engines", "keep", "truncate"]


@overload
def keep(
    logits: ArrayLike,
    temperature: ArrayLike = 1.0,
    *,
    axis: SupportsIndex = -1,
    where: ArrayLike | None = None,
    **settings: Unpack[Settings],
) -> NDArray[np.bool_]: ...
@overload
def keep(
    logits: Reported, temperature: float = 1.0, **settings: Unpack[ReportedSettings]
) -> Decision: ...
def keep(
    logits: ArrayLike | Reported,
    temperature: ArrayLike = 1.0,
    *,
    top_k: int | None = None,
    top_p: float | None = None,
    min_p: float | None = None,
    typical_p: float | None = None,
    epsilon: float | None = None,
    eta: float | None = None,
    top_n_sigma: float | None = None,
    xtc_probability: float | None = None,
    xtc_threshold: float | None = None,
    min_keep: int | None = None,
    dynatemp_range: float | None = None,
    dynatemp_exponent: float | None = None,
    penalties: Penalties | None = None,
    engine: str | None = None,
    order: Sequence[str] | None = None,
    ties: Ties | None = None,
    axis: SupportsIndex = -1,
    where: ArrayLike | None = None,
) -> NDArray[np.bool_] | Decision:
    """Tell which entries a sampler keeps, as a mask that `softmax` takes as `where`.

    Each rule and each penalty that is given is a step. A step sees the entries that the steps
    before it kept, renormalised in float64.

    Parameters
    ----------
    logits : array_like
        Real numbers of any shape; see `softmax`.
    temperature : array_like, optional
        A number in [0, inf], or an array of them with size 1 along `axis`.
    top_k : int, optional
        Keep the k highest logits [1]_, k >= 1.
    top_p : float, optional
        Keep the nucleus [2]_: the fewest of the most probable entries whose probabilities sum to
        at least p, in [0, 1]. 0 keeps the top entry, 1 all.
    min_p : float, optional
        Keep entries at least p times as probable as the most probable one [3]_, p in [0, 1].
    typical_p : float, optional
        Keep the locally typical entries [4]_: those whose surprisal is nearest to the entropy,
        the nearest first, until they sum to at least p, in [0, 1]. The most probable entry may be
        too predictable to be kept.
    epsilon : float, optional
        Keep probabilities of at least this cutoff [5]_, in [0, 1].
    eta : float, optional
        Keep probabilities of at least ``min(eta, sqrt(eta) * exp(-entropy))`` [5]_, in [0, 1]:
        the flatter a row is, the lower is the cutoff.
    top_n_sigma : float, optional
        Keep logits within n standard deviations of the highest [6]_, n >= 0 and finite. The
        standard deviation is that of the finite logits, over their number.
    xtc_probability : float, optional
        The chance, in [0, 1], that of the entries of at least `xtc_threshold` all are dropped
        except the least probable one [7]_. An entry is kept if it may be drawn in either outcome.
    xtc_threshold : float, optional
        A probability in [0, 0.5]; 0.1 is the default.
    min_keep : int, optional
        The fewest entries that a rule leaves, the first ones by what it sorts by. XTC drops none
        where fewer would stay. The default is 1; `engines` shows which rules of an engine have it.
    dynatemp_range : float, optional
        Take a temperature in [T - range, T + range] [8]_, and at least 0: the lower end plus
        ``(entropy / log(n)) ** dynatemp_exponent`` times the length of that interval, with the
        entropy of the n entries that are left, at T = 1.
    dynatemp_exponent : float, optional
        At least 0; the default is 1.
    penalties : Penalties, optional
        The steps that change logits, by the text so far.
    engine : str, optional
        Whose order and edge rules: "transformers", "vllm", "sglang", "mlx-lm", "llama.cpp",
        "ollama" (of 0.30 and later, where it runs llama.cpp) or "ollama<0.30"; `engines` shows
        them. Without an engine the steps of `penalties` are first, then comes the temperature, and
        then the steps in the order of these parameters, with the edge rules of Notes.
    order : sequence of str, optional
        The steps in the order in which they are done, each by the name of its parameter, with
        "temperature" and the penalties among them: steps before the temperature see T = 1. The
        edge rules stay those of the engine, but that SGLang's are one after another then. The
        temperature may be left out where it is 1.
    ties : {"all", "k"}, optional
        Of the entries that tie for the last place of `top_k`, keep all or as many as make k. The
        default is what the engine does, and "all" without one. vLLM does either: "all" in its
        PyTorch code, the default here, and "k" in its Triton kernel for GPUs.
    axis : int, optional
        The axis of the rows.
    where : array_like of bool, optional
        A mask that broadcasts against `logits`: entries where it is False do not exist.

    Returns
    -------
    ndarray of bool
        The kept entries, of the shape to which the arguments broadcast. Entries at -inf are not
        kept. In a row whose softmax is NaN all unmasked entries are kept, so that it stays NaN.
        Of a `Reported` distribution, a `Decision`: what is kept, dropped and undecided. While
        tokens that are not reported are left, only the steps temperature, top_k, top_p, min_p and
        epsilon decide anything; a top_k of at most the reported tokens takes the others away. The
        reported tokens are the likeliest then: one that ties with the last of them is left out.

    Raises
    ------
    ArgumentError
        If an argument has a wrong value, shape or type; if the engine is not known, or does not
        have a step or a value of it; if `order` names a step that has no parameter, or not a step
        that has one.

    See Also
    --------
    truncate : the probabilities of the kept entries.
    Penalties : what changes logits by the text so far.
    engines : the orders, edge rules and defaults of the engines.

    Notes
    -----
    With penalties, XTC or a dynamic temperature a sampler does not draw from the softmax of the
    given logits, masked: `truncate` gives what it draws from.

    Without an engine, entries that tie for the last place of a rule are all kept. So are those
    that tie for the maximum, whatever `epsilon` and `eta` say.

    The reference kernel always decides, so the same entries are kept with and without the native
    kernel, whose probabilities may differ from its own in the last bit.

    What all engines share:

    - The entry at which a sum ends is kept.
    - Which of the tied entries stay where only some do, the engines leave to a sort that is not
      stable, or to a heap: here the first ones stay.
    - At T = 0 they take the first entry of the maximum. Steps before the temperature see T = 1,
      so typical_p of llama.cpp may have taken the maximum away.
    - They work in float32; here all is decided in float64. Where a sum comes within rounding of p
      they may keep one entry more or less, and typical_p may take one of two entries that are as
      far from the entropy for the other.

    typical_p of llama.cpp fails after top_n_sigma, unless top_k has taken away what top_n_sigma
    drops: the entropy is NaN in llama.cpp, and its sort decides what is kept. Here typical_p sees
    the entries that are left.

    In llama.cpp the entries that top_n_sigma drops, and those at -inf, count as entries that are
    left until another rule takes them away: for a dynamic temperature, and for min_keep of XTC.
    So they do here with that engine.

    The server of mlx-lm lets XTC drop neither a line feed nor the end of the text; here XTC knows
    no such entries.

    References
    ----------
    .. [1] A. Fan, M. Lewis and Y. Dauphin, "Hierarchical neural story generation",
       arXiv:1805.04833, section 5.4.
    .. [2] A. Holtzman, J. Buys, L. Du, M. Forbes and Y. Choi, "The curious case of neural text
       degeneration", arXiv:1904.09751, section 3.1.
    .. [3] M. Nguyen, A. Baker, C. Neo, A. Roush, A. Kirsch and R. Shwartz-Ziv, "Turning up the
       heat: min-p sampling for creative and coherent LLM outputs", arXiv:2407.01082, section 3.
    .. [4] C. Meister, T. Pimentel, G. Wiher and R. Cotterell, "Locally typical sampling",
       arXiv:2202.00666, section 4.
    .. [5] J. Hewitt, C. D. Manning and P. Liang, "Truncation sampling as language model
       desmoothing", arXiv:2210.15191, sections 4.2 and 4.3, with alpha = sqrt(epsilon).
    .. [6] C. Tang, J. Liu, H. Xu and L. Huang, "Top-n sigma: not all logits are you need",
       arXiv:2411.07641, section 3.
    .. [7] P. E. Weidmann, "Exclude Top Choices (XTC): a sampler that boosts creativity, breaks
       writing clichés, and inhibits non-verbatim repetition",
       https://github.com/oobabooga/text-generation-webui/pull/6335 (2024).
    .. [8] Dynamic temperature of llama.cpp, https://github.com/ggml-org/llama.cpp/pull/4972 (2024).

    Examples
    --------
    >>> import thermoscope as ts
    >>> logits = [2.0, 1.0, 0.1, -1.0]
    >>> ts.softmax(logits).round(2)
    array([0.64, 0.23, 0.1 , 0.03])
    >>> ts.keep(logits, top_p=0.8)
    array([ True,  True, False, False])
    >>> ts.keep(logits, 0.5, top_p=0.8)
    array([ True, False, False, False])
    >>> ts.keep(logits, top_k=3, min_p=0.2)
    array([ True,  True, False, False])
    >>> ts.keep([3.0, 1.0, 2.0, 1.0], top_k=3)
    array([ True,  True,  True,  True])
    >>> ts.keep([3.0, 1.0, 2.0, 1.0], top_k=3, engine="llama.cpp")
    array([ True,  True,  True, False])

    The temperature makes a row flatter for the steps after it only.

    >>> ts.keep(logits, 5.0, top_p=0.8, order=["temperature", "top_p"])
    array([ True,  True,  True, False])
    >>> ts.keep(logits, 5.0, top_p=0.8, order=["top_p", "temperature"])
    array([ True,  True, False, False])
    """
    settings = {name: value for name, value in locals().items() if name in KEYWORDS}
    if isinstance(logits, Reported):
        refuse_for_reported(axis=axis, where=where)
        return decided(logits, temperature, settings)
    left = remaining(logits, temperature, axis, where, settings)
    return np.moveaxis(left.kept, -1, left.axis)


@overload
def truncate(
    logits: ArrayLike,
    temperature: ArrayLike = 1.0,
    *,
    axis: SupportsIndex = -1,
    where: ArrayLike | None = None,
    **settings: Unpack[Settings],
) -> NDArray[Any]: ...
@overload
def truncate(
    logits: Reported, temperature: float = 1.0, **settings: Unpack[ReportedSettings]
) -> Interval: ...
def truncate(
    logits: ArrayLike | Reported,
    temperature: ArrayLike = 1.0,
    *,
    top_k: int | None = None,
    top_p: float | None = None,
    min_p: float | None = None,
    typical_p: float | None = None,
    epsilon: float | None = None,
    eta: float | None = None,
    top_n_sigma: float | None = None,
    xtc_probability: float | None = None,
    xtc_threshold: float | None = None,
    min_keep: int | None = None,
    dynatemp_range: float | None = None,
    dynatemp_exponent: float | None = None,
    penalties: Penalties | None = None,
    engine: str | None = None,
    order: Sequence[str] | None = None,
    ties: Ties | None = None,
    axis: SupportsIndex = -1,
    where: ArrayLike | None = None,
) -> NDArray[Any] | Interval:
    """Compute the probabilities from which a sampler draws after truncation.

    They are the softmax of the entries that `keep` keeps, with the logits that the penalties make
    of the given ones, at the temperature that the engine makes of the given one. With XTC they are
    the mixture of what is drawn from when it drops and when it does not. The parameters are those
    of `keep`.

    Returns
    -------
    ndarray
        Probabilities, of the dtype of `logits`; exactly 0 in the entries that are not kept. Rows
        without a distribution are what `softmax` makes of them. Of a `Reported` distribution, an
        `Interval`.

    Raises
    ------
    ArgumentError
        As `keep`.

    See Also
    --------
    keep : the mask, and what the parameters mean.

    Examples
    --------
    >>> import thermoscope as ts
    >>> ts.truncate([2.0, 1.0, 0.1, -1.0], top_k=3, top_p=0.8).round(3)
    array([0.731, 0.269, 0.   , 0.   ])

    The order matters: with the temperature last, it does not change which entries are kept.

    >>> ts.truncate([2.0, 1.0, 0.1, -1.0], 5.0, top_p=0.8).round(3)
    array([0.4  , 0.327, 0.273, 0.   ])
    >>> ts.truncate([2.0, 1.0, 0.1, -1.0], 5.0, top_p=0.8, engine="llama.cpp").round(3)
    array([0.55, 0.45, 0.  , 0.  ])

    The tokens of the text become less likely, and XTC may drop the first entry:

    >>> text = ts.Penalties(history=[0, 2], repetition_penalty=1.3)
    >>> ts.truncate([2.0, 1.0, 0.1, -1.0], penalties=text).round(3)
    array([0.528, 0.308, 0.122, 0.042])
    >>> ts.truncate([2.0, 1.0, 0.1, -1.0], xtc_probability=0.5).round(3)
    array([0.319, 0.442, 0.18 , 0.06 ])
    """
    settings = {name: value for name, value in locals().items() if name in KEYWORDS}
    if isinstance(logits, Reported):
        refuse_for_reported(axis=axis, where=where)
        return truncated(logits, temperature, settings)
    left = remaining(logits, temperature, axis, where, settings)
    probabilities = softmax(left.logits, left.temperature, where=left.kept)
    return np.moveaxis(probabilities, -1, left.axis).astype(left.dtype, copy=False)
