"""Fair tuning: equally many trials per method, one selected on validation, then all seeds with its values."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cmkd_bench.experiment.damage import Damaged
from cmkd_bench.experiment.plan import Cell, Plan
from cmkd_bench.experiment.record import has_plan, read_plan
from cmkd_bench.experiment.spec import RunSpec, settings
from cmkd_bench.experiment.store import Experiment
from cmkd_bench.experiment.trials import Group, Study, Trial, select
from cmkd_bench.parameters import build, sample
from cmkd_bench.registry import methods

if TYPE_CHECKING:
    from cmkd_bench.planning.grid import Grid


def add_trials(plan: Plan, grid: Grid, is_defined: Callable[[RunSpec], bool]) -> None:
    """Add the trials of every method that has something to tune, each as a run with the first seed.

    Undefined cells of the plan must be marked beforehand. The baseline is the reference for all other methods and is
    not tuned. A control of a method that is tuned, here or by an earlier command of the experiment, has no trials: it
    gets that method's values (`add_tuned`).
    """
    assert grid.trials is not None
    _leave_to_tuned_methods(plan, _earlier_studies(grid.experiment))
    for cell in list(plan.cells.values()):
        given = grid.rows[cell.name].given
        own = cell.method != grid.baseline and cell.study == cell.group
        if cell.seed == grid.seeds[0] and own and is_searched(cell.method, given):
            trials = () if cell.impossible else tuple(_trials(plan, cell, given, grid.trials, is_defined))
            plan.studies[cell.group] = Study(
                cell.method, *cell.group[1:], cell.seed, trials, grid.command, cell.variant
            )


def is_searched(method: str, given: Mapping[str, Any]) -> bool:
    """Return whether a method has an unset hyper-parameter with a search space."""
    return bool(sample(methods.declared(method).HyperParameters, method, 0, given))


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
    ended = {group: one for group, one in plan.studies.items() if all(map(is_over, one.run_ids))}
    chosen = {group: select(one, _validation(experiment, one)) for group, one in ended.items()}
    for cell in list(_tuned_cells(plan, chosen)):
        plan.add_cell(cell)
    return len(plan.studies) - len(ended)


def run_in_steps(
    plan: Plan, experiment: Experiment, finished: Callable[[], Callable[[str], bool]], launch: Callable[[str], bool]
) -> int:
    """Launch a plan; one with trials in two steps, the second once the trials are over.

    Args:
        plan: tuned cells are added to it where their trials are over.
        experiment: where the trials' results lie.
        finished: returns, as of now, whether a run has ended, well or not.
        launch: launches the runs of the plan; gets the step in words, and returns whether it waited for their end.

    Returns:
        the number of selections that must wait for trials.
    """
    waiting = add_tuned(plan, experiment, finished())
    while True:
        step = ("step 1 of 2 (trials)" if waiting else "step 2 of 2 (all seeds)") if plan.studies else ""
        ended = launch(step)
        left = add_tuned(plan, experiment, finished()) if waiting and ended else waiting
        if left == waiting:
            return waiting
        waiting = left


def open_studies(plan: Plan, kinds: Mapping[str, str]) -> tuple[list[Study], list[Study]]:
    """Return the trials without a selection so far: those that are over, and those that are not.

    Args:
        plan: plan of the experiment.
        kinds: states of all runs; done, failed and blocked ones are over.
    """
    tuned = {cell.group for cell in plan.cells.values() if cell.tuned}
    over, running = [], []
    for group, study in plan.studies.items():
        found = {kinds.get(run_id, "") for run_id in study.run_ids}
        if group in tuned or not found:
            continue
        if not found <= {"done", "failed", "blocked"}:
            running.append(study)
        elif "done" in found:
            over.append(study)
    return over, running


def _earlier_studies(experiment: Experiment) -> Collection[Group]:
    try:
        return read_plan(experiment).studies if has_plan(experiment) else ()
    except Damaged:  # `add_plan` repairs it and says so
        return ()


def _leave_to_tuned_methods(plan: Plan, studies: Collection[Group]) -> None:
    """Let the controls follow the methods that other commands tune, so that the order of commands changes no table."""
    for key, cell in plan.cells.items():
        method = methods.declared(cell.method).tuned_as
        if method and not cell.variant and (method, *cell.group[1:]) in studies:
            plan.cells[key] = replace(cell, tuned_as=method)


def _trials(
    plan: Plan, cell: Cell, given: Mapping[str, Any], count: int, is_defined: Callable[[RunSpec], bool]
) -> Iterator[Trial]:
    parameters, default = methods.declared(cell.method).HyperParameters, plan.specs[cell.run_id]
    for number in range(count):
        values = sample(parameters, cell.method, number, given)
        spec = replace(default, hyperparameters=settings(build(parameters, {**given, **values})))
        yield Trial(number, values, plan.add(spec) if is_defined(spec) else "")


def _validation(experiment: Experiment, study: Study) -> dict[str, float]:
    """Return the validation scores of the finished trials."""
    done = [run_id for run_id in study.run_ids if experiment.run(run_id).is_done()]
    scores = {run_id: experiment.read_result(run_id)["val_value"] for run_id in done}
    return {run_id: score for run_id, score in scores.items() if score is not None}


def _tuned_cells(plan: Plan, chosen: Mapping[Group, Trial | None]) -> Iterator[Cell]:
    for cell in plan.cells.values():
        selected = chosen.get(cell.study)
        if cell.impossible and cell.study in chosen:
            yield replace(cell, tuned=True)
        elif selected is not None:
            values = plan.specs[selected.run_id].hyperparameters
            spec = replace(plan.specs[cell.run_id], hyperparameters=values)
            yield replace(cell, tuned=True, run_id=plan.add(spec))
