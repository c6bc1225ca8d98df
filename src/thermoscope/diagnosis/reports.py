"""Checks of what a server reports: they need no chance, only a few answers."""

from __future__ import annotations

import math
import struct
from decimal import Decimal
from typing import Final

import numpy as np

from thermoscope.connection.servers import Chat, Prompt
from thermoscope.diagnosis.examination import Examination, Reference, Unknown
from thermoscope.diagnosis.finding import Finding
from thermoscope.present import percent

__all__ = ["counts", "logprobs", "positions", "precision", "tokens"]

FEW: Final = 5
"""Log-probabilities that every server reports."""
COARSE: Final = 5
"""Numbers of at most as many digits have been rounded."""
SOME: Final = 2000
ALIKE: Final = 1e-3
"""In nats: two distributions that differ less are the same one."""
NOISE: Final = 0.5
"""In nats: what batches and kernels may change from one request to the next."""
SLOPE: Final = 0.03
"""How far a slope may be from 1, or from 1 / T."""
HALF: Final = "\ufffd"
RAW: Final = {"llama.cpp"}
"""The kinds whose documents say that they report raw log-probabilities, whatever is sent."""

IMPORTANCE: Final = (
    "Importance ratios need processed log-probabilities: get them by truncate(reported, T, ...)."
)


def counts(exam: Examination) -> Finding:
    """Check that as many log-probabilities come back as were asked for."""
    asked = min(FEW, exam.server.most or FEW)
    position = exam.report(exam.references[0].prompt, top=asked)
    first = exam.references[0]
    evidence = {
        "asked": asked,
        "reported": len(position.tokens),
        "most": len(first.tokens),
        "not_reported": first.rest,
    }
    rest = f"; {percent(first.rest)} of the probability is in others" if first.rest else ""
    text = f"{len(first.tokens):,} log-probabilities at most{rest}"
    if len(position.tokens) < asked:
        text = f"asked for {asked} log-probabilities, the server reports {len(position.tokens)}"
        return Finding("counts", "wrong", text, "", evidence)
    meaning = "" if not first.rest else "What a sampler makes of the others has intervals only."
    return Finding("counts", "ok", text, meaning, evidence)


def tokens(exam: Examination) -> Finding:
    """Check that tokens can be told apart, half characters too."""
    known = [token for reference in exam.references for token in reference.tokens]
    halves = [token for token in known if HALF in token.text]
    lost = [
        token
        for token in halves
        if (token.bytes is None and token.id is None)
        or (token.bytes is not None and HALF.encode() in token.bytes)
    ]
    parts = {
        "ids": all(token.id is not None for token in known),
        "bytes": all(token.bytes is not None for token in known),
    }
    evidence = {**parts, "half_characters": len(halves), "without_their_bytes": len(lost)}
    given = ", ".join([*(name for name, has in parts.items() if has), "texts"])
    if len(lost) > 1:
        return Finding(
            "tokens",
            "wrong",
            f"{len(lost)} half characters have the bytes of U+FFFD, not their own",
            "A text with such tokens can't be put together from what is reported; "
            + ("their ids tell them apart." if parts["ids"] else "nothing tells them apart."),
            evidence,
        )
    told = f", {len(halves)} half characters among them" if halves else ", no half character"
    return Finding("tokens", "ok", f"tokens have {given}{told}", "", evidence)


def precision(exam: Examination) -> Finding:
    """Check how many digits log-probabilities have."""
    exam.report(exam.references[0].prompt)
    numbers = [abs(each) for each in exam.sent]
    if len(numbers) < FEW:
        raise Unknown(f"only {len(numbers)} log-probabilities are reported")
    # A few thousand tell as much as all.
    numbers = numbers[:SOME]
    digits = [Decimal(repr(each)).normalize().as_tuple() for each in numbers]
    places = max(-int(each.exponent) for each in digits)
    figures = max(len(each.digits) for each in digits)
    float32 = all(struct.unpack("f", struct.pack("f", each))[0] == each for each in numbers)
    evidence = {"places": places, "figures": figures, "float32": float32}
    if min(places, figures) <= COARSE:
        kept = f"{places} places" if places <= figures else f"{figures} digits"
        return Finding(
            "precision",
            "wrong",
            f"log-probabilities are rounded to {kept}",
            f"Each is known to ± {0.5 * 10.0**-places:.0e} only, and sums over many tokens less."
            if places <= figures
            else "Sums over many tokens are known to fewer digits.",
            evidence,
        )
    kind = "float32" if float32 else f"of {figures} digits"
    return Finding("precision", "ok", f"log-probabilities are {kind}", "", evidence)


def _difference(one: Reference, other: Reference) -> float:
    """Return how far the ten likeliest tokens of one report are from another, in nats."""
    best = np.argsort(-one.logprobs, kind="stable")[:10].tolist()
    places = [(at, other.place(one.tokens[at])) for at in best]
    found = [abs(one.logprobs[at] - other.logprobs[there]) for at, there in places if there >= 0]
    return float(max(found)) if 2 * len(found) > len(best) else math.inf


