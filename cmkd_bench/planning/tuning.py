"""Equal tuning: as many draws for every method, one selected on validation alone, then all seeds with its values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from cmkd_bench.experiment.spec import RunSpec, settings
from cmkd_bench.experiment.trials import Draw, Group, Trials, select
from cmkd_bench.parameters import build, draw
from cmkd_bench.planning.request import Request, resolve_preset
from cmkd_bench.registry import methods

if TYPE_CHECKING:
    from cmkd_bench.experiment.record import Record
    from cmkd_bench.experiment.store import Experiment
    from cmkd_bench.planning.build import Cell, Plan


def add_draws(plan: Plan, request: Request) -> None:
    """Add the draws of every method that has something to be searched, each as a run under the first seed.

    The plan's cells must be marked where they are not defined; the baseline is what all others are measured by, and is
    not tuned.
    """
    for cell in plan.cells:
        if cell.seed == request.seeds[0] and cell.method != request.baseline and is_searched(request, cell.method):
            plan.trials[cell.group] = Trials(
                *cell.group, cell.seed, () if cell.impossible else _draws(plan, request, cell), request.command
            )


def is_searched(request: Request, method: str) -> bool:
    """Whether a method has a hyper-parameter with a search space that the user has not set."""
    cls = methods.get(method)
    return bool(draw(cls.HyperParameters, method, 0, _given(request, method)))


def add_tuned(plan: Plan, experiment: Experiment, is_over: Callable[[str], bool]) -> int:
    """Add the cells with selected values, of all seeds, wherever all draws are over.

    Args:
        plan: with draws; tuned cells of an earlier look are replaced.
        experiment: where the draws' results lie.
        is_over: whether a run has ended, well or not.

    Returns:
        how many selections have to wait for draws.
    """
    plan.cells = [cell for cell in plan.cells if not cell.tuned]
    ended = {group: one for group, one in plan.trials.items() if all(map(is_over, one.run_ids))}
    chosen = {group: select(one, _validation(experiment, one)) for group, one in ended.items()}
    plan.cells += list(_tuned_cells(plan, chosen))
    return len(plan.trials) - len(ended)


def open_trials(record: Record, kinds: Mapping[str, str]) -> tuple[list[Trials], list[Trials]]:
    """Draws from which nothing is selected yet: those that are over, and those that are not.

    Args:
        record: the experiment.
        kinds: of all runs; done, failed and blocked ones are over.
    """
    tuned = {cell.group for cell in record.cells.values() if cell.tuned}
    over, running = [], []
    for group, trials in record.trials.items():
        found = {kinds.get(run_id, "") for run_id in trials.run_ids}
        if group in tuned or not found:
            continue
        if not found <= {"done", "failed", "blocked"}:
            running.append(trials)
        elif "done" in found:
            over.append(trials)
    return over, running


def _draws(plan: Plan, request: Request, cell: Cell) -> tuple[Draw, ...]:
    assert request.trials is not None
    cls, given = methods.get(cell.method), _given(request, cell.method)
    default = plan.specs[cell.run_id]
    found = []
    for number in range(request.trials):
        values = draw(cls.HyperParameters, cell.method, number, given)
        spec = replace(default, hyperparameters=settings(build(cls.HyperParameters, {**given, **values})))
        found.append(Draw(number, values, plan.add(spec) if _is_defined(spec) else ""))
    return tuple(found)


def _is_defined(spec: RunSpec) -> bool:
    from cmkd_bench.planning.feasibility import unsupported

    return unsupported(spec) is None


def _given(request: Request, method: str) -> dict[str, object]:
    return resolve_preset(methods.get(method), request.overrides.methods.get(method, {}))


def _validation(experiment: Experiment, trials: Trials) -> dict[str, float]:
    """The validation scores of the draws that are done."""
    done = [run_id for run_id in trials.run_ids if experiment.run(run_id).result.exists()]
    scores = {run_id: experiment.read_result(run_id)["val_value"] for run_id in done}
    return {run_id: score for run_id, score in scores.items() if score is not None}


def _tuned_cells(plan: Plan, chosen: Mapping[Group, Draw | None]) -> Iterator[Cell]:
    for cell in plan.cells:
        selected = chosen.get(cell.group)
        if cell.impossible and cell.group in chosen:
            yield replace(cell, tuned=True)
        elif selected is not None:
            values = plan.specs[selected.run_id].hyperparameters
            spec = replace(plan.specs[cell.run_id], hyperparameters=values)
            yield replace(cell, tuned=True, run_id=plan.add(spec))
