"""`run`, `status`, `watch`, `retry`, `cancel` and `collect` as a user meets them, on a cluster of fakes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandas as pd
from command_line import Command
from planned_grid import FakeSlurm, Planned

from cmkd_bench.experiment.files import write_json

ERROR = {"cause": "bad data", "message": "x", "traceback": []}


def cell(text: str, method: str) -> list[str]:
    """The cells of a method's row."""
    (line,) = [line for line in text.splitlines() if line.startswith("│") and f"│ {method} " in line]
    return [part.strip() for part in line.strip("│").split("│")]


def test_status_groups_failures_by_cause_with_the_command_that_tries_again(
    grid: Planned, slurm: FakeSlurm, cmkd: Command
) -> None:
    grid.submit()
    teachers, students = grid.teachers, [spec.id for spec in grid.specs if spec.teacher]
    # The first teacher ran out of memory, the second is done and gone; one student each failed, was lost, and runs.
    slurm.change("100_0", state="OUT_OF_MEMORY", reason="")
    slurm.change("100_1", state="COMPLETED", reason="", purged=True)
    grid.finish(teachers[1])
    write_json(
        grid.experiment.run(students[3]).error, {"cause": "bad data", "message": "no file a.wav", "traceback": []}
    )
    slurm.change("102_0", state="FAILED")
    slurm.change("102_1", state="RUNNING", purged=True)
    write_json(grid.experiment.run(students[5]).heartbeat, {"host": "n2", "job": "102_2", "epoch": 3, "epochs": 9})
    slurm.change("102_2", state="RUNNING", node="n2")
    for job in ("101_0", "101_1", "101_2"):
        slurm.change(job, state="CANCELLED", reason="DependencyNeverSatisfied")
    done = cmkd("status", "grid")
    assert done.returncode == 4, done.stderr
    assert "grid: 8 runs: 1 done, 1 running, 3 failed, 3 blocked" in done.stdout
    assert "epoch 3/9 on n2 in job 102_2" in done.stdout
    assert "1 failed: out of memory" in done.stdout
    assert "retry: cmkd-bench retry grid --cause 'out of memory' launcher.mem_gb=32" in done.stdout
    assert "1 failed: bad data" in done.stdout
    assert "no file a.wav" in done.stdout
    assert "1 failed: lost; `run` resubmits them automatically" in done.stdout
    assert "log:   results/grid/slurm/jobs/" in done.stdout
    assert f"3 blocked: teacher {teachers[0]} failed: out of memory" in done.stdout
    assert "sacct does not answer" in done.stdout
    assert "next: cmkd-bench watch grid" in done.stdout


def test_what_slurm_forgets_is_kept(grid: Planned, slurm: FakeSlurm) -> None:
    grid.submit()
    slurm.change("100_0", state="OUT_OF_MEMORY", reason="")
    first = grid.survey().statuses[grid.teachers[0]]
    slurm.change("100_0", purged=True)
    again = grid.survey().statuses[grid.teachers[0]]
    assert (first.kind, first.cause) == (again.kind, again.cause) == ("failed", "out of memory")


def test_accounting_knows_what_squeue_has_forgotten(grid: Planned, slurm: FakeSlurm) -> None:
    grid.submit()
    slurm.write(accounting=True)
    slurm.change("100_0", state="TIMEOUT", purged=True)
    seen = grid.survey()
    assert seen.statuses[grid.teachers[0]].cause == "time-out"
    assert not seen.notes
    assert len(slurm.calls("sacct")) == 1
    grid.survey()
    assert len(slurm.calls("sacct")) == 1, "it is known now"


def test_where_slurm_is_silent_the_folders_speak(grid: Planned, slurm: FakeSlurm) -> None:
    grid.submit()
    grid.finish(grid.teachers[0])
    slurm.write(silent=["squeue", "sacct"])
    seen = grid.survey()
    kinds = [seen.statuses[spec.id].kind for spec in grid.specs]
    assert kinds == ["done", "unknown"] + ["unknown"] * 6
    assert "based only on the runs' folders" in seen.notes[0]


