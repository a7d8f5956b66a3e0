"""`cmkd-bench run --dry-run`."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from cmkd_bench.cli.jobs import expected_cost

if TYPE_CHECKING:
    from rich.console import Console

    from cmkd_bench.experiment.spec import RunSpec
    from cmkd_bench.planning.grid import Grid
    from cmkd_bench.studies.sweep import CheckedSweep


def show_plan(console: Console, grid: Grid, force: bool) -> None:
    """Print the planned runs, and refuse what `run` would refuse, without preparing or writing anything.

    Args:
        console: where to print.
        grid: the resolved request.
        force: whether finished runs would be repeated.
    """
    from cmkd_bench.data.media.preparing.missing import find_missing
    from cmkd_bench.experiment.record import check_plan
    from cmkd_bench.experiment.store import find_done
    from cmkd_bench.launch.preview import announce, check_launch
    from cmkd_bench.planning.build import make_plan
    from cmkd_bench.planning.planning_display import planning_display
    from cmkd_bench.report.plan_table import as_rich

    check_launch(grid)
    announce(grid, console)
    missing = find_missing(one.dataset for one in grid.datasets.values())
    with planning_display(console) as say:
        plan = make_plan(grid, unprepared=[dataset.registry_name for dataset, _ in missing], say=say)
    warnings = check_plan(grid.experiment, plan)
    done = {run_id for run_id in plan.specs if not force and find_done(grid.experiment, run_id)}
    to_do = [spec for run_id, spec in plan.specs.items() if run_id not in done]
    cost = expected_cost(grid, plan, to_do) if grid.launcher["kind"] == "slurm" else _expected_here(grid, to_do)
    console.print(as_rich(plan, grid.experiment.name, done))
    console.print(cost, markup=False, soft_wrap=True)
    # Runs on data that are not prepared have other ids than later, so they always seem to differ.
    notes = [f"{dataset.registry_name}: {root}" for dataset, root in missing]
    for text in _unprepared(notes) if missing else warnings:
        console.print(text, style="yellow", markup=False, soft_wrap=True)


def show_sweep(console: Console, checked: CheckedSweep) -> None:
    """Print the planned runs of a sweep, and refuse what `sweep` would refuse, without writing anything."""
    from cmkd_bench.data.media.preparing.missing import find_missing
    from cmkd_bench.experiment.record import check_plan
    from cmkd_bench.experiment.store import find_done
    from cmkd_bench.report.text_table import as_rich
    from cmkd_bench.studies.point import check_defined
    from cmkd_bench.studies.sweep_plan import plan_table, totals

    planned, notes, warnings = {}, [], []
    for value, grid in checked.grids.items():
        missing = find_missing(one.dataset for one in grid.datasets.values())
        plan = checked.setting.plan(grid, [dataset.registry_name for dataset, _ in missing])
        planned[value] = (grid, plan)
        notes += [f"{dataset.registry_name}: {root}" for dataset, root in missing]
        warnings += check_plan(grid.experiment, plan)
    check_defined(planned)
    done = {run_id for grid, plan in planned.values() for run_id in plan.specs if find_done(grid.experiment, run_id)}
    plans = {value: plan for value, (_, plan) in planned.items()}
    console.print(as_rich(plan_table(checked, plans, done)))
    specs = {run_id: spec for plan in plans.values() for run_id, spec in plan.specs.items()}
    console.print(totals(specs, done), markup=False, soft_wrap=True)
    to_do = [spec for run_id, spec in specs.items() if run_id not in done]
    console.print(_expected_here(next(iter(checked.grids.values())), to_do), markup=False, soft_wrap=True)
    for text in _unprepared(dict.fromkeys(notes)) if notes else dict.fromkeys(warnings):
        console.print(text, style="yellow", markup=False, soft_wrap=True)


def _expected_here(grid: Grid, to_do: Collection[RunSpec]) -> str:
    """Return the expected time and disk space of runs on this machine."""
    from cmkd_bench.launch.preview import expectation, local_workers
    from cmkd_bench.report.plan_table import expected

    if not to_do:
        return "Nothing to do."
    workers = len(local_workers(grid).devices)
    return expected(expectation(to_do, grid.experiment.root), len(to_do), min(workers, len(to_do)))


def _unprepared(places: Collection[str]) -> Iterator[str]:
    yield "Not prepared yet; `run` prepares them first, which is not part of the expected time:"
    yield from (f"  {place}" for place in places)
    yield "Which samples can be read and which methods are defined is known only then."
