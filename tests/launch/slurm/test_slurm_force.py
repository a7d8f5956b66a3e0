"""`run --launcher slurm --force`: what is done gets a job again, but not while jobs have runs."""

from __future__ import annotations

from pathlib import Path

from command_line import Command
from planned_grid import FakeSlurm

from cmkd_bench.experiment.files import read_json
from cmkd_bench.experiment.store import RunFolder

GRID = ["run", "--datasets", "mfeat", "--pairs", "pixels:fourier", "--one-way", "--seeds", "1", "--methods", "kd"]
GRID += ["--no-controls", "--launcher", "slurm", "--device", "cpu", "launcher.gpus=0", "--experiment", "grid"]


def test_finished_runs_are_submitted_again_once_no_job_is_active(
    slurm: FakeSlurm, cmkd: Command, tmp_path: Path
) -> None:
    assert "submitted 3 runs" in cmkd(*GRID).stdout
    specs = list(tmp_path.glob("results/grid/runs/*/spec.json"))
    for spec in specs:
        RunFolder(spec.parent).write_cost({"seconds": 1.0})
        RunFolder(spec.parent).write_result({})
    refused = cmkd(*GRID, "--force")
    assert refused.returncode == 2
    assert "--force: jobs of 'grid' have not ended: 100, " in refused.stderr
    assert all(spec.with_name("result.json").exists() for spec in specs), "nothing is discarded"

    cancel = refused.stderr.partition("cmkd-bench ")[2].split()
    assert cmkd(*cancel).returncode == 0
    assert "submitted 0 runs" in cmkd(*GRID).stdout
    again = cmkd(*GRID, "--force")
    assert again.returncode == 0, again.stderr
    assert "submitted 3 runs" in again.stdout
    assert not any(spec.with_name("result.json").exists() for spec in specs)


def test_the_command_that_continues_a_tuning_does_not_start_it_over(
    slurm: FakeSlurm, cmkd: Command, tmp_path: Path
) -> None:
    assert cmkd(*GRID, "--trials", "2", "--force").returncode == 0
    (study,) = read_json(tmp_path / "results" / "grid" / "plan.json")["studies"]
    assert "--trials 2" in study["command"]
    assert "--force" not in study["command"]
