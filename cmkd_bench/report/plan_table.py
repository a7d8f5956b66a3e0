"""A plan as a table: the runs to do, the finished ones, and the methods that are not defined."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cmkd_bench.experiment.plan import Cell, Plan
from cmkd_bench.experiment.store import Experiment, find_done
from cmkd_bench.planning.directions import Direction
from cmkd_bench.report.text_table import titled_table


def as_rich(plan: Plan, experiment: Experiment) -> RenderableType:
    """Show one table per dataset, with methods as rows and directions as columns, then reasons and totals."""
    done = {run_id for run_id in plan.specs if find_done(experiment, run_id)}
    parts: list[RenderableType] = [Text(f"plan of experiment '{experiment.name}'", style="bold"), Text()]
    blocks: dict[str, list[Cell]] = {}
    for cell in plan.cells.values():
        blocks.setdefault(cell.block, []).append(cell)
    for block, cells in blocks.items():
        parts += [_table(block, cells, done), Text()]
    reasons = dict.fromkeys(
        f"{cell.method}, {cell.block}: {cell.impossible}" for cell in plan.cells.values() if cell.impossible
    )
    parts += [Text(reason, style="yellow") for reason in reasons]
    parts += [Text(_tuning(plan))] if plan.studies else []
    return Group(*parts, Text(_totals(plan, done)))


def _table(block: str, cells: Sequence[Cell], done: set[str]) -> Table:
    grouped: dict[str, dict[Direction, list[Cell]]] = {}
    for cell in cells:
        direction = (cell.teacher_modality, cell.student_modality)
        grouped.setdefault(cell.method, {}).setdefault(direction, []).append(cell)
    directions = list(next(iter(grouped.values())))
    table = titled_table(block)
    table.add_column("method", no_wrap=True)
    for direction in directions:
        table.add_column(Text(" → ".join(direction)), justify="right")
    for method, row in grouped.items():
        table.add_row(Text(method), *(_count(row[direction], done) for direction in directions))
    return table


def _count(cells: Sequence[Cell], done: set[str]) -> Text:
    if any(cell.impossible for cell in cells):
        return Text("not defined", style="yellow")
    finished = sum(cell.run_id in done for cell in cells)
    if finished == len(cells):
        return Text(f"{finished} done", style="green")
    return Text(f"{len(cells) - finished} to do" + (f", {finished} done" if finished else ""))


def _tuning(plan: Plan) -> str:
    trials = max(len(study.trials) for study in plan.studies.values())
    groups = {group for group, study in plan.studies.items() if study.trials}
    later = sum(cell.study in groups for cell in plan.cells.values())
    return (
        f"Tuning: {trials} trials for each of {len(groups)} selections, trial 0 being the defaults; then up to {later} "
        "further runs of all seeds with the selected values."
    )


def _totals(plan: Plan, done: set[str]) -> str:
    teachers = {spec.teacher for spec in plan.specs.values() if spec.teacher}
    return (
        f"{len(plan.specs)} runs ({len(done)} done, {len(plan.specs) - len(done)} to do) for {len(plan.cells)} cells; "
        f"{len(teachers)} of the runs are teachers, including untrained ones, each run once and shared "
        f"({len(teachers & done)} done)."
    )
