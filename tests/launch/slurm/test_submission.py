"""Submission on a cluster of fakes: what sbatch is told, kills at every phase, refusals, and the number of calls."""

from __future__ import annotations

import json
import multiprocessing
import time
from collections import Counter
from pathlib import Path

import pytest
from planned_grid import FakeSlurm, Planned, planned
from waiting import wait_until

from cmkd_bench.errors import GridError, UserError
from cmkd_bench.launch.slurm.campaign import cancel, stored_campaign
from cmkd_bench.launch.slurm.cluster import Cluster, SlurmSilent
from cmkd_bench.launch.slurm.preflight import check_cluster

RUNS = 8


def given_to_jobs(grid: Planned, slurm: FakeSlurm) -> Counter[str]:
    """How often each run is in a job that waits in SLURM's queue, with the pickle that lets it start."""
    found: Counter[str] = Counter()
    for file in grid.experiment.path.glob("slurm/submissions/*.json"):
        one = json.loads(file.read_text())
        for element, run_ids in enumerate(one["elements"]):
            job = one["job"] if len(one["elements"]) == 1 else f"{one['job']}_{element}"
            pickle = file.parent.parent / "jobs" / one["token"] / f"{job}_submitted.pkl"
            if one["state"] == "submitted" and slurm.jobs()[job]["state"] == "PENDING":
                assert pickle.exists(), f"job {job} would start and find nothing to do"
                found.update(run_ids)
    return found


def test_what_sbatch_is_told(grid: Planned, slurm: FakeSlurm) -> None:
    settings = ["launcher.partition=cpu", "launcher.mem_gb=1.5", "launcher.timeout_min=90", "launcher.cpus=2"]
    grid.submit(*settings, "launcher.array_parallelism=1", "launcher.extra.exclude=n9")
    first = slurm.jobs()["100_0"]["options"]
    expected = {
        "array": "0-1%1",
        "partition": "cpu",
        "mem": "1536M",
        "time": "90",
        "cpus-per-task": "2",
        "exclude": "n9",
        "requeue": "",
        "signal": "USR2@120",
    }
    assert {name: first.get(name) for name in expected} == expected
    assert not {"dependency", "gpus-per-node", "account"} & set(first)
    behind = [one["options"] for one in slurm.jobs().values() if "dependency" in one["options"]]
    assert Counter(one["dependency"] for one in behind) == {"afterok:100_0": 3, "afterok:100_1": 3}
    assert {one["kill-on-invalid-dep"] for one in behind} == {"yes"}


@pytest.mark.parametrize("phase", ["kill_before", "kill_after"])
@pytest.mark.parametrize("call", [1, 2, 3])
def test_a_login_process_killed_while_submitting_loses_nothing(
    grid: Planned, slurm: FakeSlurm, phase: str, call: int
) -> None:
    slurm.write(**{phase: call})
    assert grid.submit_in_a_process() == -9
    names = {one["options"]["job-name"] for one in slurm.jobs().values()}
    assert len(names) == call - (phase == "kill_before")
    slurm.write(kill_before=0, kill_after=0)
    grid.submit()
    given = given_to_jobs(grid, slurm)
    assert len(given) == RUNS
    assert set(given.values()) == {1}, "a run has two jobs"
    assert len(slurm.jobs()) == RUNS, "a job without a record is in the queue"
    # Students of the second command wait for the teachers of the first.
    assert sum("dependency" in one["options"] for one in slurm.jobs().values()) == 6
    assert grid.submit().calls == 0


def test_a_job_that_shows_up_after_it_was_given_up_does_nothing(
    grid: Planned, slurm: FakeSlurm, capfd: pytest.CaptureFixture[str]
) -> None:
    from cmkd_bench.launch.slurm.job import Job
    from cmkd_bench.launch.slurm.ledger import Ledger

    ledger = Ledger(grid.experiment)
    grid.submit()
    one = ledger.submissions()[0]
    ledger.abandon(one)
    assert Job()(str(ledger.file(one)), 0) == []
    assert "abandoned" in capfd.readouterr().out


