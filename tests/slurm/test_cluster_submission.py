"""Submitting on a real cluster: limits, jobs that SLURM has forgotten, and a command that is killed at every step."""

from __future__ import annotations

import shutil
import signal
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from slurm_cluster import PATIENCE, Cluster, running_cluster
from slurm_daemons import Settings
from slurm_grid import SMALL, Grid

pytestmark = [pytest.mark.slurm, pytest.mark.xdist_group("slurm")]

FAILED = 3


@pytest.fixture(scope="module")
def forgetful(_plain: Cluster) -> Iterator[Cluster]:
    """Arrays of four at most, and jobs are forgotten ten seconds after their end; as `cluster`, needs SLURM here."""
    with running_cluster(Settings(max_array_size=4, min_job_age=2)) as cluster:
        yield cluster


def teachers(folder: Path, cluster: Cluster) -> Grid:
    """Five runs that wait for nothing."""
    return Grid(folder, cluster, "none", epochs=1, options=("--seeds", "5", "--one-way"))


def test_more_jobs_than_an_array_may_have(forgetful: Cluster, tmp_path: Path) -> None:
    grid = teachers(tmp_path, forgetful)
    said = grid.submit("launcher.runs_per_job=1")
    arrays = {job.partition("_")[0] for job in forgetful.queue()}
    assert len(arrays) > 1, said
    grid.finish()
    assert "10 done" in grid.about("collect")


def test_nothing_waits_for_jobs_that_slurm_has_forgotten(forgetful: Cluster, tmp_path: Path) -> None:
    """A dependency on a forgotten job counts as fulfilled, so nobody may rely on one."""
    grid = Grid(tmp_path, forgetful, "kd", options=("--one-way",), environment={"DELICATE_INPUTS": "240"})
    grid.submit()
    jobs = [job.partition("_")[0] for job in forgetful.queue()]
    grid.finish()
    assert set(grid.errors().values()) == {"non-finite loss"}
    forgetful.wait_until(lambda: not any(forgetful.job(job) for job in jobs), "SLURM has forgotten the jobs")
    assert "1 failed: non-finite loss" in grid.about("status", code=FAILED)

    grid.methods = "kd,dkd"  # a further student of the teacher that failed
    grid.submit()
    forgetful.wait_until_empty()
    assert "2 blocked: teacher" in grid.about("status", code=FAILED)

    grid.environment = {}
    grid.about("retry")
    grid.finish()
    assert "4 done" in grid.about("collect")


SBATCH = """#!/bin/sh
# The real sbatch, with the command that called it killed before or after.
if [ {when} = after ]; then {sbatch} "$@" > /dev/null; fi
kill -9 $PPID
"""


def deadly_sbatch(folder: Path, when: str) -> Path:
    """A folder for PATH whose sbatch kills its caller before or after it does its work."""
    folder.mkdir()
    script = folder / "sbatch"
    script.write_text(SBATCH.format(when=when, sbatch=shutil.which("sbatch")))
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return folder


def test_a_command_that_is_killed_at_each_step_of_submission(cluster: Cluster, tmp_path: Path, alone: Grid) -> None:
    """Every run is trained exactly once, whether jobs start before the command is given again, or after."""
    trace = tmp_path / "trace"
    grid = Grid(tmp_path / "results", cluster, "kd,dkd", environment={"DELICATE_TRACE": str(trace)})
    arguments = grid.arguments("--launcher", "slurm", *SMALL, "launcher.runs_per_job=1")

    def give_and_kill(step: str, when: str) -> None:
        path = f"{deadly_sbatch(tmp_path / step, when)}:{cluster.environment['PATH']}"
        command = grid.start(*arguments, PATH=path)
        said, _ = command.communicate(timeout=PATIENCE)
        assert command.returncode == -signal.SIGKILL, said

    with cluster.held():
        give_and_kill("nothing is submitted yet", "before")
        give_and_kill("the teachers are, and their ids are not written down", "after")
        give_and_kill("the first students are not", "before")
    give_and_kill("the first students are, and jobs have started", "after")
    grid.call(*arguments)
    grid.finish()
    assert "6 done" in grid.about("collect")
    assert trace.read_text().splitlines() == ["trained"] * 6
    assert grid.bytes() == alone.bytes()
