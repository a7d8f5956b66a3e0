"""What an installation has and lacks. Each check only looks, and yields what it found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

FindingLevel = Literal["ok", "note", "missing"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        subject: what.
        found: what there is.
        verdict: `ok`; `note` where something is absent that a grid can do without; `missing` where it cannot.
        advice: what to do about it.
    """

    subject: str
    found: str
    verdict: FindingLevel = "ok"
    advice: str = ""


def all_is_there(findings: Iterable[Finding]) -> bool:
    """Whether nothing is missing that a grid needs."""
    return all(finding.verdict != "missing" for finding in findings)
