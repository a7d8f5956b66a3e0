"""The number of runs by state, what is missing, and the commands that produce it."""

from __future__ import annotations

from cmkd_bench.experiment.label_budget import as_option
from cmkd_bench.experiment.plan import Cell
from cmkd_bench.report.experiment_data import ExperimentData, seeds_text
from cmkd_bench.report.page import commands
from cmkd_bench.report.text_table import TextTable

ORDER = ("done", "failed", "blocked", "running", "interrupted", "pending", "damaged")
AGAIN = ("failed", "blocked")  # states that a plain command leaves as they are


def counts(data: ExperimentData) -> list[tuple[str, int]]:
    """Count runs by state, those done first, and the cells that no run can fill."""
    states = [str(run["status"]) for run in data.runs.values()]
    found = [(state, states.count(state)) for state in ORDER]
    undefined = sum(bool(cell.impossible) for cell in data.record.cells.values())
    named = [one for one in found if one[1] or one[0] in ("done", "failed", "blocked", "pending")]
    return [*named, ("not defined", undefined)]


def gaps(data: ExperimentData) -> TextTable:
    """List what the tables lack, with the seeds of one row, direction and reason together."""
    found: dict[tuple[str, str, str, str], list[Cell]] = {}
    for cell in data.record.cells.values():
        state, reason = state_of(data, cell)
        if state != "done":
            where = f"{cell.block}: {cell.teacher_modality} → {cell.student_modality}"
            found.setdefault((cell.row, state, where, reason), []).append(cell)
    rows = ((row, state, where, seeds_text(cells), reason) for (row, state, where, reason), cells in found.items())
    return TextTable("What is missing", ("method", "state", "where", "seeds", "reason"), tuple(rows), (), texts=5)


def state_of(data: ExperimentData, cell: Cell) -> tuple[str, str]:
    """Return the state of a cell's run, and why it has no number."""
    if cell.impossible:
        return "not defined", cell.impossible
    run = data.runs.get(cell.run_id, {})
    return str(run.get("status", "pending")), str(run.get("error") or "")


def repairs(data: ExperimentData) -> list[str]:
    """Return the commands that run what is missing: one for all rows of a dataset that lack the same seeds and folds.

    Only the command that tuned a row knows it, so that command is given again.
    """
    lacking: dict[tuple[str, str, str, str], list[Cell]] = {}
    tuning: dict[str, bool] = {}
    for cell in data.record.cells.values():
        state, _ = state_of(data, cell)
        if state in ("done", "not defined"):
            continue
        if not cell.tuned:
            owner = data.experiment.of(cell.run_id).name
            lacking.setdefault((owner, cell.dataset, as_option(cell.labels), cell.name), []).append(cell)
        elif (study := data.record.studies.get(cell.study)) is not None and study.command:
            tuning[study.command] = tuning.get(study.command, False) or state in AGAIN
    alike: dict[tuple[object, ...], list[list[Cell]]] = {}
    for (owner, dataset, labels, _), cells in lacking.items():
        retry = any(state_of(data, cell)[0] in AGAIN for cell in cells)
        alike.setdefault((owner, dataset, labels, *_extent(cells), retry), []).append(cells)
    usual = [_command(data, rows, retry=bool(key[-1])) for key, rows in alike.items()]
    return [*usual, *(f"{command}{' --retry-failed' if retry else ''}" for command, retry in tuning.items())]


def _command(data: ExperimentData, rows: list[list[Cell]], retry: bool) -> str:
    """Return the command for rows whose cells have the same extent."""
    dataset, (pairs, seeds, folds) = rows[0][0].dataset, _extent(rows[0])
    owner = data.experiment.of(rows[0][0].run_id)
    conditions = data.record.conditions[dataset]
    some_folds = f" --folds {folds}" if commands.has_folds(conditions) else ""
    chosen = [
        commands.ChosenRow(cell.method, cell.variant, dict(data.hyperparameters(cell.run_id))) for cell, *_ in rows
    ]
    return (
        commands.grid(commands.texts(chosen), dataset, pairs, rows[0][0].labels)
        + f" --seeds {seeds}{some_folds}"
        + commands.place(owner.name, owner.root.name, retry)
        + commands.settings(conditions, dataset, chosen)
    )


def _extent(cells: list[Cell]) -> tuple[tuple[tuple[str, str], ...], str, str]:
    """Return the directions, seeds and folds of cells, as a command selects them."""
    pairs = tuple(dict.fromkeys((cell.teacher_modality, cell.student_modality) for cell in cells))
    return pairs, commands.listed({cell.seed for cell in cells}), commands.listed({cell.fold for cell in cells})
