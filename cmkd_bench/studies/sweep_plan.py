"""The planned runs of a sweep as a table."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from cmkd_bench.experiment.plan import Plan
from cmkd_bench.report.text_table import TextTable
from cmkd_bench.studies.sweep import CheckedSweep


def plan_table(checked: CheckedSweep, plans: Mapping[str, Plan], done: Collection[str]) -> TextTable:
    """Return a table with a row per method and a column per value of the knob.

    Args:
        plans: by value.
        done: ids of the runs that will not be run.
    """
    counts: dict[str, dict[str, list[bool]]] = {}
    for value, plan in plans.items():
        for cell in plan.cells.values():
            counts.setdefault(cell.name, {}).setdefault(value, []).append(cell.run_id in done)
    rows = [[method, *(_count(row[value]) for value in plans)] for method, row in counts.items()]
    title = f"plan of sweep '{checked.setting.folder.name}': {checked.place}, by {checked.knob.name}"
    return TextTable(title, ("method", *plans), rows, texts=1)


def _count(is_done: list[bool]) -> str:
    done, to_do = sum(is_done), len(is_done) - sum(is_done)
    parts = [f"{to_do} to do"] * bool(to_do) + [f"{done} done"] * bool(done)
    return ", ".join(parts)


def totals(runs: Collection[str], done: Collection[str]) -> str:
    """Return the number of runs in words."""
    return f"{len(runs)} runs ({len(done)} done, {len(runs) - len(done)} to do), teachers included."
