"""A cluster of fakes, a hand that plays its nodes, and an experiment to submit to it."""

from __future__ import annotations

import json
import multiprocessing
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from one_spec import SPEC

from cmkd_bench.config.compose import compose
from cmkd_bench.config.overrides import parse_overrides
from cmkd_bench.config.roots import Roots
from cmkd_bench.config.slurm import read_settings
from cmkd_bench.experiment.plan import Cell
from cmkd_bench.experiment.record import write_plan
from cmkd_bench.experiment.spec import RunSpec
from cmkd_bench.experiment.store import Experiment
from cmkd_bench.launch.slurm.campaign import Campaign, survey_experiment
from cmkd_bench.launch.slurm.cluster import Cluster
from cmkd_bench.launch.slurm.states import RunStatus
from cmkd_bench.launch.slurm.submission import SubmissionReport, environment
from cmkd_bench.launch.slurm.survey import Survey

NAMES = ("sbatch", "squeue", "sacct", "scancel", "scontrol", "sinfo", "srun")
SCRIPT = Path(__file__).parent / "fake_slurm.py"
CONDITIONS = {"protocol": "fair", "folds": 1, "fixture": False, "pretrained": False, "train.select_on": "validation"}
SIDES = ("pixels", "fourier")
TINY = ("launcher.device=cpu", "launcher.gpus=0", "launcher.runs_per_job=1")


class FakeSlurm:
    """The cluster's state, in a file that the fakes read and write."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "state.json"
        self.bin = folder / "bin"
        self.bin.mkdir(parents=True)
        for name in NAMES:
            script = self.bin / name
            script.write_text(f"#!{sys.executable} -IS\n{SCRIPT.read_text()}")
            script.chmod(0o755)
        self.write(
            jobs={},
            calls=[],
            next=100,
            silent=[],
            hang={},
            answers={},
            kill_before=0,
            kill_after=0,
            refuse=0,
            max_array=1000,
            accounting=False,
            partitions=["cpu*|1-00:00:00|up|8|32000|(null)", "gpu|4:00:00|up|16|64000|gpu:2"],
        )

    def read(self) -> dict[str, Any]:
        state: dict[str, Any] = json.loads(self.file.read_text())
        return state

    def write(self, **changes: Any) -> None:
        state = self.read() if self.file.exists() else {}
        self.file.write_text(json.dumps({**state, **changes}))

    def change(self, job: str, **changes: Any) -> None:
        jobs = self.jobs()
        jobs[job].update(changes)
        self.write(jobs=jobs)

    def jobs(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = self.read()["jobs"]
        return found

    def calls(self, name: str = "") -> list[list[str]]:
        return [call for call in self.read()["calls"] if not name or call[0] == name]

    def work(self, execute: Callable[[Path, str], bool]) -> list[str]:
        """Play the nodes: start jobs whose dependencies allow it, in their order, until none is left."""
        ran: list[str] = []
        while job := self._next():
            ran.append(job)
            options = self.jobs()[job]["options"]
            state = "COMPLETED" if execute(Path(options["output"]).parent, job) else "FAILED"
            self.change(job, state=state, reason="")
        return ran

    def _next(self) -> str | None:
        jobs = self.jobs()
        for job, one in jobs.items():
            if one["state"] != "PENDING":
                continue
            kind, *before = one["options"].get("dependency", "").split(":")
            if kind == "aftercorr":
                before = [f"{array}_{job.partition('_')[2]}" for array in before]
            states = {jobs[other]["state"] for other in before}
            if states <= {"COMPLETED"}:
                return job
            if states - {"COMPLETED", "PENDING", "RUNNING"}:
                assert one["options"]["kill-on-invalid-dep"] == "yes"
                self.change(job, state="CANCELLED", reason="DependencyNeverSatisfied")
        return None


@dataclass
class Planned:
    """An experiment of runs that nobody executes: two teachers that are also students alone, and six students."""

    experiment: Experiment
    specs: list[RunSpec]

    def campaign(self, *overrides: str) -> Campaign:
        """How it is submitted, with one run per job unless something else is said."""
        texts = ["launcher=slurm", *TINY, *overrides]
        configuration, problems = compose(parse_overrides(texts))
        assert configuration is not None, problems
        settings = read_settings(configuration.launcher)
        return Campaign(self.experiment, settings, tuple(texts), (), Roots(), environment())

    def submit(self, *overrides: str, retry: Callable[[RunStatus], bool] = lambda status: False) -> SubmissionReport:
        """What `run --launcher slurm` does once the grid is planned."""
        return self.campaign(*overrides).submit(self.specs, Cluster(), retry)

    def submit_in_a_process(self, *overrides: str) -> int | None:
        """The same in a process of its own, which may be killed; its exit code."""
        process = multiprocessing.get_context("fork").Process(target=self.submit, args=overrides)
        process.start()
        process.join(60)
        return process.exitcode

    def survey(self) -> Survey:
        return survey_experiment(self.experiment, Cluster())

    def finish(self, run_id: str) -> None:
        self.experiment.run(run_id).write_result({"value": 1.0})

    @property
    def teachers(self) -> list[str]:
        return [spec.id for spec in self.specs if spec.teacher is None]


def planned(root: Path, teachers: int = 2, students: int = 3) -> Planned:
    """An experiment with so many teachers, and so many students of each."""
    experiment = Experiment(root, "grid")
    alone = [replace(SPEC, method="none", teacher=None, teacher_modality=None, seed=seed) for seed in range(teachers)]
    behind = [
        replace(SPEC, teacher=one.id, seed=one.seed, hyperparameters=(("number", number),))
        for one in alone
        for number in range(students)
    ]
    for spec in (*alone, *behind):
        experiment.add(spec)
    names = {spec.id: f"kd{dict(spec.hyperparameters)['number']}" for spec in behind}
    cells = [
        asdict(Cell(names[spec.id], "method", "mfeat", 0, 1.0, *SIDES, spec.seed, spec.id, spec.teacher or ""))
        for spec in behind
    ]
    write_plan(
        experiment,
        {"baseline": "none", "conditions": {"mfeat": CONDITIONS}, "notes": {"mfeat": []}, "cells": cells},
    )
    return Planned(experiment, [*alone, *behind])
