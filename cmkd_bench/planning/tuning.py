"""Fair tuning: equally many trials per method, one selected on validation, then all seeds with its values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cmkd_bench.experiment.plan import Cell, Plan
from cmkd_bench.experiment.spec import RunSpec, settings
from cmkd_bench.experiment.store import Experiment
from cmkd_bench.experiment.trials import Draw, Group, Trials, select
from cmkd_bench.parameters import build, draw
from cmkd_bench.registry import methods

if TYPE_CHECKING:
    from cmkd_bench.planning.grid import Grid


def add_draws(plan: Plan, grid: Grid, is_defined: Callable[[RunSpec], bool]) -> None:
    """Add the trials of every method that has something to tune, each as a run with the first seed.

    Undefined cells of the plan must be marked beforehand. The baseline is the reference for all other methods and is
    not tuned.
    """
    assert grid.trials is not None
    for cell in list(plan.cells.values()):
        given = grid.methods[cell.method]
        if cell.seed == grid.seeds[0] and cell.method != grid.baseline and is_searched(cell.method, given):
            draws = () if cell.impossible else tuple(_draws(plan, cell, given, grid.trials, is_defined))
            plan.trials[cell.group] = Trials(*cell.group, cell.seed, draws, grid.command)


def is_searched(method: str, given: Mapping[str, Any]) -> bool:
    """Return whether a method has an unset hyper-parameter with a search space."""
    return bool(draw(methods.declared(method).HyperParameters, method, 0, given))


def add_tuned(plan: Plan, experiment: Experiment, is_over: Callable[[str], bool]) -> int:
    """Add the cells of all seeds with selected values, wherever all trials are over.

    Args:
        plan: a plan with trials; tuned cells of an earlier call are replaced.
        experiment: the experiment with the results of the trials.
        is_over: whether a run has ended, successfully or not.

    Returns:
        the number of selections that must wait for trials.
    """
    plan.cells = {key: cell for key, cell in plan.cells.items() if not cell.tuned}
    ended = {group: one for group, one in plan.trials.items() if all(map(is_over, one.run_ids))}
    chosen = {group: select(one, _validation(experiment, one)) for group, one in ended.items()}
    for cell in list(_tuned_cells(plan, chosen)):
        plan.add_cell(cell)
    return len(plan.trials) - len(ended)


def open_trials(plan: Plan, kinds: Mapping[str, str]) -> tuple[list[Trials], list[Trials]]:
    """Return the trials without a selection so far: those that are over, and those that are not.

    Args:
        plan: plan of the experiment.
        kinds: states of all runs; done, failed and blocked ones are over.
    """
    tuned = {cell.group for cell in plan.cells.values() if cell.tuned}
    over, running = [], []
    for group, trials in plan.trials.items():
        found = {kinds.get(run_id, "") for run_id in trials.run_ids}
        if group in tuned or not found:
            continue
        if not found <= {"done", "failed", "blocked"}:
            running.append(trials)
        elif "done" in found:
            over.append(trials)
    return over, running


def _draws(
    plan: Plan, cell: Cell, given: Mapping[str, Any], count: int, is_defined: Callable[[RunSpec], bool]
) -> Iterator[Draw]:
    parameters, default = methods.declared(cell.method).HyperParameters, plan.specs[cell.run_id]
    for number in range(count):
        values = draw(parameters, cell.method, number, given)
        spec = replace(default, hyperparameters=settings(build(parameters, {**given, **values})))
        yield Draw(number, values, plan.add(spec) if is_defined(spec) else "")


def _validation(experiment: Experiment, trials: Trials) -> dict[str, float]:
    """Return the validation scores of the finished trials."""
    done = [run_id for run_id in trials.run_ids if experiment.run(run_id).result.exists()]
    scores = {run_id: experiment.read_result(run_id)["val_value"] for run_id in done}
    return {run_id: score for run_id, score in scores.items() if score is not None}


def _tuned_cells(plan: Plan, chosen: Mapping[Group, Draw | None]) -> Iterator[Cell]:
    for cell in plan.cells.values():
        selected = chosen.get(cell.group)
        if cell.impossible and cell.group in chosen:
            yield replace(cell, tuned=True)
        elif selected is not None:
            values = plan.specs[selected.run_id].hyperparameters
            spec = replace(plan.specs[cell.run_id], hyperparameters=values)
            yield replace(cell, tuned=True, run_id=plan.add(spec))
