"""A whole grid on a real cluster: teacher to student, with the bytes of the local launcher."""

from __future__ import annotations

from pathlib import Path

import pytest
from slurm_cluster import Cluster
from slurm_grid import SMALL, Grid

from cmkd_bench.experiment.store import RunFolder

pytestmark = [pytest.mark.slurm, pytest.mark.xdist_group("slurm")]

INCOMPLETE = 4


def at_work(grid: Grid) -> list[str]:
    """The runs that a process works on."""
    return [run.name for run in grid.runs() if RunFolder(run).state() == "running"]


def test_a_grid_from_submission_to_leaderboard(cluster: Cluster, tmp_path: Path, alone: Grid) -> None:
    grid = Grid(tmp_path, cluster)
    with cluster.held():
        assert "cmkd-bench status" in grid.submit()
        assert cluster.queue(), "the command has ended, and the jobs are still there"
        assert "0 done, 6 queued" in grid.about("status", code=INCOMPLETE)
    grid.finish()
    assert "6 runs: 6 done" in grid.about("collect")
    assert grid.bytes() == alone.bytes()
    before = {path: path.stat().st_mtime_ns for run in grid.runs() for path in run.iterdir()}
    grid.submit()
    assert not cluster.queue(), "nothing is left to be submitted"
    assert before == {path: path.stat().st_mtime_ns for path in before}


def test_runs_that_share_jobs_with_accounting(accounted: Cluster, tmp_path: Path, alone: Grid) -> None:
    grid = Grid(tmp_path, accounted)
    assert "submitted 6 runs in 2 jobs with 2 calls" in grid.submit("launcher.runs_per_job=4", "launcher.jobs=2")
    grid.finish()
    assert "6 runs: 6 done" in grid.about("status")
    grid.about("collect")
    assert grid.bytes() == alone.bytes()


def test_a_grid_that_was_begun_here_is_finished_there_and_the_other_way_round(
    cluster: Cluster, tmp_path: Path, alone: Grid
) -> None:
    grid = Grid(tmp_path, cluster)
    with grid.braked(0.2):
        here = grid.start(*grid.arguments("--jobs", "2", "launcher.checkpoint_seconds=0"))
        cluster.wait_until(grid.checkpoints, "a run has a checkpoint")
        here.kill()
        here.wait()
        cluster.wait_until(lambda: not at_work(grid), "the workers have ended with their command")
        grid.submit("launcher.runs_per_job=1")
        cluster.wait_until(lambda: len(grid.checkpoints()) > 0 and cluster.running(), "a job is at work")
        grid.about("cancel")
        grid.finish()
    assert list(grid.runs())
    assert b"absent" in grid.bytes().values(), "it was over before it could be cancelled"
    grid.run_here()
    assert grid.bytes() == alone.bytes()


def test_a_tuned_grid_has_two_stages_and_selects_what_it_selects_here(cluster: Cluster, tmp_path: Path) -> None:
    here, there = (Grid(tmp_path / name, cluster, "kd", options=("--trials", "3")) for name in ("here", "there"))
    here.run_here()
    there.call(*there.arguments("--launcher", "slurm", "--wait", *SMALL))
    # the table says how long the draws took
    timeless = [{name: one for name, one in grid.bytes().items() if name != "leaderboard.md"} for grid in (here, there)]
    assert timeless[0] == timeless[1]
    assert b"kd (tuned)" in timeless[0]["leaderboard.csv"]
    assert len(list(here.runs())) > 6, "three draws of one row, and what stands beside them"
