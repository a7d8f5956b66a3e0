"""Make the tables of docs/teachers.md and docs/pairs.md, and the picture of the second, from exported experiments.

A table keeps its rows and columns; only its numbers are made anew.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np

from cmkd_bench.composite import is_composite
from cmkd_bench.registry import methods
from cmkd_bench.report.cells import TEACHER
from cmkd_bench.report.plots.picture import Picture
from cmkd_bench.statistics.multiple import holm
from cmkd_bench.studies.page_tables import LINK, TABLE, cells_of, markdown, p_value, verdict
from cmkd_bench.studies.pairing_map import PairingTable, as_picture
from cmkd_bench.studies.recorded_runs import RecordedRuns, Row, compare
from cmkd_bench.studies.reproduction_table import show

PAIRLESS = "pairless"  # in a claim, all methods that need no pairs
VALIDATION, ACCURACY = "validation", "accuracy"  # columns about the teacher itself
_TEACHERS = re.compile(rf"(?m)^(Teachers of `(\w+)` in {LINK}, (.+):\n\n)({TABLE})")
_PAIRINGS = re.compile(rf"(?m)^(`(\w+):(\w+)` by pairing in {LINK}, (.+):\n\n)({TABLE})")
_CLAIMS = re.compile(rf"(?m)^(Claims from the runs in {LINK}:\n\n)({TABLE})")
_read = cache(RecordedRuns)


def refreshed_runs(text: str, folder: Path) -> str:
    """Return the page with all tables made anew.

    Args:
        text: the page.
        folder: its own folder, to which its links are relative.
    """
    text = _TEACHERS.sub(lambda found: found[1] + _teachers(found, folder), text)
    text = _PAIRINGS.sub(lambda found: found[1] + _pairings(found, folder).as_markdown(), text)
    return _CLAIMS.sub(lambda found: found[1] + _claims(found[3], folder / found[2]), text)


def pairing_picture(text: str, folder: Path) -> Picture:
    """Plot all tables by pairing of a page."""
    return as_picture([_pairings(found, folder) for found in _PAIRINGS.finditer(text)])


def _teachers(found: re.Match[str], folder: Path) -> str:
    """Return a line per teacher: how good it is itself, and the gain of each method."""
    _, student, link, where, table = found.groups()
    runs = _read(folder / link)
    heading, _, *lines = map(cells_of, table.splitlines())
    named = [line[0].strip("*") for line in lines]
    scores = {one: _scores(runs.row(where, one, student, TEACHER)) for one in named}
    best = _best({one: score[VALIDATION] for one, score in scores.items()}) if VALIDATION in heading else ()
    rows = []
    for one in named:
        texts = [
            f"{scores[one][name]:.2f}" if name in scores[one] else runs.gain_text(where, one, student, name)
            for name in heading[1:]
        ]
        rows.append([f"**{one}**" if one in best else one, *texts])
    return markdown(heading, rows, 1)


def _scores(row: Row) -> dict[str, float]:
    """Return a teacher's mean accuracies."""
    runs = row.values()
    return {
        VALIDATION: float(np.mean([run.validation for run in runs])),
        ACCURACY: float(np.mean([run.value for run in runs])),
    }


def _best(validation: dict[str, float]) -> set[str]:
    """Return the single and the composite teacher with the highest accuracy, the first of equal ones."""
    kinds = ([one for one in validation if is_composite(one) is kind] for kind in (False, True))
    return {max(kind, key=lambda one: round(validation[one], 6)) for kind in kinds if kind}


def _pairings(found: re.Match[str], folder: Path) -> PairingTable:
    """Read a table with a line per method and a column per pairing."""
    _, teacher, student, link, where, table = found.groups()
    heading, _, *lines = map(cells_of, table.splitlines())
    pairings = {pairing: _of_pairing(folder / link, where, pairing) for pairing in heading[1:]}
    return PairingTable(where, teacher, student, [row for row, *_ in lines], pairings)


def _of_pairing(folder: Path, where: str, pairing: str) -> RecordedRuns:
    """Return the experiment of a dataset under one pairing."""
    return _read(folder / f"{where.split(', ')[0]}-{pairing}")


def _claims(table: str, folder: Path) -> str:
    """Return the claims with their answers; each expects the first side to be the better one."""
    heading, _, *lines = map(cells_of, table.splitlines())
    found = [compare(_side(of, where, folder), _side(less, where, folder)) for _, where, of, less, *_ in lines]
    corrected = holm(np.array([p for _, p in found]))
    rows = [
        [*line[:4], show(one, "+"), p_value(p), verdict(one.value, p, "+")]
        for line, (one, _), p in zip(lines, found, map(float, corrected), strict=True)
    ]
    return markdown(heading, rows, 4)


def _side(text: str, where: str, folder: Path) -> Sequence[Row]:
    """Return the rows of one side of a claim, `[PAIRING ]TEACHER:STUDENT ROW` each, separated by commas."""
    rows = []
    for one in text.split(", "):
        *pairing, direction, row = one.split()
        runs = _of_pairing(folder, where, pairing[0]) if pairing else _read(folder)
        teacher, student = direction.split(":")
        names = _pairless() if row == PAIRLESS else [row]
        rows += [found for name in names if (found := runs.row(where, teacher, student, name))]
    return rows


def _pairless() -> list[str]:
    """Return the methods that need no pairs, without controls."""
    declared = {name: methods.declared(name) for name in methods.names()}
    return [name for name, one in declared.items() if one.role == "method" and not one.needs_pairs]
