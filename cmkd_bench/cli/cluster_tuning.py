"""The two steps of `cmkd-bench run --trials` on a cluster, where no command waits for the first step to end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cmkd_bench.experiment.trials import selections

if TYPE_CHECKING:
    from cmkd_bench.experiment.plan import Plan
    from cmkd_bench.experiment.store import Experiment
    from cmkd_bench.experiment.trials import Trials
    from cmkd_bench.launch.slurm.cluster import Cluster
    from cmkd_bench.launch.slurm.survey import Survey

OVER = ("done", "failed", "blocked")


def add_tuned_on_cluster(experiment: Experiment, plan: Plan, cluster: Cluster, retry_failed: bool = False) -> int:
    """Plan the tuned cells whose trials have finished and will not be resubmitted.

    Returns:
        the number of selections that must wait for trials.
    """
    from cmkd_bench.launch.slurm.submission import runs_to_submit
    from cmkd_bench.launch.slurm.survey import survey
    from cmkd_bench.planning.tuning import add_tuned

    if not plan.trials:
        return 0
    seen = survey(experiment, plan.specs.values(), cluster)
    failed = [run_id for run_id, status in seen.statuses.items() if status.kind == "failed"]
    again = {spec.id for spec in runs_to_submit(seen, failed if retry_failed else ())[0]}
    over = {run_id for run_id, status in seen.statuses.items() if status.kind in OVER} - again
    return add_tuned(plan, experiment, lambda run_id: run_id in over)


def left_to_tune(experiment: Experiment, seen: Survey) -> str:
    """Return what an experiment's tuning still lacks, with the command that continues it; empty if nothing is left."""
    from cmkd_bench.experiment.record import read_plan
    from cmkd_bench.planning.tuning import open_trials

    over, running = open_trials(read_plan(experiment), {name: one.kind for name, one in seen.statuses.items()})
    return "\n".join(filter(None, [draws_have_ended(over), draws_are_awaited(running)]))


def draws_have_ended(trials: Sequence[Trials]) -> str:
    """Return the message about selections whose trials have all finished."""
    if not trials:
        return ""
    ended = f"tuning: all trials have finished for {selections(len(trials))}. Rerun the same command to run all seeds "
    return ended + "with the selected values:" + _commands(trials)


def draws_are_awaited(trials: Sequence[Trials]) -> str:
    """Return the message about selections whose trials have not all finished."""
    if not trials:
        return ""
    waiting = f"tuning: trials have not finished for {selections(len(trials))}. Once they have, rerun the same command "
    return waiting + "to run all seeds with the selected values:" + _commands(trials)


def _commands(trials: Sequence[Trials]) -> str:
    commands = dict.fromkeys(one.command or "the Python program that created them" for one in trials)
    return "".join(f"\n  {command}" for command in commands)
