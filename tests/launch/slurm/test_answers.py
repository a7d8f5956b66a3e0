"""Answers of SLURM that are none: garbage, text, nothing. No run is submitted twice, and none is called failed."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import Command
from planned_grid import FakeSlurm, Planned

from cmkd_bench.experiment.files import write_json
from cmkd_bench.launch.slurm.answers import parse_controlled, parse_ends, parse_partitions, parse_queue
from cmkd_bench.launch.slurm.campaign import cancel
from cmkd_bench.launch.slurm.cluster import Cluster, SlurmSilent
from cmkd_bench.launch.slurm.ledger import Ledger

# Bytes as Latin-1, which no terminal's or file's encoding has to fit
GARBAGE = ["\xff\xfe\x00garbage", "slurm_load_jobs: Zero Bytes were transmitted", "100_0|PENDING", "a|b|c|d|e", "||||"]
RUNS = 8


@pytest.fixture
def submitted(grid: Planned, slurm: FakeSlurm) -> Planned:
    assert len(grid.submit().submitted) == RUNS
    return grid


@pytest.mark.parametrize("answer", GARBAGE)
def test_garbage_from_squeue_is_no_answer(submitted: Planned, slurm: FakeSlurm, cmkd: Command, answer: str) -> None:
    slurm.write(answers={"squeue": answer})
    shown = cmkd("status", "grid")
    assert shown.returncode == 4, shown.stderr
    assert "8 unknown" in shown.stdout
    assert "squeue gave an answer that cannot be read" in shown.stdout
    assert "\xff" not in shown.stdout
    log = submitted.experiment.path / "slurm" / "answers.log"
    assert str(log.relative_to(Path.cwd())) in shown.stdout
    kept = answer.encode("latin-1").decode(errors="surrogateescape")
    assert kept.encode("utf-8", "backslashreplace") in log.read_bytes()
    for command in ("cancel", "retry"):
        done = cmkd(command, "grid")
        assert done.returncode == 2
        assert "squeue gave an answer that cannot be read" in done.stderr
        assert len(done.stderr.splitlines()) == 1
    assert len(slurm.calls("sbatch")) == 3, "something was submitted again"


@pytest.mark.parametrize("answer", [*(one for one in GARBAGE if one != "100_0|PENDING"), ""])
def test_garbage_from_sacct_is_no_accounting(submitted: Planned, slurm: FakeSlurm, answer: str) -> None:
    for job in slurm.jobs():
        slurm.change(job, state="COMPLETED", purged=True)
    slurm.write(answers={"sacct": answer})
    seen = submitted.survey()
    assert {status.cause for status in seen.statuses.values() if status.kind == "failed"} == {"lost"}
    assert any("sacct does not answer" in note for note in seen.notes) == bool(answer)


def test_nothing_from_squeue_is_not_believed(submitted: Planned, slurm: FakeSlurm, cmkd: Command) -> None:
    slurm.write(answers={"squeue": ""})
    with pytest.raises(SlurmSilent, match="squeue left out jobs that SLURM has"):
        submitted.submit()
    with pytest.raises(SlurmSilent, match="squeue left out jobs that SLURM has"):
        cancel(submitted.experiment, Cluster())
    assert "8 unknown" in cmkd("status", "grid").stdout
    assert len(slurm.calls("sbatch")) == 3, "runs were queued twice"
    slurm.write(answers={})
    assert submitted.submit().calls == 0
    assert {status.kind for status in submitted.survey().statuses.values()} == {"queued"}


def test_what_accounting_takes_for_alive_is_not_submitted_again(submitted: Planned, slurm: FakeSlurm) -> None:
    slurm.write(answers={"squeue": ""}, accounting=True)
    with pytest.raises(SlurmSilent, match="squeue left out jobs that SLURM has"):
        submitted.submit()


@pytest.mark.parametrize("answer", ["", *GARBAGE])
def test_nothing_from_the_controller_too_submits_nothing(submitted: Planned, slurm: FakeSlurm, answer: str) -> None:
    slurm.write(answers={"squeue": "", "scontrol": answer})
    with pytest.raises(SlurmSilent, match="scontrol gave an answer that cannot be read"):
        submitted.submit()
    assert len(slurm.calls("sbatch")) == 3


def test_jobs_that_are_really_gone_are_submitted_again_and_asked_for_once(submitted: Planned, slurm: FakeSlurm) -> None:
    for job in slurm.jobs():
        slurm.change(job, purged=True)
    kinds = {status.kind for status in submitted.survey().statuses.values()}
    assert kinds <= {"failed", "blocked"}
    submitted.survey()
    assert len(slurm.calls("scontrol")) == 1 + 1, "the first is for the size of arrays"
    assert len(submitted.submit().submitted) == RUNS


def test_one_job_that_squeue_left_out_is_enough(submitted: Planned, slurm: FakeSlurm) -> None:
    lines = [f"{job}|PENDING|Priority||{one['options']['job-name']}" for job, one in slurm.jobs().items()]
    slurm.write(answers={"squeue": "\n".join(lines[1:])})
    with pytest.raises(SlurmSilent, match=r"left out jobs that SLURM has \(100_0\)"):
        submitted.submit()


def test_the_jobs_of_a_killed_command_are_found_where_squeue_says_nothing(grid: Planned, slurm: FakeSlurm) -> None:
    slurm.write(kill_after=1)
    assert grid.submit_in_a_process() == -9
    slurm.write(kill_after=0, answers={"squeue": ""})
    with pytest.raises(SlurmSilent):
        grid.submit()
    assert [one.state for one in Ledger(grid.experiment).submissions()] == ["submitted"]
    slurm.write(answers={})
    grid.submit()
    jobs = [job for job, one in slurm.jobs().items() if one["state"] == "PENDING"]
    assert len(jobs) == RUNS


def test_a_state_that_nobody_has_heard_of_is_not_the_end_of_a_job(submitted: Planned, slurm: FakeSlurm) -> None:
    slurm.change("100_0", state="POLISHING")
    assert submitted.submit().calls == 0


def test_names_of_other_jobs_may_have_any_bytes(submitted: Planned, slurm: FakeSlurm) -> None:
    ours = [f"{job}|PENDING|Priority||{one['options']['job-name']}" for job, one in slurm.jobs().items()]
    slurm.write(answers={"squeue": "\n".join([*ours, "7|RUNNING|None|n1|caf\xe9|\x1b[31m\x85x"])})
    assert submitted.submit().calls == 0
    assert {status.kind for status in submitted.survey().statuses.values()} == {"queued"}


@pytest.mark.parametrize("answer", [*GARBAGE, ""])
def test_garbage_from_sinfo_is_one_message(slurm: FakeSlurm, cmkd: Command, answer: str) -> None:
    slurm.write(answers={"sinfo": answer})
    grid = ["--datasets", "mfeat", "--pairs", "pixels:fourier", "--one-way", "--seeds", "1", "--methods", "kd"]
    done = cmkd("run", *grid, "--launcher", "slurm", "--device", "cpu", "launcher.gpus=0")
    assert done.returncode == 2
    assert "sinfo gave an answer that cannot be read" in done.stderr


def test_the_answers_of_slurm_that_are_read() -> None:
    queue = parse_queue("7_[1-2,5%4]|PENDING|Priority||a\n8|RUNNING|None|n1|b|c\n")
    assert list(queue.jobs) == ["7_1", "7_2", "7_5", "8"]
    assert queue.names == {"a": "7", "b|c": "8"}
    assert parse_ends("7_1|CANCELLED by 1000\n8|TIMEOUT\n") == {"7_1": "CANCELLED", "8": "TIMEOUT"}
    array = "JobId=9 ArrayJobId=7 ArrayTaskId=1-2,5%4 JobName=a UserId=me(1) JobState=PENDING\n"
    single = "JobId=8 JobName=b c UserId=me(1) JobState=RUNNING\n"
    assert parse_controlled(array + single) == {"7_1": "a", "7_2": "a", "7_5": "a", "8": "b c"}
    assert parse_controlled("No jobs in the system\n") == {}
    assert parse_partitions("cpu*|1:00:00|up|8+|32000+|(null)\n")["cpu"].cpus == 8


@pytest.mark.parametrize("job", ["7_[0-99999999999]", "7_[0-999999999]", "7_[]", "7_[1-]", "7_", "-7", "7 8"])
def test_ids_that_are_none(job: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        parse_queue(f"{job}|PENDING|None||a\n")


def test_a_job_on_a_full_disk_is_said_and_its_run_waits(submitted: Planned, slurm: FakeSlurm, cmkd: Command) -> None:
    first, second = Ledger(submitted.experiment).submissions()[0], submitted.teachers[1]
    fault = "results/grid/runs/x/checkpoint.pt: the disk is full. Writing it takes 1.2 MB."
    write_json(Ledger(submitted.experiment).started(first, 0), {"job": "100_0", "finished": False, "fault": fault})
    slurm.change("100_0", state="FAILED", reason="")
    for job in ("101_0", "101_1", "101_2"):
        slurm.change(job, state="CANCELLED", reason="DependencyNeverSatisfied")
    shown = cmkd("status", "grid")
    assert "4 waiting" in shown.stdout, shown.stdout
    assert "failed" not in shown.stdout
    assert f"1 queued or waiting: {fault}" in shown.stdout
    assert len(submitted.submit().submitted) == 4, "the teacher and its students"
    assert second not in submitted.submit().submitted
