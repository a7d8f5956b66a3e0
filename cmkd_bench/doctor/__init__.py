"""Check what an installation has and lacks. Each check only reads, and yields its findings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

FindingLevel = Literal["ok", "note", "missing", "damaged"]


@dataclass(frozen=True)
class Finding:
    """The result of one check.

    Attributes:
        subject: what was checked.
        found: what was found.
        verdict: `ok`; `note` if something optional is missing; `missing` if something required is missing;
            `damaged` if a file is.
        advice: how to fix it.
    """

    subject: str
    found: str
    verdict: FindingLevel = "ok"
    advice: str = ""


def all_is_there(findings: Iterable[Finding]) -> bool:
    """Return whether nothing required is missing or damaged."""
    return all(finding.verdict in ("ok", "note") for finding in findings)