def test_a_refusal_is_said_and_leaves_nothing_behind(grid: Planned, slurm: FakeSlurm) -> None:
    slurm.write(refuse=2)
    outcome = grid.submit()
    assert "Invalid account" in outcome.refused
    assert len(outcome.submitted) == 2
    assert len(list(grid.experiment.path.glob("slurm/jobs/*"))) == 1, "files of the refused array"
    slurm.write(refuse=0)
    assert not grid.submit().refused
    assert set(given_to_jobs(grid, slurm).values()) == {1}
    assert len(given_to_jobs(grid, slurm)) == RUNS


def test_arrays_are_cut_to_the_largest_that_the_cluster_takes(slurm: FakeSlurm, tmp_path: Path) -> None:
    slurm.write(max_array=3)
    grid = planned(tmp_path / "results", teachers=4, students=2)
    outcome = grid.submit()
    assert not outcome.refused
    # 4 teachers in arrays of 3 and 1; behind the 3, two arrays, each with one student of each; behind the 1, its two.
    assert outcome.calls == 2 + 2 + 1
    behind = [one["options"]["dependency"] for job, one in slurm.jobs().items() if job.startswith("102_")]
    assert behind == ["aftercorr:100"] * 3
    assert len(given_to_jobs(grid, slurm)) == 4 + 8


def test_small_runs_share_jobs(grid: Planned, slurm: FakeSlurm) -> None:
    outcome = grid.submit("launcher.runs_per_job=5")
    assert (outcome.jobs, outcome.calls) == (3, 2), "both teachers in one job, their students in two behind it"
    assert len(given_to_jobs(grid, slurm)) == RUNS


def test_nothing_depends_on_a_job_that_is_over(grid: Planned, slurm: FakeSlurm) -> None:
    slurm.write(refuse=2)
    grid.submit()
    slurm.write(refuse=0)
    grid.finish(grid.teachers[0])
    slurm.change("100_0", state="COMPLETED", reason="", purged=True)
    grid.submit()
    dependencies = [one["options"].get("dependency") for job, one in slurm.jobs().items() if job[:3] != "100"]
    assert Counter(dependencies) == {None: 3, "afterok:100_1": 3}


def test_students_of_a_teacher_that_a_local_command_trains_are_held_back(grid: Planned, slurm: FakeSlurm) -> None:
    with grid.experiment.run(grid.teachers[0]).locked():
        outcome = grid.submit()
    assert outcome.held_back == 3
    assert len(outcome.submitted) == 4


def test_nothing_is_submitted_where_squeue_is_silent(grid: Planned, slurm: FakeSlurm) -> None:
    slurm.write(silent=["squeue"])
    with pytest.raises(SlurmSilent, match="squeue: error: Unable to contact"):
        grid.submit()
    assert not slurm.calls("sbatch")


def test_a_command_that_hangs_is_given_up(slurm: FakeSlurm) -> None:
    slurm.write(hang={"squeue": 30})
    with pytest.raises(SlurmSilent, match="did not answer within 0 s"):
        Cluster(seconds=0.3).queue()


def test_two_commands_do_not_submit_at_once(grid: Planned, slurm: FakeSlurm) -> None:
    slurm.write(hang={"sbatch": 1})
    process = multiprocessing.get_context("fork").Process(target=grid.submit)
    process.start()
    wait_until(lambda: slurm.calls("sbatch") or process.exitcode is not None, "the first command submits")
    assert grid.submit().calls == 0, "the second command waits, and finds nothing left to submit"
    process.join(30)
    assert set(given_to_jobs(grid, slurm).values()) == {1}


def test_a_command_that_submits_for_ever_is_named(grid: Planned) -> None:
    from cmkd_bench.launch.slurm.ledger import Ledger

    first, second = Ledger(grid.experiment), Ledger(grid.experiment)
    said = f"another command has been submitting experiment '{grid.experiment.name}' for longer than 0 s"
    with first.locked(), pytest.raises(UserError, match=said), second.locked(patience=0):
        raise AssertionError("both hold the lock")
    with second.locked(patience=0):
        pass  # it is free again


