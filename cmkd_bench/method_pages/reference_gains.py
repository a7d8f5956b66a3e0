"""Render what a method was measured to gain, from the recorded reference experiment."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from cmkd_bench.experiment.label_budget import in_words, parse_budget
from cmkd_bench.method_pages.render import TO_ROOT, table

REFERENCE = "results/reference"
SIGNIFICANCE = 0.05
NOT_RUN = "not run"
_HEADING = ("direction", "labels", "student alone", "defaults", "tuned")

Rows = dict[tuple[str, ...], dict[str, dict[str, str]]]


def read(root: Path) -> Rows:
    """Read the leaderboard of the reference, by direction and labels and then by row; empty if there is none.

    Args:
        root: of the repository.
    """
    rows: Rows = {}
    file = root / REFERENCE / "leaderboard.csv"
    if file.is_file():
        with file.open(encoding="utf-8", newline="") as stream:
            for cell in csv.DictReader(stream):
                where = (cell["dataset"], cell["teacher_modality"], cell["student_modality"], cell["labels"])
                rows.setdefault(where, {})[cell["row"]] = cell
    return rows


def as_section(name: str, rows: Rows) -> str:
    """Return a section that begins with an empty line; nothing if the reference has no gain of the method."""
    lines = list(_lines(name, rows))
    if not lines:
        return ""
    return f"""
## Measured

Gain over the student alone in test accuracy, in points, over {_seeds(rows)} seeds. ↑ ↓: significant after Holm's
correction over all methods of the dataset. From [{REFERENCE}]({TO_ROOT}/{REFERENCE}/leaderboard.md).

{table(_HEADING, lines)}
"""


def _lines(name: str, rows: Rows) -> Iterator[tuple[str, ...]]:
    for (dataset, teacher, student, labels), cells in rows.items():
        found = [cells.get(name), cells.get(f"{name} (tuned)")]
        if any(cell and (cell["gain"] or cell["problem"] not in ("", NOT_RUN)) for cell in found):
            alone = next(cell for cell in cells.values() if cell["role"] == "baseline")
            direction = f"{dataset}: {teacher} → {student}"
            yield direction, in_words(parse_budget(labels)), f"{float(alone['mean']):.1f}", *map(_gain, found)


def _gain(cell: dict[str, str] | None) -> str:
    if cell is None:
        return ""
    if not cell["gain"]:
        return cell["problem"] or NOT_RUN
    gain = float(cell["gain"])
    mark = "" if not cell["gain_p_holm"] or float(cell["gain_p_holm"]) >= SIGNIFICANCE else " ↑" if gain > 0 else " ↓"
    return f"{gain:+.1f}{mark}"


def _seeds(rows: Rows) -> str:
    return " to ".join(sorted({cell["seeds"] for cells in rows.values() for cell in cells.values() if cell["gain"]}))
