"""A plan as a table: what would be run, what is done, what cannot be."""

from __future__ import annotations

from collections import Counter

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cmkd_bench.plan import Cell, Plan
from cmkd_bench.store import Experiment, find_done


def as_rich(plan: Plan, experiment: Experiment) -> RenderableType:
    """One line per method, dataset and direction, and the sums."""
    done = {run_id for run_id in plan.specs if find_done(experiment, run_id)}
    table = Table(title=f"plan of experiment '{experiment.name}'", title_justify="left", title_style="bold")
    for name in ("method", "dataset", "direction"):
        table.add_column(name)
    for name in ("runs", "done", "to do"):
        table.add_column(name, justify="right")
    table.add_column("remark")
    for (method, dataset, direction), cells in _groups(plan).items():
        runs = {cell.run_id for cell in cells if cell.run_id}
        numbers = (len(runs), len(runs & done), len(runs - done))
        remark = next((cell.impossible for cell in cells if cell.impossible), "")
        table.add_row(Text(method), dataset, Text(direction), *map(str, numbers), Text(remark, style="yellow"))
    teachers = {spec.teacher for spec in plan.specs.values() if spec.teacher}
    summary = Counter("done" if run_id in done else "to do" for run_id in plan.specs)
    sums = (
        f"{len(plan.cells)} cells, {len(plan.specs)} runs ({summary['done']} done, {summary['to do']} to do), of which "
        f"{len(teachers)} train a teacher, shared by the cells ({len(teachers & done)} done)."
    )
    return Group(table, Text(sums))


def _groups(plan: Plan) -> dict[tuple[str, str, str], list[Cell]]:
    groups: dict[tuple[str, str, str], list[Cell]] = {}
    for cell in plan.cells:
        direction = f"{cell.teacher_modality} → {cell.student_modality}"
        groups.setdefault((cell.method, cell.dataset, direction), []).append(cell)
    return groups
