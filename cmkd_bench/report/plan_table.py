"""A plan as a table: the runs to do, the finished ones, and the methods that are not defined."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from cmkd_bench.experiment.plan import Cell, Plan
from cmkd_bench.launch.preview import Expectation
from cmkd_bench.planning.directions import Direction
from cmkd_bench.report.fitted_table import FittedTable


def as_rich(plan: Plan, name: str, done: Collection[str]) -> RenderableType:
    """Show one table per dataset and budget, with methods as rows and directions as columns, then reasons and totals.

    Args:
        plan: the plan.
        name: of the experiment.
        done: ids of the runs that will not be run.
    """
    parts: list[RenderableType] = [Text(f"plan of experiment '{name}'", style="bold"), Text()]
    blocks: dict[str, list[Cell]] = {}
    for cell in plan.cells.values():
        blocks.setdefault(cell.block, []).append(cell)
    for block, cells in blocks.items():
        parts += [_table(block, cells, done), Text()]
    reasons = dict.fromkeys(
        f"{cell.name}, {cell.block}: {cell.impossible}" for cell in plan.cells.values() if cell.impossible
    )
    parts += [Text(reason, style="yellow") for reason in reasons]
    parts += [Text(_tuning(plan))] if plan.studies else []
    return Group(*parts, Text(_totals(plan, done)))


def _table(block: str, cells: Sequence[Cell], done: Collection[str]) -> FittedTable:
    grouped: dict[str, dict[Direction, list[Cell]]] = {}
    for cell in cells:
        direction = (cell.teacher_modality, cell.student_modality)
        grouped.setdefault(cell.name, {}).setdefault(direction, []).append(cell)
    directions = list(next(iter(grouped.values())))
    return FittedTable(
        title=block,
        header=["method", *map(" → ".join, directions)],
        rows=[
            [Text(method, no_wrap=True), *(_count(row[direction], done) for direction in directions)]
            for method, row in grouped.items()
        ],
        repeated=1,
    )


def _count(cells: Sequence[Cell], done: Collection[str]) -> Text:
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


def expected(cost: Expectation, to_do: int, workers: int) -> str:
    """Return the expected time and disk space in words.

    Args:
        cost: of the runs to do.
        to_do: their number.
        workers: number of parallel runs.
    """
    if cost.unknown == to_do:
        return "Time and disk space are unknown, because no similar run has been recorded."
    known = "" if not cost.unknown else f" for {to_do - cost.unknown} of them; unknown for the others"
    time = duration(cost.seconds / workers)
    pace = f"{workers} workers" if workers > 1 else "1 worker"
    return f"To do: about {time} with {pace}, {size(cost.bytes)}{known} (from recorded similar runs)."


def duration(seconds: float) -> str:
    """Return a duration in words with two digits at most."""
    for unit, length in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(seconds, 1):.0f} s"


def size(count: float) -> str:
    """Return a number of bytes in words."""
    for unit, length in (("TB", 1e12), ("GB", 1e9)):
        if count >= length:
            return f"{count / length:.1f} {unit}"
    return f"{count / 1e6:.1f} MB"


def _totals(plan: Plan, done: Collection[str]) -> str:
    teachers = {teacher for spec in plan.specs.values() for teacher in spec.teacher_ids}
    return (
        f"{len(plan.specs)} runs ({len(done)} done, {len(plan.specs) - len(done)} to do) for {len(plan.cells)} cells; "
        f"{len(teachers)} of the runs are teachers, including untrained ones, each run once and shared "
        f"({len(teachers.intersection(done))} done)."
    )
