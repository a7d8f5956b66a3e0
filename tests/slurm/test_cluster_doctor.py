"""What `cmkd-bench doctor` says on a real cluster."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from slurm_cluster import Cluster

pytestmark = [pytest.mark.slurm, pytest.mark.xdist_group("slurm")]


@pytest.mark.parametrize("kind", ["cluster", "accounted"])
def test_doctor_knows_the_cluster(request: pytest.FixtureRequest, kind: str, tmp_path: Path) -> None:
    cluster: Cluster = request.getfixturevalue(kind)
    said = cluster.call(sys.executable, "-m", "cmkd_bench", "doctor", "--slurm", "--results", str(tmp_path))
    lines = {line[9:].partition(": ")[0]: line for line in said.splitlines()}
    assert lines["commands"].startswith("ok       commands: sbatch, squeue, scancel, scontrol, sinfo, sacct in ")
    assert f"ClusterName cmkd, MaxArraySize {cluster.settings.max_array_size}" in lines["controller"]
    assert "2 nodes of 4 CPUs, 8000 MB; time limit infinite; up" in lines["partition main (default)"]
    assert "1 nodes of 4 CPUs, 8000 MB; time limit 1:00:00; up" in lines["partition other"]
    if kind == "accounted":
        assert lines["accounting"] == "ok       accounting: sacct answers (accounting_storage/slurmdbd)"
    else:
        assert lines["accounting"].startswith("note     accounting: sacct does not answer (accounting_storage/none)")
