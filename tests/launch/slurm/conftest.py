"""A cluster of fakes on the path, and a hand that plays its nodes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import cmkd_bench

NAMES = ("sbatch", "squeue", "sacct", "scancel", "scontrol", "sinfo", "srun")
SCRIPT = Path(__file__).parent / "fake_slurm.py"
GRID = ["--datasets", "mfeat", "--pairs", "pixels:fourier", "--one-way", "--seeds", "2", "--no-controls"]
QUICK = ["train.epochs=2", "--device", "cpu", "launcher.gpus=0", "launcher.checkpoint_seconds=0"]


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

    def work(self, folder: Path, most: int = 100) -> list[str]:
        """Play the nodes: start jobs whose dependencies allow it, in their order, until none is left or `most` ran."""
        ran: list[str] = []
        while len(ran) < most and (job := self._next()):
            ran.append(job)
            done = self.execute(folder, job)
            self.change(job, state="COMPLETED" if done.returncode == 0 else "FAILED", reason="", output=done.stdout)
        return ran

    def execute(self, folder: Path, job: str) -> subprocess.CompletedProcess[str]:
        """What the batch script would do on a node."""
        (pickles,) = folder.rglob(f"jobs/*/{job}_submitted.pkl")
        array, _, task = job.partition("_")
        names = {"SLURM_JOB_ID": array, **({"SLURM_ARRAY_JOB_ID": array, "SLURM_ARRAY_TASK_ID": task} if task else {})}
        command = [sys.executable, "-m", "submitit.core._submit", str(pickles.parent)]
        environment = {**os.environ, **names, "SUBMITIT_EXECUTOR": "slurm"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
        (pickles.parent / f"{job}_0_log.err").write_text(done.stderr)
        return done

    def _next(self) -> str | None:
        jobs = self.jobs()
        for job, one in jobs.items():
            if one["state"] != "PENDING":
                continue
            before = one["options"].get("dependency", "").removeprefix("afterok:")
            if before and jobs[before]["state"] == "COMPLETED":
                return job
            if not before:
                return job
            if jobs[before]["state"] not in ("PENDING", "RUNNING"):
                assert one["options"]["kill-on-invalid-dep"] == "yes"
                self.change(job, state="CANCELLED", reason="DependencyNeverSatisfied")
        return None


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeSlurm:
    cluster = FakeSlurm(tmp_path / "slurm")
    monkeypatch.setenv("PATH", f"{cluster.bin}:{os.environ['PATH']}")
    monkeypatch.setenv("FAKE_SLURM", str(cluster.file))
    monkeypatch.setenv("COLUMNS", "160")
    package = Path(cmkd_bench.__file__).parent.parent
    monkeypatch.setenv("PYTHONPATH", str(package))
    return cluster


@pytest.fixture
def cmkd(slurm: FakeSlurm, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """The command line in a folder of its own; `slurm` is the cluster that it finds."""

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "cmkd_bench", *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)

    return call


@pytest.fixture
def submit(cmkd: Callable[..., Any]) -> Iterator[Callable[..., subprocess.CompletedProcess[str]]]:
    """Submit a small grid: kd and dkd on mfeat, two seeds."""

    def call(*arguments: str, methods: str = "kd,dkd") -> subprocess.CompletedProcess[str]:
        place = ["--experiment", "grid", "--methods", methods, "--launcher", "slurm"]
        done: subprocess.CompletedProcess[str] = cmkd("run", *QUICK, *GRID, *place, *arguments)
        return done

    yield call
