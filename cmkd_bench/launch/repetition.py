"""Run again what has ended: failed runs with `--retry-failed`, all runs with `--force`; each once per command."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cmkd_bench.experiment.heartbeat import is_alive_elsewhere
from cmkd_bench.experiment.plan import Plan
from cmkd_bench.experiment.record import read_plan, read_specs
from cmkd_bench.experiment.spec import RunSpec
from cmkd_bench.experiment.store import Busy, Experiment
from cmkd_bench.launch.schedule import is_over


@dataclass(frozen=True)
class Again:
    """What a command runs again."""

    failed: bool = False  # whether failed runs
    all: bool = False  # whether all runs, finished ones too


NOT_AGAIN = Again()


class Repeated:
    """The runs of a command that are run again. One with trials has two steps, which share runs.

    Args:
        experiment: experiment with the runs.
        again: what to run again.
    """

    def __init__(self, experiment: Experiment, again: Again) -> None:
        self._experiment, self._again = experiment, again
        self._seen: set[str] = set()
        stored = read_plan(experiment).cells.values() if again.all and experiment.plan.exists() else ()
        # The first step takes them out of the plan; on a cluster, the second one belongs to another command.
        self._tuned = {cell.run_id: cell.group for cell in stored if cell.tuned and cell.run_id}

    def over(self, plan: Plan) -> Callable[[str], bool]:
        """Return whether a run has ended and is not run again, as a function of its id."""
        return lambda run_id: self._is_over(plan.specs[run_id])

    def reset(self, plan: Plan) -> Iterator[str]:
        """Make the runs of a stored plan pending that are to be run again, and yield what the user should know."""
        tuned = (run_id for run_id, group in self._tuned.items() if group in plan.studies)
        new = [run_id for run_id in dict.fromkeys([*plan.specs, *tuned]) if run_id not in self._seen]
        self._seen.update(new)
        if self._again.all:
            yield from self._reset_all(new)
        elif self._again.failed:
            for run_id in new:
                self._experiment.run(run_id).forget_failure()

    def _is_over(self, spec: RunSpec) -> bool:
        again = self._again if spec.id not in self._seen else NOT_AGAIN
        return not again.all and is_over(self._experiment, spec, again=again.failed)

    def _reset_all(self, run_ids: list[str]) -> Iterator[str]:
        reset = {run_id for run_id in run_ids if self._reset(run_id)}
        others = [
            spec
            for run_id, spec in read_specs(self._experiment, read_plan(self._experiment)).items()
            if run_id not in run_ids
        ]
        finished = sum(
            not reset.isdisjoint(one.teacher_ids) and self._experiment.run(one.id).is_done() for one in others
        )
        if finished:
            yield (
                f"--force: {finished} finished runs outside this command learned from teachers that are now trained "
                "again. To repeat them too, rerun their commands with --force."
            )

    def _reset(self, run_id: str) -> bool:
        """Discard what a run has done, unless a process works on it right now."""
        folder = self._experiment.run(run_id)
        try:
            return not is_alive_elsewhere(folder.heartbeat) and folder.discard()
        except Busy:
            return False
