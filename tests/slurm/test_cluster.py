"""The test cluster itself: what the other tests rely on."""

from __future__ import annotations

from pathlib import Path

import pytest
from slurm_cluster import Cluster
from slurm_daemons import processes

pytestmark = [pytest.mark.slurm, pytest.mark.xdist_group("slurm")]


def submit(cluster: Cluster, folder: Path, command: str, *options: str) -> str:
    return cluster.call(
        "sbatch", "--parsable", f"--output={folder}/%j.txt", "--mem=10", *options, f"--wrap={command}"
    ).strip()


def test_jobs_run_on_both_nodes(cluster: Cluster, tmp_path: Path) -> None:
    submit(cluster, tmp_path, "echo $SLURMD_NODENAME", "--nodelist=n1")
    submit(cluster, tmp_path, "echo $SLURMD_NODENAME", "--nodelist=n2")
    cluster.wait_until_empty()
    assert sorted(file.read_text() for file in tmp_path.glob("*.txt")) == ["n1\n", "n2\n"]


def test_a_node_dies_with_its_jobs_and_they_run_again_when_it_is_back(cluster: Cluster, tmp_path: Path) -> None:
    job = submit(cluster, tmp_path, f"date +%N >> {tmp_path}/starts; sleep 600 & wait", "--nodelist=n1", "--requeue")
    cluster.wait_until((tmp_path / "starts").exists, "the job runs")
    cluster.kill_node("n1")
    assert not processes(lambda environment: environment.get("SLURM_JOB_ID") == job)
    assert cluster.node_state("n1") == "down"
    cluster.wait_until(lambda: cluster.queue()[job][0] == "PENDING", "the job is back in the queue")
    cluster.revive_node("n1")
    starts = tmp_path / "starts"
    cluster.wait_until(lambda: len(starts.read_text().split()) == 2, "it has started again", hurry=True)
    assert cluster.job(job)["Restarts"] == "1"


def test_accounting_remembers(accounted: Cluster, tmp_path: Path) -> None:
    job = submit(accounted, tmp_path, "exit 7")
    accounted.wait_until_empty()
    show = ["sacct", "--noheader", "--parsable2", "--allocations", f"--jobs={job}", "--format=State,ExitCode"]
    accounted.wait_until(lambda: accounted.call(*show).strip() == "FAILED|7:0", "sacct knows how it ended")


def test_a_wait_that_is_in_vain_says_what_the_cluster_knows(cluster: Cluster) -> None:
    with pytest.raises(AssertionError, match="waited 0 s in vain until pigs fly") as failure:
        cluster.wait_until(lambda: False, "pigs fly", seconds=0)
    for part in ("== squeue", "== slurmctld.out", "== slurmd-n1.out"):
        assert part in str(failure.value)
