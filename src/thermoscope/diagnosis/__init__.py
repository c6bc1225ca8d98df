"""`doctor`: what a server of a language model really does, from a few hundred drawn tokens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from thermoscope.arguments import ArgumentError, unicode_text, whole
from thermoscope.connection.client import ServerError
from thermoscope.connection.servers import Prompt
from thermoscope.connection.source import Source, connect
from thermoscope.diagnosis import draws, reports
from thermoscope.diagnosis.examination import PROMPTS, Examination, Spent, Unknown
from thermoscope.diagnosis.finding import Diagnosis, Finding
from thermoscope.diagnosis.sampler import STEPS

__all__ = ["REQUESTS", "Diagnosis", "Finding", "Visit", "doctor"]

REQUESTS: Final = 400
"""The most tokens that are asked for, where the caller does not say how many."""

Check = Callable[[Examination], Finding]


def doctor(
    url: str,
    *,
    model: str | None = None,
    requests: int = REQUESTS,
    prompts: Sequence[Prompt] | None = None,
    seed: int = 0,
    vocabulary: int | None = None,
    timeout: float = 30.0,
    progress: Callable[[int, str], object] | None = None,
) -> Diagnosis:
    """Find out what the server of a language model really does.

    It is asked for single tokens after fixed prompts: what it reports is compared with what it
    should report, and what it draws with what it should draw. See docs/doctor.md.

    Parameters
    ----------
    url, model, vocabulary, timeout
        As for `connect`.
    requests : int, optional
        The most tokens to ask for. With fewer than 400 some checks may end without a result.
    prompts : sequence of str, or of sequences of int, optional
        Other prompts than the fixed ones. After most of them several tokens should be likely.
    seed : int, optional
        Of the seeds that are sent. Another one gives other draws.
    progress : callable, optional
        Called as ``progress(requests, check)`` after each request.

    Returns
    -------
    Diagnosis
        A `Finding` for each check: ok, wrong or not known, with numbers and what it means. Of a
        server that does all as documented, less than 1 % of diagnoses find something wrong.

    Raises
    ------
    ArgumentError, ServerError, ImportError
        As `connect`.

    Examples
    --------
    >>> import thermoscope as ts
    >>> diagnosis = ts.doctor("http://localhost:8080")  # doctest: +SKIP
    >>> print(diagnosis)  # doctest: +SKIP
    llama.cpp b6500 · qwen3.gguf
    ok         counts             151,936 log-probabilities at most
    ...
    ok         temperature        draws follow the T that is sent; T fitted to the draws: ...
    nothing wrong in 14 of 14 checks (291 requests)
    >>> diagnosis["log-probabilities"].meaning  # doctest: +SKIP
    'Importance ratios need processed log-probabilities: get them by truncate(reported, T, ...).'
    """
    with connect(url, model=model, vocabulary=vocabulary, timeout=timeout) as source:
        visit = Visit(source, requests=requests, prompts=prompts, seed=seed, progress=progress)
        visit.run()
        return visit.diagnosis()


class Visit:
    """One diagnosis on its way: it can be stopped, and tells what is known so far.

    Parameters
    ----------
    source : Source
    requests, prompts, seed, progress
        As for `doctor`.
    """

    def __init__(
        self,
        source: Source,
        *,
        requests: int = REQUESTS,
        prompts: Sequence[Prompt] | None = None,
        seed: int = 0,
        progress: Callable[[int, str], object] | None = None,
    ) -> None:
        prompts = PROMPTS if prompts is None else prompts
        if not prompts or not all(len(prompt) for prompt in prompts):
            raise ArgumentError("prompts", "must have at least one token each")
        for prompt in prompts:
            if isinstance(prompt, str):
                unicode_text("prompts", prompt)
        self._check = "model"
        self._progress = progress
        self.exam = Examination(
            source,
            requests=whole("requests", requests, 1),
            prompts=prompts,
            seed=whole("seed", seed, 0),
            tell=None if progress is None else self._tell,
        )
        steps = [step for step in STEPS if step in self.exam.takes]
        self._checks: dict[str, Check] = {
            "counts": reports.counts,
            "tokens": reports.tokens,
            "precision": reports.precision,
            "positions": reports.positions,
            "log-probabilities": reports.logprobs,
            "temperature": draws.temperature,
            "greedy": draws.greedy,
            "seed": draws.seed,
            **{step: partial(draws.step, name=step) for step in steps},
            "order": draws.order,
            "defaults": draws.defaults,
        }
        self.findings: list[Finding] = []
        self.stopped = ""

    def _tell(self, count: int) -> None:
        if self._progress is not None:
            self._progress(count, self._check)

    def run(self) -> None:
        """Do all checks, or as many as the budget and the server allow."""
        try:
            self._learn()
            self._check_all()
        except Spent:
            self.stopped = f"all {self.exam.budget} requests were used"
        except (ServerError, Unknown) as error:
            self.stopped = str(error)

    def _learn(self) -> None:
        """Ask for the model's own distribution after each prompt.

        One of them may fail, as where the server says nothing of half a character.
        """
        exam, errors = self.exam, list[Unknown]()
        for prompt in exam.prompts:
            try:
                exam.references.append(exam.reference(prompt))
            except Unknown as error:
                errors.append(error)
            except ServerError:
                if errors or not exam.references:
                    raise
                errors.append(Unknown())
        if not exam.references:
            raise errors[0]

    def _check_all(self) -> None:
        exam, failed = self.exam, False
        for name, check in self._checks.items():
            self._check, before = name, exam.count
            try:
                finding = self._done(name, check)
                failed = False
            except ServerError as error:
                # One answer may be odd: after two in a row the server is gone.
                if failed:
                    raise
                finding, failed = Finding(name, "not known", str(error)), True
            self.findings.append(replace(finding, requests=exam.count - before))

    def _done(self, name: str, check: Check) -> Finding:
        """Do one check; only a failure of the server is an error."""
        if self.exam.unfit and check not in _REPORTS:
            return Finding(name, "not known", self.exam.unfit)
        try:
            return check(self.exam)
        except Unknown as reason:
            return Finding(name, "not known", str(reason))
        except ServerError as error:
            # A status is an answer: this check alone is refused.
            if error.status is None:
                raise
            return Finding(name, "not known", str(error))

    def diagnosis(self, stopped: str = "") -> Diagnosis:
        """Return what is known so far.

        Parameters
        ----------
        stopped : str, optional
            Why the run has ended before its end.
        """
        stopped = stopped or self.stopped
        done = {finding.check for finding in self.findings}
        left = [
            Finding(name, "not known", stopped or "not checked yet")
            for name in self._checks
            if name not in done
        ]
        exam = self.exam
        return Diagnosis(
            exam.source.about, (*self.findings, *left), exam.count, stopped, exam.source.notes
        )


_REPORTS: Final = (
    reports.counts,
    reports.tokens,
    reports.precision,
    reports.positions,
    reports.logprobs,
)
