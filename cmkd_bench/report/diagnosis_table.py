"""Diagnostics as tables: means over seeds and folds with standard deviations, and every number as CSV."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from cmkd_bench.experiment.label_budget import as_option
from cmkd_bench.report.csv_files import as_csv
from cmkd_bench.report.text_table import TextTable

if TYPE_CHECKING:  # the page has tables without torch
    from cmkd_bench.diagnostics.collect import Diagnosed

PLACE = (
    *("dataset", "labels", "teacher_modality", "student_modality"),
    *("method", "fold", "seed", "teacher_run", "student_run"),
)
UNDEFINED = "rank_correlation_undefined"
ROWS = {
    "teacher_accuracy": ("teacher's accuracy (%)", 2),
    "student_accuracy": ("student's accuracy (%)", 2),
    "gap": ("gap (points)", 2),
    "teacher_only": ("only teacher right (%)", 2),
    "student_only": ("only student right (%)", 2),
    "agreement": ("agreement (%)", 2),
    "kappa": ("Cohen's kappa", 3),
    "rank_correlation": ("Kendall's tau, mean", 3),
    "rank_correlation_q1": ("    first quartile", 3),
    "rank_correlation_median": ("    median", 3),
    "rank_correlation_q3": ("    third quartile", 3),
    UNDEFINED: ("    undefined (%)", 2),
    "tckd": ("TCKD (nats)", 3),
    "nckd": ("NCKD (nats)", 3),
    "nckd_weighted": ("(1 - p) NCKD (nats)", 3),
    "cka": ("linear CKA", 3),
    "cka_by_chance": ("    by chance", 3),
    "distance": ("distance of probabilities", 3),
}


def diagnosis_table(title: str, found: Mapping[str, Sequence[Mapping[str, float]]], note: str = "") -> TextTable:
    """Tabulate the numbers of one direction, by method and run: quantities as rows, methods as columns."""
    rows = [
        (meaning, *(spread([one[name] for one in runs], decimals) for runs in found.values()))
        for name, (meaning, decimals) in ROWS.items()
        if name != UNDEFINED or any(one[name] for runs in found.values() for one in runs)
    ]
    return TextTable(title, ("quantity", *found), rows, [note] if note else [], texts=1)


def table_of(found: Sequence[Diagnosed], temperature: float, marks: Sequence[str] = ()) -> TextTable:
    """Tabulate the diagnostics of one direction, with `marks` after the title."""
    first = found[0].cell
    title = f"{first.block}: {first.teacher_modality} → {first.student_modality}"
    by_method: dict[str, list[Mapping[str, float]]] = {}
    for one in found:
        by_method.setdefault(one.cell.name, []).append(one.diagnosis.numbers)
    note = _note(len(by_method[first.name]), len(found[0].diagnosis.correlations), temperature)
    return diagnosis_table(f"{title} ({'; '.join(marks)})" if marks else title, by_method, note)


def diagnosis_csv(found: Sequence[Diagnosed]) -> str:
    """Write one line per student, with unrounded numbers; an undefined one is an empty field."""
    rows = []
    for one in found:
        cell = one.cell
        sides = [as_option(cell.labels), cell.teacher_modality, cell.student_modality]
        place = [cell.dataset, *sides, cell.name, cell.fold, cell.seed]
        rows.append([*place, cell.teacher_id, cell.run_id, *one.diagnosis.numbers.values()])
    return as_csv([*PLACE, *found[0].diagnosis.numbers], rows)


def spread(values: Sequence[float], decimals: int) -> str:
    """Format the mean and standard deviation (n-1); a dash if no value is defined."""
    known = [value for value in values if not math.isnan(value)]
    if not known:
        return "-"
    deviation = f" ± {statistics.stdev(known):.{decimals}f}" if len(known) > 1 else ""
    return f"{statistics.fmean(known):.{decimals}f}{deviation}"


def _note(runs: int, samples: int, temperature: float) -> str:
    averaged = f"mean ± standard deviation over {runs} runs" if runs > 1 else "one run"
    return (
        f"{averaged}, {samples} test samples. Teacher: its state before the student was trained. Gap: teacher minus "
        "student. Cohen's kappa: agreement beyond chance. Kendall's tau: tau-b of the logits, by sample. TCKD, NCKD: "
        f"target and non-target part of the KD loss at temperature {temperature:g}; KL(teacher || student) = TCKD + "
        "(1 - p) NCKD, where p is the teacher's probability of the label. CKA: of the embeddings that feed the heads; "
        "by chance: with samples paired at random. Distance: energy coefficient of the class probabilities, from 0 for "
        "equal distributions to 1."
    )
