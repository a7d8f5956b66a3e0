"""The two steps of `cmkd-bench run --trials` on a cluster, where no command waits for the first step to end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from cmkd_bench.experiment.trials import selections

if TYPE_CHECKING:
    from cmkd_bench.experiment.plan import Plan
    from cmkd_bench.experiment.store import Experiment
    from cmkd_bench.experiment.trials import Study
    from cmkd_bench.launch.slurm.cluster import Cluster
    from cmkd_bench.launch.slurm.survey import Survey

OVER = ("done", "failed", "blocked")


def finished_on_cluster(
    experiment: Experiment, plan: Plan, cluster: Cluster, retry_failed: bool
) -> Callable[[str], bool]:
    """Return whether a run has finished and will not be resubmitted, as a function of its id."""
    from cmkd_bench.launch.slurm.submission import runs_to_submit
    from cmkd_bench.launch.slurm.survey import survey

    if not plan.studies:
        return lambda run_id: False
    seen = survey(experiment, plan.specs.values(), cluster)
    failed = [run_id for run_id, status in seen.statuses.items() if status.kind == "failed"]
    again = {spec.id for spec in runs_to_submit(seen, failed if retry_failed else ())[0]}
    over = {run_id for run_id, status in seen.statuses.items() if status.kind in OVER} - again
    return lambda run_id: run_id in over


def left_to_tune(experiment: Experiment, seen: Survey) -> str:
    """Return what an experiment's tuning still lacks, with the command that continues it; empty if nothing is left."""
    from cmkd_bench.experiment.record import read_plan
    from cmkd_bench.planning.tuning import open_studies

    over, running = open_studies(read_plan(experiment), {name: one.kind for name, one in seen.statuses.items()})
    return "\n".join(filter(None, [trials_have_ended(over), trials_are_awaited(running)]))


def trials_have_ended(studies: Sequence[Study]) -> str:
    """Return the message about selections whose trials have all finished."""
    if not studies:
        return ""
    ended = f"tuning: all trials have finished for {selections(len(studies))}. Rerun the same command to run all seeds "
    return ended + "with the selected values:" + _commands(studies)


def trials_are_awaited(studies: Sequence[Study]) -> str:
    """Return the message about selections whose trials have not all finished."""
    if not studies:
        return ""
    waiting = (
        f"tuning: trials have not finished for {selections(len(studies))}. Once they have, rerun the same command "
    )
    return waiting + "to run all seeds with the selected values:" + _commands(studies)


def _commands(studies: Sequence[Study]) -> str:
    commands = dict.fromkeys(one.command or "the Python program that created them" for one in studies)
    return "".join(f"\n  {command}" for command in commands)