def test_retry_takes_new_settings_and_what_was_blocked(grid: Planned, slurm: FakeSlurm, cmkd: Command) -> None:
    grid.submit()
    slurm.change("100_0", state="OUT_OF_MEMORY", reason="")
    for job in ("101_0", "101_1", "101_2"):
        slurm.change(job, state="CANCELLED")
    other = cmkd("retry", "grid", "--cause", "time-out")
    assert "submitted 0 runs" in other.stdout, other.stderr
    assert "failed earlier: 1. " in other.stdout
    done = cmkd("retry", "grid", "launcher.mem_gb=24", "--cause", "out of memory")
    assert done.returncode == 0, done.stderr
    assert "submitted 4 runs in 4 jobs with 2 calls of sbatch" in done.stdout
    assert "left alone" not in done.stdout
    again = {job: one["options"] for job, one in slurm.jobs().items() if int(job.partition("_")[0]) > 102}
    assert {one["mem"] for one in again.values()} == {"24576M"}
    assert [one.get("dependency") for one in again.values()] == [None, *["afterok:103"] * 3]
    wrong = cmkd("retry", "grid", "launcher.mem=24")
    assert wrong.returncode == 2
    assert "Did you mean 'launcher.mem_gb'?" in wrong.stderr


def test_watch_prints_lines_where_there_is_no_terminal_and_ends(grid: Planned, slurm: FakeSlurm, cmkd: Command) -> None:
    grid.submit()
    for run_id in (spec.id for spec in grid.specs):
        write_json(grid.experiment.run(run_id).error, ERROR)
    done = cmkd("watch", "grid", "--every", "1")
    assert done.returncode == 3
    assert "grid: 8 runs: 0 done, 8 failed" in done.stdout
    assert "retry: cmkd-bench retry grid --cause 'bad data'" in done.stdout


def test_collect_makes_the_tables_of_what_is_there(grid: Planned, slurm: FakeSlurm, cmkd: Command) -> None:
    grid.submit()
    slurm.change("100_0", state="TIMEOUT", reason="")
    done = cmkd("collect", "grid")
    assert done.returncode == 4, done.stderr
    frame = pd.read_csv(grid.experiment.results)
    assert list(frame.status.value_counts().sort_index().items()) == [("blocked", 3), ("failed", 1), ("pending", 4)]
    (error,) = frame[frame.status == "failed"].error
    assert error.startswith("time-out: job 100_0 ended without a result")
    assert (grid.experiment.path / "leaderboard.md").exists()


def test_status_of_a_local_experiment_asks_slurm_nothing(grid: Planned, slurm: FakeSlurm, cmkd: Command) -> None:
    write_json(grid.experiment.run(grid.teachers[0]).error, ERROR)
    done = cmkd("status", "grid")
    assert done.returncode == 4
    assert "8 runs: 0 done, 4 waiting, 1 failed, 3 blocked" in done.stdout
    assert "retry: rerun the `cmkd-bench run` command that started it, with --retry-failed" in done.stdout
    assert not slurm.calls()
    cancelled = cmkd("cancel", "grid")
    assert "has no jobs to cancel" in cancelled.stdout
    retried = cmkd("retry", "grid")
    assert retried.returncode == 2
    assert "was never submitted to a cluster" in retried.stderr


def test_the_commands_from_submission_to_status(slurm: FakeSlurm, cmkd: Command, tmp_path: Path) -> None:
    grid = ["--datasets", "mfeat", "--pairs", "pixels:fourier", "--one-way", "--seeds", "1", "--methods", "kd"]
    command = ["run", *grid, "--launcher", "slurm", "--device", "cpu", "launcher.gpus=0", "--experiment", "grid"]
    plan = cmkd(*command, "--dry-run")
    assert "8 runs to do; 8 have no similar run on record" in plan.stdout, plan.stderr
    assert not (tmp_path / "results").exists()
    assert [call[0] for call in slurm.calls()] == ["sinfo"], "asked what the partitions offer, and nothing else"
    done = cmkd(*command)
    assert done.returncode == 0, done.stderr
    assert "submitted 8 runs in 8 jobs with 3 calls of sbatch" in done.stdout
    for name in ("status", "watch", "collect", "cancel"):
        assert f"cmkd-bench {name} grid" in done.stdout
    shown = cmkd("status")
    assert shown.returncode == 4
    assert cell(shown.stdout, "kd")[-1] == "1"
    assert "canceled 100, 101, 102." in cmkd("cancel").stdout


def test_status_needs_no_torch(grid: Planned, slurm: FakeSlurm, tmp_path: Path) -> None:
    grid.submit()
    code = (
        "import sys\nfrom cmkd_bench.cli.app import main\nsys.argv = ['cmkd-bench', 'status', 'grid']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print([name for name in ('torch', 'pandas', 'submitit') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "8 runs: 0 done, 8 queued" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"
