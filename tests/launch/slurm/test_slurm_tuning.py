"""`run --trials` on a cluster of fakes: trials first, and when they have ended the same command for the rest."""

from __future__ import annotations

import dataclasses
import shlex
from pathlib import Path

from command_line import Command, Done
from planned_grid import FakeSlurm, Planned

from cmkd_bench.cli.cluster_tuning import left_to_tune
from cmkd_bench.experiment.files import read_json, write_json
from cmkd_bench.experiment.record import read_plan, write_plan
from cmkd_bench.experiment.store import Experiment
from cmkd_bench.experiment.trials import Study, Trial
from cmkd_bench.report.results import COPIED

COMMAND = "cmkd-bench run --methods kd0 --trials 2"


def finish(experiment: Experiment, run_id: str, validation: float) -> None:
    scores = {"value": 1.0, "val_value": validation, "other_metrics": {}, "logged": {}}
    experiment.run(run_id).write_cost({"seconds": 1.0, "peak_mb": 1.0, "code": "0"})
    experiment.run(run_id).write_result({**dict.fromkeys(COPIED), **scores})


def test_what_is_left_is_said_with_the_command_that_goes_on(grid: Planned, slurm: FakeSlurm) -> None:
    first, second = (spec.id for spec in grid.specs if spec.teacher == grid.teachers[0] and spec.hyperparameters[0][1])
    trials = (Trial(0, {"x": 0}, first), Trial(1, {"x": 1}, second))
    trials = Study("kd1", "mfeat", 0, 1.0, "pixels", "fourier", 0, trials, COMMAND)
    assert left_to_tune(grid.experiment, grid.survey()) == "", "nothing is tuned"
    plan = read_json(grid.experiment.plan)
    write_plan(grid.experiment, {**plan, "studies": [dataclasses.asdict(trials)]})
    finish(grid.experiment, first, 1.0)
    told = left_to_tune(grid.experiment, grid.survey())
    assert "have not finished for 1 selection" in told
    assert told.endswith(f":\n  {COMMAND}")
    write_json(grid.experiment.run(second).error, {"cause": "bad data", "message": "x", "traceback": []})
    told = left_to_tune(grid.experiment, grid.survey())
    assert "all trials have finished for 1 selection" in told
    assert told.endswith(f":\n  {COMMAND}")
    cells = [cell | {"tuned": True} if cell["method"] == "kd1" else cell for cell in plan["cells"]]
    write_plan(grid.experiment, {**plan, "cells": cells, "studies": [dataclasses.asdict(trials)]})
    assert left_to_tune(grid.experiment, grid.survey()) == ""


def test_draws_then_the_same_command_for_what_they_select(slurm: FakeSlurm, cmkd: Command, tmp_path: Path) -> None:
    def call(command: str) -> Done:
        return cmkd(*shlex.split(command)[1:])

    given = "--datasets mfeat --pairs pixels:fourier --one-way --seeds 2 --methods kd --no-controls --trials 3"
    done = call(f"cmkd-bench run {given} --launcher slurm --device cpu launcher.gpus=0 --experiment grid")
    # two seeds of teacher, student alone and kd, and two trials besides the defaults
    assert "submitted 8 runs" in done.stdout, done.stderr
    assert "tuning: trials have not finished for 1 selection." in done.stdout
    again = done.stdout.splitlines()[-1].strip()
    experiment = Experiment(tmp_path / "results", "grid")
    (study,) = read_plan(experiment).studies.values()
    assert again == study.command
    for number, path in enumerate(sorted((experiment.path / "runs").iterdir())):
        finish(experiment, path.name, float(number))
    collected = call("cmkd-bench collect grid")
    assert collected.returncode == 4, collected.stderr
    assert "tuning: all trials have finished for 1 selection." in collected.stdout
    assert again in collected.stdout
    second = call(again)
    best = max(study.trials, key=lambda trial: experiment.read_result(trial.run_id)["val_value"])
    new = 0 if best.number == 0 else 1
    assert f"submitted {new} runs" in second.stdout, second.stderr
    assert "tuning:" not in second.stdout
    tuned = {cell.seed: cell.run_id for cell in read_plan(experiment).cells.values() if cell.tuned}
    assert tuned[0] == best.run_id
    assert experiment.read_spec(tuned[1]).hyperparameters == experiment.read_spec(best.run_id).hyperparameters
    finish(experiment, tuned[1], 1.0)
    last = call("cmkd-bench collect grid")
    assert last.returncode == 0, last.stderr
    assert "kd (tuned)" in last.stdout
    assert "tuning:" not in last.stdout
