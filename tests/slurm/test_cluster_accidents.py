"""What befalls jobs on a real cluster: nodes that die, preemption, time limits, scancel. Nothing is lost by it."""

from __future__ import annotations

from pathlib import Path

import pytest
from slurm_cluster import Cluster
from slurm_grid import Grid

pytestmark = [pytest.mark.slurm, pytest.mark.xdist_group("slurm")]

FAILED, INCOMPLETE = 3, 4
STEP_SECONDS = 0.03  # of braked runs: an epoch has 22, so that one ends within the two seconds before SIGKILL


def one_student(folder: Path, cluster: Cluster) -> Grid:
    """A teacher and its student, and the student alone: three jobs; the first two last half a minute when braked."""
    return Grid(folder, cluster, "kd", epochs=40, options=("--one-way",))


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, _plain: Cluster) -> Grid:
    """`one_student` by the local launcher."""
    grid = one_student(tmp_path_factory.mktemp("undisturbed"), _plain)
    grid.run_here()
    assert b"absent" not in grid.bytes().values()
    return grid


def test_nodes_that_die_and_come_back_cost_nothing_but_time(
    cluster: Cluster, tmp_path: Path, undisturbed: Grid
) -> None:
    grid = one_student(tmp_path, cluster)
    with grid.braked(STEP_SECONDS):
        grid.submit()
        cluster.wait_until(grid.checkpoints, "a run has a checkpoint")
        jobs = cluster.running()
        for node in {cluster.job(job)["NodeList"] for job in jobs}:
            cluster.kill_node(node)
        assert grid.checkpoints(), "the run was over before its node died"
    for node in ("n1", "n2"):
        if cluster.node_state(node) == "down":
            cluster.revive_node(node)
    grid.finish()
    assert {cluster.job(job)["Restarts"] for job in jobs} == {"1"}
    grid.about("collect")
    assert grid.bytes() == undisturbed.bytes()


def test_preempted_jobs_go_on_where_they_were(cluster: Cluster, tmp_path: Path, undisturbed: Grid) -> None:
    grid = one_student(tmp_path, cluster)
    with grid.braked(STEP_SECONDS):
        grid.submit()
        cluster.wait_until(lambda: len(grid.checkpoints()) == 2, "both runs of the first wave have a checkpoint")
        jobs = cluster.running()
        assert len(jobs) == 2
        for job in jobs:
            cluster.requeue(job)
        cluster.wait_until(cluster.is_at_rest, "the jobs are back in the queue")
    assert len(grid.checkpoints()) == 2, "a run was over before its job was preempted"
    assert "3 queued" in grid.about("status", code=INCOMPLETE)
    grid.finish()
    grid.about("collect")
    assert grid.bytes() == undisturbed.bytes()


def test_jobs_that_were_cancelled_are_submitted_again(cluster: Cluster, tmp_path: Path, undisturbed: Grid) -> None:
    grid = one_student(tmp_path, cluster)
    with grid.braked(STEP_SECONDS):
        grid.submit()
        cluster.wait_until(grid.checkpoints, "a run has a checkpoint")
        cluster.cancel_all()
    assert grid.checkpoints(), "the run was over before it was cancelled"
    assert "failed: cancelled; `run` resubmits them automatically" in grid.about("status", code=FAILED)
    grid.submit()
    grid.finish()
    grid.about("collect")
    assert grid.bytes() == undisturbed.bytes()


def test_a_time_limit_that_strikes_ends_no_run(cluster: Cluster, tmp_path: Path, undisturbed: Grid) -> None:
    grid = one_student(tmp_path, cluster)
    with grid.braked(0.1):  # 2 s an epoch, a minute and a half in all
        grid.submit("launcher.signal_delay_s=50")
        cluster.wait_until(lambda: len(grid.checkpoints()) == 2, "both runs of the first wave have a checkpoint")
        job = cluster.running()[0]
        cluster.shorten(job)
        cluster.wait_until(lambda: cluster.job(job).get("Restarts") == "1", "it was queued again")
        assert grid.checkpoints()
        grid.about("cancel")
        cluster.wait_until_empty()
    grid.submit()
    grid.finish()
    grid.about("collect")
    assert grid.bytes() == undisturbed.bytes()


def test_a_teacher_that_fails_blocks_its_students_and_nothing_else(accounted: Cluster, tmp_path: Path) -> None:
    pixels = {"DELICATE_INPUTS": "240"}  # so many numbers, and no other modality has so many
    grid = Grid(tmp_path, accounted, "kd", environment=pixels)
    grid.options = ("--pairs", "pixels:fourier,zernike:fourier", "--one-way")
    grid.submit("launcher.runs_per_job=1")
    grid.finish()
    said = grid.about("status", code=FAILED)
    assert set(grid.errors().values()) == {"non-finite loss"}
    (teacher,) = grid.errors()
    assert grid.spec(grid.folder / "grid" / "runs" / teacher)["student_modality"] == "pixels"
    assert "1 failed: non-finite loss" in said
    assert f"1 blocked: teacher {teacher} failed: non-finite loss" in said
    assert "3 done" in said  # the other teacher, its student, the student alone
    assert "3 done" in grid.about("collect", code=FAILED)
    grid.environment = {}
    grid.about("retry")
    grid.finish()
    assert "5 done" in grid.about("collect")
