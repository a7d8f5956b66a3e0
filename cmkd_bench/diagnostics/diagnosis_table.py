"""Render diagnostics as a table for a terminal: means over seeds and folds, with standard deviations."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cmkd_bench.diagnostics.collect import Diagnosed

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
    "rank_correlation_undefined": ("    undefined (%)", 2),
    "tckd": ("TCKD (nats)", 3),
    "nckd": ("NCKD (nats)", 3),
    "nckd_weighted": ("(1 - p) NCKD (nats)", 3),
    "cka": ("linear CKA", 3),
    "cka_by_chance": ("    by chance", 3),
    "distance": ("distance of probabilities", 3),
}


def as_rich(found: Sequence[Diagnosed], temperature: float, marks: Sequence[str] = ()) -> RenderableType:
    """Render a table of one direction: quantities as rows, methods as columns, and `marks` after the title."""
    first = found[0].cell
    methods = list(dict.fromkeys(one.cell.method for one in found))
    title = f"{first.block}: {first.teacher_modality} → {first.student_modality}"
    title += f" ({'; '.join(marks)})" if marks else ""
    table = Table(title=Text(title), title_justify="left", title_style="bold")
    table.add_column("", no_wrap=True)
    for method in methods:
        table.add_column(Text(method), justify="right", min_width=7)
    by_method = {name: [one.diagnosis.numbers() for one in found if one.cell.method == name] for name in methods}
    for name, (meaning, decimals) in ROWS.items():
        if name == "rank_correlation_undefined" and not any(n[name] for rows in by_method.values() for n in rows):
            continue
        texts = [spread([one[name] for one in by_method[method]], decimals) for method in methods]
        table.add_row(Text(meaning), *map(Text, texts))
    return Group(table, Text(_note(found, by_method[methods[0]], temperature), style="dim"))


def spread(values: Sequence[float], decimals: int) -> str:
    """Format the mean and standard deviation (n-1); a dash if no value is defined."""
    known = [value for value in values if not math.isnan(value)]
    if not known:
        return "-"
    deviation = f" ± {statistics.stdev(known):.{decimals}f}" if len(known) > 1 else ""
    return f"{statistics.fmean(known):.{decimals}f}{deviation}"


def _note(found: Sequence[Diagnosed], rows: Sequence[dict[str, float]], temperature: float) -> str:
    runs = f"mean ± standard deviation over {len(rows)} runs" if len(rows) > 1 else "one run"
    samples = len(found[0].diagnosis.correlations)
    return (
        f"{runs}, {samples} test samples. Teacher: its state before the student was trained. Gap: teacher minus "
        "student. Cohen's kappa: agreement beyond chance. Kendall's tau: tau-b of the logits, by sample. TCKD, NCKD: "
        f"target and non-target part of the KD loss at temperature {temperature:g}; KL(teacher || student) = TCKD + "
        "(1 - p) NCKD, where p is the teacher's probability of the label. CKA: of the embeddings that feed the heads; "
        "by chance: with samples paired at random. Distance: energy coefficient of the class probabilities, from 0 for "
        "equal distributions to 1."
    )
