"""How many runs are in which state, what is missing, and the command that brings it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cmkd_bench.experiment.plan import Cell
from cmkd_bench.report.page import commands
from cmkd_bench.report.page.source import Source, seeds_of

ORDER = ("done", "failed", "blocked", "running", "interrupted", "pending")
AGAIN = ("failed", "blocked")  # a plain command leaves these as they are


@dataclass(frozen=True)
class Gap:
    """Cells that lack a number for the same reason.

    Attributes:
        row: of the table.
        where: dataset and direction.
        seeds: as text.
        state: of the run.
        reason: why, where it is known.
    """

    row: str
    where: str
    seeds: str
    state: str
    reason: str


def counts(source: Source) -> list[tuple[str, int]]:
    """Runs by state, those done first, and the cells that no run can fill."""
    states = [str(run["status"]) for run in source.runs.values()]
    found = [(state, states.count(state)) for state in ORDER]
    undefined = sum(bool(cell.impossible) for cell in source.record.cells.values())
    named = [one for one in found if one[1] or one[0] in ("done", "failed", "blocked", "pending")]
    return [*named, ("not defined", undefined)]


def gaps(source: Source) -> list[Gap]:
    """What is missing in the tables, with cells of one row, direction and reason together."""
    found: dict[tuple[str, str, str, str], list[Cell]] = {}
    for cell in source.record.cells.values():
        state, reason = state_of(source, cell)
        if state != "done":
            where = f"{cell.dataset}: {cell.teacher_modality} → {cell.student_modality}"
            found.setdefault((cell.row, where, state, reason), []).append(cell)
    return [Gap(row, where, seeds_of(cells), state, reason) for (row, where, state, reason), cells in found.items()]


def state_of(source: Source, cell: Cell) -> tuple[str, str]:
    """The state of a cell's run, and why it has no number."""
    if cell.impossible:
        return "not defined", cell.impossible
    run = source.runs.get(cell.run_id, {})
    return str(run.get("status", "pending")), str(run.get("error") or "")


def bringing(source: Source) -> list[str]:
    """The commands that run what is missing: one for all rows of a dataset that lack the same seeds and folds.

    What is tuned is brought by the command that tuned it, because that alone knows the row.
    """
    lacking: dict[tuple[str, str], list[Cell]] = {}
    tuning: dict[str, bool] = {}
    for cell in source.record.cells.values():
        state, _ = state_of(source, cell)
        if state in ("done", "not defined"):
            continue
        if not cell.tuned:
            lacking.setdefault((cell.dataset, cell.method), []).append(cell)
        elif (trials := source.record.trials.get(cell.group)) is not None and trials.command:
            tuning[trials.command] = tuning.get(trials.command, False) or state in AGAIN
    alike: dict[tuple[object, ...], list[Cell]] = {}
    for (dataset, _), cells in lacking.items():
        retry = any(state_of(source, cell)[0] in AGAIN for cell in cells)
        seeds, folds = ({getattr(cell, name) for cell in cells} for name in ("seed", "fold"))
        key = (dataset, tuple(commands.pairs_of(cells)), _listed(seeds), _listed(folds), retry)
        alike.setdefault(key, []).append(cells[0])
    usual = [_command(source, cells, *key) for key, cells in alike.items()]  # type: ignore[arg-type]
    return [*usual, *(f"{command}{' --retry-failed' if retry else ''}" for command, retry in tuning.items())]


def _command(
    source: Source, rows: Sequence[Cell], dataset: str, pairs: Sequence[tuple[str, str]], seeds: str, folds: str,
    retry: bool,
) -> str:  # fmt: skip
    """For one cell of each row."""
    conditions = source.record.conditions[dataset]
    some_folds = f" --folds {folds}" if _folds(conditions) > 1 else ""
    chosen = {cell.method: dict(source.hyperparameters(cell.run_id)) for cell in rows}
    return (
        commands.grid(chosen, dataset, pairs)
        + f" --seeds {seeds}{some_folds}"
        + commands.place(source.experiment.name, source.experiment.root.name, retry)
        + commands.settings(conditions, dataset, chosen)
    )


def _folds(conditions: dict[str, str | int | float | bool]) -> int:
    return int(conditions["folds"])


def _listed(numbers: set[int]) -> str:
    """As an option reads them; a comma at the end tells one seed from so many seeds."""
    ordered = sorted(numbers)
    return ",".join(map(str, ordered)) + ("," if len(ordered) == 1 else "")