def positions(exam: Examination) -> Finding:
    """Check that what is reported is of the position that is drawn.

    Two prompts that differ in their last token alone have different distributions, and the same
    prompt has the same one whatever is drawn.
    """
    first = exam.references[0]
    ends: list[Prompt]
    if isinstance(first.prompt, Chat):
        raise Unknown("the end of a chat is of the server's template")
    if isinstance(first.prompt, str):
        ends = [f"{first.prompt} the", f"{first.prompt} not"]
    else:
        lasts = [each[-1] for each in exam.prompts if not isinstance(each, str | Chat)]
        ends = [[*first.prompt, last] for last in [*dict.fromkeys(lasts)][-2:]]
        if len(ends) < 2:
            raise Unknown("no two prompts end with different tokens")
    one, other = map(exam.reference, ends)
    again = exam.reference(first.prompt)
    apart, noise = _difference(one, other), _difference(first, again)
    evidence = {"difference_by_the_last_token": apart, "difference_from_repeating": noise}
    if apart < ALIKE:
        exam.unfit = "what is reported is of another position than what is drawn"
        return Finding(
            "positions",
            "wrong",
            "prompts with different last tokens have the same distribution: what is reported is "
            "of a position too early",
            "Log-probabilities belong to the token before: shift them by one.",
            evidence,
        )
    if noise > NOISE:
        exam.unfit = "what is reported differs from one request to the next"
        return Finding(
            "positions",
            "wrong",
            f"the same prompt asked twice differs by {noise:.2f} nats: what is reported depends "
            "on the token that is drawn, or on other requests",
            "It may be of a position too late, or another model may answer.",
            evidence,
        )
    text = f"what is reported is of the token that is drawn, and repeats to {noise:.1g} nats"
    return Finding("positions", "ok", text, "", evidence)


def _slope(reference: Reference, told: Reference) -> float:
    """Return the slope of reported log-probabilities over those at T = 1, of the 50 likeliest."""
    best = np.argsort(-reference.logprobs, kind="stable")[:50].tolist()
    pairs = [(reference.logprobs[at], told.place(reference.tokens[at])) for at in best]
    found = np.array(
        [
            (x, told.logprobs[there])
            for x, there in pairs
            if there >= 0 and told.logprobs[there] > -math.inf and x > -math.inf
        ]
    ).reshape(-1, 2)
    if len(found) < 2 or np.ptp(found[:, 0]) < 0.1:
        raise Unknown("the reported tokens are too few, or equally likely")
    return float(np.polyfit(found[:, 0], found[:, 1], 1)[0])


def logprobs(exam: Examination) -> Finding:
    """Check whether log-probabilities are of the model, or of what is drawn from."""
    if "temperature" not in exam.takes:
        raise Unknown("the server takes no temperature")
    reason = Unknown("the reported tokens are too few, or equally likely")
    # The prompt of most variety first. After one or the other, half characters may be likeliest.
    for reference in sorted(exam.references, key=_spread, reverse=True)[:3]:
        try:
            return _raw_or_processed(exam, reference)
        except Unknown as error:
            reason = error
    raise reason


def _raw_or_processed(exam: Examination, reference: Reference) -> Finding:
    slopes = {
        t: _slope(reference, exam.reference(reference.prompt, {"temperature": t}))
        for t in (0.5, 2.0)
    }
    powers = {t: -math.log(max(slope, 1e-9)) / math.log(t) for t, slope in slopes.items()}
    evidence: dict[str, object] = {f"slope_at_{t:g}": slope for t, slope in slopes.items()}
    cut = False
    if "top_k" in exam.takes:
        told = exam.report(reference.prompt, {"top_k": 2})
        left = sum(1 for each in told.logprobs if each > -math.inf)
        cut = left <= 3 < len(reference.tokens)
        evidence["reported_at_top_k_2"] = left
    is_raw = all(abs(slope - 1) < SLOPE for slope in slopes.values())
    power = round(float(np.mean([*powers.values()])))
    is_power = power and all(abs(each - power) < SLOPE / math.log(2) for each in powers.values())
    after = "the temperature and truncation" if cut else "the temperature"
    if is_raw and not cut:
        return Finding(
            "log-probabilities",
            "ok",
            "raw: of the model, before the temperature and truncation",
            IMPORTANCE,
            evidence,
        )
    if is_power or is_raw:
        text = f"processed: after {after if is_power else 'truncation'}"
        if is_power and power != 1:
            text += f", at T to the power of {power}"
        wrong = exam.server.kind in RAW
        if wrong:
            text += f"; {exam.server.kind} should report raw ones"
        return Finding(
            "log-probabilities",
            "wrong" if wrong or (is_power and power != 1) else "ok",
            text,
            "Surprisal, entropy and perplexity of the model need T = 1 and no truncation. "
            "Importance ratios may take them as they are.",
            evidence,
        )
    told_slopes = ", ".join(f"{slope:.3g} at T = {t:g}" for t, slope in slopes.items())
    return Finding(
        "log-probabilities",
        "wrong",
        f"neither raw nor processed at the T that was sent: their slope is {told_slopes}",
        "Nothing can be computed from them before it is known what they are.",
        evidence,
    )


def _spread(reference: Reference) -> float:
    told = np.sort(reference.logprobs[reference.logprobs > -math.inf])[-50:]
    return float(np.std(told)) if len(told) > 1 else 0.0
