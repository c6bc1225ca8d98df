"""Checks of what a server draws: each a race of samplers, decided by a likelihood ratio."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

import numpy as np

from thermoscope.calibration.fit import TemperatureFit, fit_temperature
from thermoscope.diagnosis.examination import NEGLIGIBLE, Array, Examination, Unknown
from thermoscope.diagnosis.finding import Finding
from thermoscope.diagnosis.race import ALARM, CLEARED, HIDDEN, Draw, Experiment, Race
from thermoscope.diagnosis.sampler import OFF, Sampler
from thermoscope.reported import Token

__all__ = ["defaults", "greedy", "order", "seed", "step", "temperature"]

AS_SENT: Final = "as sent"
IGNORED: Final = "does nothing"

SENT: Final = (0.5, 1.0, 2.0)
"""The temperatures at which draws are compared."""
HIGH: Final = 2.0
"""The temperature at which orders are compared: all servers take it."""
CONSTANTS: Final = (0.3, 0.5, 0.6, 0.7, 0.8, 1.0, 1.3)
FACTORS: Final = (1 / 3, 1 / 2, 2 / 3, 0.8, 1.25, 3 / 2, 2.0, 3.0)
FLAT: Final = 1e6

VALUES: Final[Mapping[str, tuple[float, ...]]] = {
    "top_k": (1, 2, 3, 4, 6),
    "top_p": (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8),
    "min_p": (0.05, 0.1, 0.2, 0.3, 0.4),
    "typical_p": (0.2, 0.3, 0.5, 0.7, 0.9),
    "top_n_sigma": (0.5, 1.0, 1.5, 2.0),
}
"""The values that are tried: those are asked for which tell the samplers apart best."""
DEFAULTS: Final[Mapping[str, tuple[float, ...]]] = {
    "temperature": (0.0, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2, 1.5),
    "top_k": (5, 10, 20, 40, 50, 64, 100),
    "top_p": (0.5, 0.7, 0.8, 0.9, 0.95),
    "min_p": (0.02, 0.05, 0.1, 0.2),
}
"""What servers are known to take where nothing is sent, and values far from it."""
LEAST_PAIRS, MOST_PAIRS = 3, 12
TOP_KS: Final = (5, 10, 18)
"""What is sent as top-k beside a step that needs sums, where few tokens are reported."""
NOTHING: Final[Mapping[str, float]] = {}

MARGIN: Final[Mapping[str, float]] = {
    "top_p": 0.012,
    "min_p": 0.01,
    "typical_p": 0.012,
    "top_n_sigma": 0.02,
}
"""A value is left out where another one this near to it keeps other tokens."""
TIE: Final = 0.02
"""In nats: tokens nearer than this may change places from one request to the next."""
MOST_HIDDEN: Final = 0.05
"""The most of the draws that a server may keep to itself: ends of a text, half characters."""
NEEDS: Final = "ask the server for more log-probabilities"


class Verdict(NamedTuple):
    """What a sampler that was found means."""

    text: str
    meaning: str = ""
    is_wrong: bool = True


def _conclude(
    exam: Examination, check: str, race: Race, verdicts: Mapping[str, Verdict], **evidence: Any
) -> Finding:
    """Return what a race has found, and go on with the sampler that it has found."""
    if race.untold:
        raise Unknown("no prompt tells what is asked for from a fault")
    hidden = sum(draw.token == HIDDEN for draw in race.draws)
    if hidden > 1 + MOST_HIDDEN * len(race.draws):
        # Those that are seen are then no fair draws.
        raise Unknown(f"{hidden} of {len(race.draws)} drawn tokens are not told by the server")
    best = race.scores[race.leader]
    ratios = {name: round(float(s - best), 2) for name, s in zip(race.names, race.scores)}  # noqa: B905
    known = {
        "draws": len(race.draws),
        **evidence,
        "log_likelihoods": ratios,
        "alarm": round(race.alarm, 2),
        "alarm_at": round(ALARM, 2),
    }
    # Where it is not refused, the expected sampler stands for those that are near it.
    at = race.leader if race.is_wrong else race.expected
    found = race.names[at]
    alike = [race.names[at] for at in race.alike]
    if race.is_wrong or race.is_ok:
        exam.sampler = race.samplers[at]
        verdict = verdicts[found]
        is_wrong = race.is_wrong and verdict.is_wrong
        meaning = verdict.meaning
        if alike and not is_wrong:
            meaning = f"These prompts can't tell it from: {', '.join(alike)}. {meaning}".strip()
        return Finding(check, "wrong" if is_wrong else "ok", verdict.text, meaning, known)
    out = {*race.ruled_out(), *race.alike}
    left = [race.names[at] for at in {race.leader, race.expected, *race.required} - out]
    text = f"{len(race.draws)} draws do not decide between: {'; '.join(left)}"
    return Finding(check, "not known", text, "", known)


def _fit(exam: Examination, draws: Iterable[Draw]) -> TemperatureFit | None:
    """Fit the temperature to draws from the whole of what is reported."""
    counts = np.zeros(exam.logprobs.shape)
    for (prompt, _), token in draws:
        if token >= 0:
            counts[prompt, token] += 1
    weights = counts.sum(axis=1)
    drawn = weights > 0
    if not drawn.any():
        return None
    targets = counts[drawn] / weights[drawn, None]
    return fit_temperature(exam.logprobs[drawn], targets, sample_weight=weights[drawn])


def _constant(value: float) -> Any:
    return lambda _: value


def _whatever(t: float) -> str:
    return f"T = {t:g} whatever is sent"


def temperature(exam: Examination) -> Finding:
    """Check at which temperature tokens are drawn, where several are sent."""
    base = exam.sampler
    samplers = {
        AS_SENT: base,
        **{
            f"T = {t:g} whatever is sent": base.changed(temperature=_constant(t)) for t in CONSTANTS
        },
        "applied twice": base.changed(temperature=lambda t: t * t),
        "1 / T": base.changed(temperature=lambda t: 1 / t if t else 0.0),
        **{
            f"{factor:.3g} T": base.changed(temperature=lambda t, factor=factor: factor * t)
            for factor in FACTORS
        },
        "always the likeliest token": base.changed(temperature=_constant(0.0)),
        "tokens evenly": base.changed(temperature=_constant(FLAT)),
    }
    experiments = exam.experiments(*({"temperature": t, **exam.beside} for t in SENT))
    required = [_whatever(1.0), "applied twice", "1 / T", "0.5 T", "2 T"]
    race = Race(samplers, AS_SENT, exam.logprobs, experiments, required)
    groups = [
        [at for at, each in enumerate(experiments) if each.settings["temperature"] == t]
        for t in SENT
    ]
    race.run(exam.draw, 150, least=75, groups=groups)
    fits = {
        t: _fit(exam, [each for each in race.draws if each.experiment.settings["temperature"] == t])
        for t in SENT
    }
    told = [
        f"{fit.temperature:.2f}{'' if fit.limit else f' ± {fit.standard_error:.2f}'} at {t:g}"
        for t, fit in fits.items()
        if fit is not None
    ]
    estimates = f"T fitted to the draws: {', '.join(told)}"
    verdicts = {
        name: Verdict(
            f"draws follow {name}, not the T that is sent; {estimates}",
            "Every result at another T than 1 is of another distribution than was asked for.",
        )
        for name in samplers
    } | {
        AS_SENT: Verdict(f"draws follow the T that is sent; {estimates}"),
        "applied twice": Verdict(
            f"the temperature is applied twice; {estimates}",
            "Send the square root of T until the server is mended.",
        ),
        "tokens evenly": Verdict(
            f"draws do not follow what is reported at any temperature; {estimates}",
            "Are the log-probabilities those of another model or another position?",
        ),
    }
    for t in CONSTANTS:
        verdicts[_whatever(t)] = Verdict(
            f"T is ignored: tokens are drawn at about {t:g} whatever is sent; {estimates}",
            "No setting of T has any effect.",
        )
    numbers = {
        f"{t:g}": [fit.temperature, fit.standard_error]
        for t, fit in fits.items()
        if fit is not None
    }
    return _conclude(exam, "temperature", race, verdicts, fitted=numbers)


def _steady(
    logprobs: Array, experiments: Iterable[Experiment], name: str, samplers: Iterable[Sampler]
) -> list[Experiment]:
    """Return the experiments where a value a little off, or noise, keeps the same tokens."""
    sorted_logits = -np.sort(-logprobs, axis=1)
    known: dict[int, np.ndarray[Any, np.dtype[np.bool_]]] = {}
    found = []
    for each in experiments:
        if id(each.settings) not in known:
            value = each.settings[name]
            if name == "top_k":
                k = int(value)
                gaps = -np.diff(sorted_logits[:, max(k - 2, 0) : k + 2], axis=1)
                steady = np.logical_and.reduce(gaps > TIE, axis=1)
            else:
                steady = np.full(len(logprobs), fill_value=True)
                for sampler in samplers:
                    low, high = (
                        sampler.probabilities(
                            logprobs, {**each.settings, name: value + sign * MARGIN[name]}
                        )
                        > 0
                        for sign in (-1, 1)
                    )
                    steady[(low != high).any(axis=1)] = False
            known[id(each.settings)] = steady
        if known[id(each.settings)][each.prompt]:
            found.append(each)
    return found


def step(exam: Examination, name: str) -> Finding:
    """Check that a step of truncation is done, by its rule and in its place."""
    base = exam.sampler
    samplers = {AS_SENT: base, IGNORED: base.changed(ignored=base.ignored | {name})}
    temperatures: tuple[float, ...] = (HIGH,)
    other = ""
    if name == "top_k":
        samplers |= {"k + 1": base.changed(more=1), "k - 1": base.changed(more=-1)}
        temperatures = (1.0, HIGH)
    elif name != "top_n_sigma":
        first = base.temperature_first(name)
        other = "before" if first else "after"
        samplers[f"{other} the temperature"] = base.moved(
            "temperature", before=not first, other=name
        )
    if name == "top_p":
        samplers["one token short"] = base.changed(short=True)
    settings = [{"temperature": t, name: value} for t in temperatures for value in VALUES[name]]
    sums = name in {"top_p", "typical_p"}
    experiments = exam.experiments(*settings, sums=sums, whole=name == "top_n_sigma")
    rows, nothing = exam.logprobs, "does nothing"
    if sums and len(experiments) < len(settings) * len(exam.references) and exam.drops_first:
        rows, experiments = exam.with_others, experiments + _with_top_k(exam, settings)
        # What it does to tokens that top-k drops can't be seen.
        nothing = "does nothing, or sees tokens that top_k drops before it"
    if not experiments:
        raise Unknown(f"too much is not reported at T = {HIGH:g}: {NEEDS}")
    # Of an alternative a wrong edge costs power alone.
    among = [base]
    if not exam.documented and other:
        among.append(samplers[f"{other} the temperature"])
    steady = _steady(rows, experiments, name, among)
    reported = exam.logprobs.shape[1]
    race = Race(samplers, AS_SENT, rows, steady, [*samplers][1:], reported=reported)
    race.run(exam.draw, 80)
    place = f", {_place(exam, name)}" if other else ""
    verdicts = {
        AS_SENT: Verdict(f"{name} is done as its rule says{place}"),
        IGNORED: Verdict(
            f"{name} {nothing}: tokens are drawn that it drops",
            "Texts of this server have tokens that these settings rule out.",
        ),
        "k + 1": Verdict("top_k keeps one token more than k", "Send k - 1."),
        "k - 1": Verdict("top_k keeps one token fewer than k", "Send k + 1."),
        "one token short": Verdict(
            "top_p drops the token at which its sum ends",
            "Less than p is kept.",
        ),
    }
    for side in ("before", "after"):
        verdicts[f"{side} the temperature"] = Verdict(
            f"{name} is done {side} the temperature"
            + (f", not as {exam.sampler.engine} documents" if exam.documented else ""),
            "At T = 1 nothing differs; the higher T is, the more other tokens are kept.",
            exam.documented,
        )
    finding = _conclude(exam, name, race, verdicts)
    if finding.result != "not known":
        exam.confirmed.add(name)
    return finding


def _with_top_k(exam: Examination, settings: Iterable[Mapping[str, float]]) -> list[Experiment]:
    """Return experiments with a top-k beside, which drops all that is not reported."""
    return [
        each
        for k in TOP_KS
        for each in _steady(
            exam.with_others,
            _reported_to(exam, k, *({**each, "top_k": k} for each in settings)),
            "top_k",
            (),
        )
    ]


def _reported_to(exam: Examination, k: int, *settings: Mapping[str, float]) -> list[Experiment]:
    """Return the experiments after prompts where it is known which tokens a top-k keeps."""
    more = max(exam.sampler.more, 0)
    return [
        each
        for each in exam.experiments(*settings)
        if k + more <= exam.references[each.prompt].likeliest
    ]


def _place(exam: Examination, name: str) -> str:
    side = "after" if exam.sampler.temperature_first(name) else "before"
    return f"{side} the temperature"


def order(exam: Examination) -> Finding:
    """Check whether top-p sees what top-k and min-p have kept."""
    base = exam.sampler
    pairs = [
        other for other in ("top_k", "min_p") if {other, "top_p"} <= exam.confirmed - base.ignored
    ]
    if not pairs:
        raise Unknown("no two steps whose order matters are known to be done")
    samplers, experiments, rows = {AS_SENT: base}, list[Experiment](), exam.with_others
    for other in pairs:
        changed = {
            f"top_p before {other}": base.moved("top_p", before=True, other=other),
            f"{other} before top_p": base.moved(other, before=True, other="top_p"),
        }
        values = (3, 5, 10) if other == "top_k" else (0.1, 0.2, 0.3)
        settings = [{other: value, "top_p": p} for value in values for p in (0.4, 0.6, 0.7, 0.8)]
        among = [base] if exam.documented else [*changed.values()]
        possible = exam.experiments(*settings, sums=True)
        some = len(possible) < len(settings) * len(exam.references)
        if other == "top_k" and some and base.temperature(1.0) == 1.0:
            possible = [
                each for one in settings for each in _reported_to(exam, int(one["top_k"]), one)
            ]
        steady = _steady(rows, possible, other, among)
        experiments += _steady(rows, steady, "top_p", among)
        # The order that the sampler has is no alternative.
        del changed[f"top_p before {other}" if base.sees_all(other) else f"{other} before top_p"]
        samplers |= changed
    others = [*samplers][1:]
    reported = exam.logprobs.shape[1]
    race = Race(samplers, AS_SENT, rows, experiments, others, reported=reported)
    race.run(exam.draw, 60)
    engine = exam.sampler.engine
    shown = " → ".join(each for each in base.steps if each in {*exam.takes, "temperature"})
    verdicts = {
        name: Verdict(
            f"{name}" + (f", not as {engine} documents" if exam.documented else ""),
            "The same settings keep other tokens than elsewhere.",
            exam.documented,
        )
        for name in others
    } | {AS_SENT: Verdict(f"the order is {shown}")}
    return _conclude(exam, "order", race, verdicts)


def greedy(exam: Examination) -> Finding:
    """Check that the likeliest token is drawn at T = 0."""
    zero = exam.sampler.changed(temperature=_constant(0.0))
    samplers = {
        AS_SENT: zero,
        **{f"T = {t:g}": zero.changed(temperature=_constant(t)) for t in (0.3, 0.5, 0.8, 1.0, 2.0)},
    }
    experiments = [
        each
        for each in exam.experiments({"temperature": 0.0})
        if np.ptp(np.sort(exam.references[each.prompt].logprobs)[-2:]) > TIE
    ]
    race = Race(samplers, AS_SENT, exam.logprobs, experiments, [*samplers][1:])
    race.run(exam.draw, 40)
    verdicts = {
        name: Verdict(
            f"T = 0 is not greedy: tokens are drawn as at about {name}",
            "What is asked for at T = 0 does not repeat.",
        )
        for name in samplers
    } | {AS_SENT: Verdict(f"each of {len(race.draws)} draws at T = 0 is the likeliest token")}
    before = exam.sampler
    try:
        return _conclude(exam, "greedy", race, verdicts)
    finally:
        exam.sampler = before


def seed(exam: Examination) -> Finding:
    """Check that a seed gives the same draw again, and that different seeds differ."""
    if "seed" not in exam.takes:
        raise Unknown(f"{exam.server.kind} takes no seed")
    experiments = exam.experiments({"temperature": 1.0}, {"temperature": HIGH})
    chances = [
        float((exam.sampler.probabilities(exam.references[at].logprobs, settings) ** 2).sum())
        for at, settings in experiments
    ]
    chance = min(chances)
    if chance > 0.5:
        raise Unknown("all prompts have one likely token, which every seed draws")
    prompt, settings = experiments[int(np.argmin(chances))]
    reference = exam.references[prompt]
    score, pairs, same, hidden = 0.0, 0, 0, 0
    firsts: set[Token] = set()
    # A pair that differs is a pair of a seed that is ignored, or one that went astray.
    while pairs < LEAST_PAIRS or (pairs < MOST_PAIRS and -ALARM < score < CLEARED):
        number = exam.new_seed()
        one, other = (exam.drawn(reference.prompt, settings, seed=number) for _ in range(2))
        if one is None or other is None:
            hidden += 1
            if hidden == MOST_PAIRS:
                raise Unknown("drawn tokens are not told by the server")
            continue
        pairs += 1
        equal = one == other
        same += equal
        firsts.add(one)
        score += math.log(0.98 / chance) if equal else math.log(0.02 / (1 - chance))
    evidence = {
        "pairs": pairs,
        "same": same,
        "chance_of_the_same": chance,
        "log_likelihood_ratio": round(score, 2),
        "alarm_at": round(-ALARM, 2),
    }
    if score <= -ALARM:
        return Finding(
            "seed",
            "wrong",
            f"a seed does not repeat: {same} of {pairs} pairs of draws with one seed are equal",
            "No text of this server can be made again.",
            evidence,
        )
    alike = len(firsts) == 1 and (pairs - 1) * math.log(chance) < -ALARM
    if alike:
        return Finding(
            "seed", "wrong", "all seeds give the same draw", "Many samples are one.", evidence
        )
    if score >= CLEARED:
        text = f"a seed repeats: {same} of {pairs} pairs of draws with one seed are equal"
        return Finding("seed", "ok", text, "", evidence)
    return Finding("seed", "not known", f"{pairs} pairs do not decide", "", evidence)


def defaults(exam: Examination) -> Finding:
    """Check what the server takes where a request says nothing."""
    base = exam.sampler
    documented = dict(base.defaults)
    off = {name: value for name, value in exam.off.items() if name != "temperature"}
    t = documented["temperature"]
    tried: list[Mapping[str, float]] = [documented]
    for each in DEFAULTS["temperature"]:
        tried += [{**documented, "temperature": each}, {**documented, **off, "temperature": each}]
    for name in DEFAULTS.keys() & off.keys():
        tried += [{**documented, name: value} for value in (off[name], *DEFAULTS[name])]
    samplers = {_named(each): base.changed(defaults=each) for each in reversed(tried)}
    expected = _named(documented)
    experiments = [
        Experiment(at, NOTHING)
        for at, reference in enumerate(exam.references)
        # At T = 1 what is documented has exact sums, whatever is not reported.
        if reference.unreported(max(1.0, t)) <= NEGLIGIBLE
        or (base.temperature(t) == 1.0 and reference.likeliest)
    ]
    if not experiments:
        raise Unknown(f"too much is not reported: {NEEDS}")
    groups = None
    if exam.beside and exam.drops_first:
        # By turns with a top-k: without it draws that are not reported tell nothing.
        beside: Mapping[str, float] = exam.beside
        first = len(experiments)
        experiments += [Experiment(each.prompt, beside) for each in experiments]
        groups = [range(first), range(first, 2 * first)]
    far: list[Mapping[str, float]] = [
        {**documented, **off, "temperature": 1.0},
        {**documented, **off},
        {**documented, "temperature": 0.5},
        {**documented, "temperature": 1.5},
    ]
    required = [name for name in map(_named, far) if name in samplers and name != expected]
    reported = exam.logprobs.shape[1]
    race = Race(samplers, expected, exam.with_others, experiments, required, reported=reported)
    # A draw among few tokens tells less.
    race.run(exam.draw, 300 if exam.beside else 200, least=100, groups=groups)
    verdicts = {
        name: Verdict(
            f"where nothing is sent, draws fit {name} best"
            + (f"; {base.engine} documents {expected}" if exam.documented else ""),
            "Send every setting: this server was started with others, or its model brings them.",
            exam.documented,
        )
        for name in samplers
    }
    documents = ", as documented" if exam.documented else ""
    verdicts[expected] = Verdict(f"where nothing is sent, draws follow {expected}{documents}")
    return _conclude(exam, "defaults", race, verdicts)


def _named(settings: Mapping[str, float]) -> str:
    """Return settings in words, without those that do nothing."""
    parts = [f"T = {settings['temperature']:g}"]
    parts += [
        f"{name} = {value:g}"
        for name, value in settings.items()
        if name in OFF and not OFF[name](value)
    ]
    return ", ".join(parts)
