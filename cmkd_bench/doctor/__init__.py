"""Check what an installation has and lacks. Each check only reads, and yields its findings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

FindingLevel = Literal["ok", "note", "missing", "damaged"]


@dataclass(frozen=True)
class Finding:
    """The result of one check."""

    subject: str  # what was checked
    found: str  # what was found
    # `ok`; `note` if something optional is missing; `missing` if something required is missing; `damaged` if a file is
    verdict: FindingLevel = "ok"
    advice: str = ""  # how to fix it


def all_is_there(findings: Iterable[Finding]) -> bool:
    """Return whether nothing required is missing or damaged."""
    return all(finding.verdict in ("ok", "note") for finding in findings)