def test_cancel_takes_all_jobs_in_one_call(grid: Planned, slurm: FakeSlurm) -> None:
    grid.submit()
    assert cancel(grid.experiment, Cluster()) == ["100", "101", "102"]
    assert len(slurm.calls("scancel")) == 1
    assert {status.kind for status in grid.survey().statuses.values()} == {"waiting"}
    assert grid.submit().jobs == RUNS, "what was cancelled is submitted again"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (["launcher.partition=gpus"], "no such partition. Did you mean 'gpu'? Available: cpu, gpu."),
        (["launcher.partition=gpu"], "launcher.timeout_min=241: the limit of partition 'gpu' is 240 min."),
        (["launcher.cpus=99"], "launcher.cpus=99: the nodes of partition 'cpu' have 8."),
        (["launcher.mem_gb=999"], "launcher.mem_gb=999: the nodes of partition 'cpu' have 31.2."),
        (["launcher.gpus=1"], "launcher.gpus=1: the nodes of partition 'cpu' have none."),
        (["launcher.signal_delay_s=99999"], "launcher.signal_delay_s=99999 must be below launcher.timeout_min=241"),
        (["launcher.device=cuda"], "launcher.device=cuda, but launcher.gpus=0"),
    ],
)
def test_what_would_go_wrong_is_found_before(grid: Planned, settings: list[str], said: str) -> None:
    campaign = grid.campaign("launcher.timeout_min=241", *settings)
    with pytest.raises(GridError) as caught:
        check_cluster(campaign.settings, grid.specs, Cluster(), grid.experiment.root)
    assert said in str(caught.value)
    assert len(caught.value.problems) == 1


def test_all_problems_are_said_at_once(grid: Planned) -> None:
    campaign = grid.campaign("launcher.cpus=99", "launcher.mem_gb=999", "launcher.methods.kd.partition=gqu")
    with pytest.raises(GridError) as caught:
        check_cluster(campaign.settings, grid.specs, Cluster(), grid.experiment.root)
    assert len(caught.value.problems) == 3


def test_without_slurm_the_message_says_what_to_do(
    grid: Planned, slurm: FakeSlurm, monkeypatch: pytest.MonkeyPatch
) -> None:
    (slurm.bin / "sbatch").unlink()
    monkeypatch.setenv("PATH", str(slurm.bin))
    with pytest.raises(GridError, match=r"not on the path: sbatch.*--launcher local"):
        check_cluster(grid.campaign().settings, grid.specs, Cluster(), grid.experiment.root)


def test_retry_needs_no_more_than_the_experiment(grid: Planned, slurm: FakeSlurm) -> None:
    with pytest.raises(UserError, match="was never submitted"):
        stored_campaign(grid.experiment)
    grid.submit("launcher.datasets.mfeat.mem_gb=3")
    again = stored_campaign(grid.experiment, ["launcher.cpus=2"])
    profile = again.settings.profile(grid.specs[0])
    assert (profile.mem_gb, profile.cpus, profile.runs_per_job) == (3.0, 2, 1)
    with pytest.raises(GridError, match="expected a launcher setting"):
        stored_campaign(grid.experiment, ["train.epochs=2"])


def test_a_thousand_runs_need_few_calls_and_little_time(
    slurm: FakeSlurm, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    grids = {
        f"{teachers} x {students}": planned(tmp_path / f"{teachers}x{students}", teachers, students)
        for teachers, students in ((10, 2), (10, 99), (100, 9))
    }
    made = {}
    for name, grid in grids.items():
        before = len(slurm.calls())
        started = time.process_time()
        grid.submit()
        submitted = len(slurm.calls())
        middle = time.process_time()
        grid.survey()
        made[name] = (submitted - before, len(slurm.calls()) - submitted)
        times = f"submit {middle - started:.2f} s, status {time.process_time() - middle:.2f} s of CPU"
        with capsys.disabled():
            print(f"\n  {len(grid.specs)} runs: {made[name]} calls, {times}")
    # squeue, scontrol, an array of teachers, and arrays of students: as many as a teacher has students, or as there are
    # teachers, whichever is less; then squeue.
    assert made == {"10 x 2": (2 + 1 + 2, 1), "10 x 99": (2 + 1 + 10, 1), "100 x 9": (2 + 1 + 9, 1)}
