"""What is known of a server: one finding for each check, and all of them together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

__all__ = ["Diagnosis", "Finding", "Result"]

Result: TypeAlias = Literal["ok", "wrong", "not known"]


@dataclass(frozen=True, eq=False)
class Finding:
    """What one check has found.

    Attributes
    ----------
    check : str
        Its name.
    result : {"ok", "wrong", "not known"}
        "ok" where the server does what was asked and what its documents say.
    text : str
        What was found, or why nothing is known, in words.
    meaning : str
        What that means for users of the server; may be empty.
    evidence : Mapping
        The numbers behind it.
    requests : int
        How many requests it took.
    """

    check: str
    result: Result
    text: str
    meaning: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    requests: int = 0


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """What a server of a language model really does; `doctor` makes one.

    Attributes
    ----------
    server : str
        The kind of server and its model, in one line.
    findings : tuple of Finding
        One for each check, in the order in which they were done.
    requests : int
        How many tokens were asked for.
    stopped : str
        Why not all checks were done; "" where they were.
    notes : tuple of str
        What is not safe, in words.
    """

    server: str
    findings: tuple[Finding, ...]
    requests: int
    stopped: str = ""
    notes: tuple[str, ...] = ()

    def __getitem__(self, check: str) -> Finding:
        for finding in self.findings:
            if finding.check == check:
                return finding
        raise KeyError(check)

    def of(self, result: Result) -> tuple[Finding, ...]:
        """Return the findings with a result."""
        return tuple(finding for finding in self.findings if finding.result == result)

    @property
    def verdict(self) -> str:
        """All findings in one sentence."""
        wrong, ok = self.of("wrong"), self.of("ok")
        if wrong:
            names = ", ".join(finding.check for finding in wrong)
            verdict = f"{len(wrong)} of {len(self.findings)} checks found something wrong: {names}"
        elif not ok:
            verdict = "nothing can be known of this server"
        else:
            verdict = f"nothing wrong in {len(ok)} of {len(self.findings)} checks"
            unknown = len(self.findings) - len(ok)
            verdict += f"; {unknown} can't be known" if unknown else ""
        return f"{verdict} ({self.requests} requests{f'; {self.stopped}' if self.stopped else ''})"

    def __str__(self) -> str:
        width = max((len(finding.check) for finding in self.findings), default=0)
        lines = [self.server, *self.notes]
        for finding in self.findings:
            lines.append(f"{finding.result:9}  {finding.check:{width}}  {finding.text}")
            if finding.meaning:
                lines.append(f"{'':9}  {'':{width}}  {finding.meaning}")
        return "\n".join([*lines, self.verdict])

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as types of JSON."""
        return {
            "server": self.server,
            "verdict": self.verdict,
            "requests": self.requests,
            "stopped": self.stopped,
            "notes": list(self.notes),
            "findings": [
                {
                    "check": finding.check,
                    "result": finding.result,
                    "text": finding.text,
                    "meaning": finding.meaning,
                    "evidence": dict(finding.evidence),
                    "requests": finding.requests,
                }
                for finding in self.findings
            ],
        }
