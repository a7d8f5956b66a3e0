"""What qualifies the numbers of a table in which labels or pairs are scarce."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cmkd_bench.experiment.label_budget import ALL
from cmkd_bench.experiment.plan import Cell
from cmkd_bench.report.cells import Runs

_SEEN = re.compile(r"\d+( to \d+)? labels")
PAIRINGS = {"unpaired": "teacher and student see different samples", "same_class": "other samples of the same class"}


def supervision_marks(cells: Sequence[Cell], conditions: Mapping[str, Any], runs: Runs) -> list[str]:
    """Say how many labels the students and the selection of the epoch read, and what else is scarce.

    Args:
        cells: of one dataset, all with the same label budget.
        conditions: of the dataset.
        runs: rows of results.csv by id.
    """
    marks = []
    if any(cell.labels != ALL for cell in cells):
        found = [runs[cell.run_id] for cell in cells if cell.run_id in runs]
        trained, selected = (_counted(run.get(name) for run in found) for name in ("train_labels", "selection_labels"))
        marks += [f"{trained} labels"] if trained else []
        marks += [f"epoch selected on {selected} labels"] if selected else []
        marks += ["teacher with all labels"] if conditions.get("supervision.teacher_labels") == "all" else []
    pairs, wrong = conditions.get("supervision.pairs_share", 1.0), conditions.get("supervision.mispaired", 0.0)
    marks += [PAIRINGS[pairing]] if (pairing := str(conditions.get("supervision.pairing"))) in PAIRINGS else []
    marks += [f"{100 * pairs:.4g} % of the samples paired"] if pairs < 1 else []
    marks += [f"{100 * wrong:.4g} % of the pairs wrong"] if wrong > 0 else []
    return marks


def common_marks(groups: Iterable[Sequence[str]]) -> list[str]:
    """Return the marks that all groups have."""
    first, *others = groups
    return [mark for mark in first if all(mark in marks for marks in others)]


def marks_of_budgets(groups: Iterable[Sequence[str]]) -> list[str]:
    """Return the marks that all groups have, which are those of one dataset with several numbers of hidden labels.

    How many labels were seen belongs to a single group, even if there is only one.
    """
    return [mark for mark in common_marks(groups) if not _SEEN.fullmatch(mark)]


def _counted(numbers: Iterable[Any]) -> str:
    """Return the numbers as a range; empty if there are none."""
    known = sorted({int(number) for number in numbers if number is not None and number == number})
    return " to ".join(map(str, dict.fromkeys([known[0], known[-1]]))) if known else ""
