"""Jobs of real runs on a cluster of fakes: the same bytes as the local launcher's, whatever happens to the jobs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from planned_grid import FakeSlurm
from submitit.core.utils import DelayedSubmission, UncompletedJobError
from waiting import wait_until

import cmkd_bench.launch.slurm.job as job_module
from cmkd_bench.experiment.record import add_plan
from cmkd_bench.experiment.spec import RunSpec
from cmkd_bench.launch.slurm.campaign import Campaign, campaign_of, rows, survey_experiment
from cmkd_bench.launch.slurm.cluster import Cluster
from cmkd_bench.launch.slurm.ledger import Ledger
from cmkd_bench.launch.slurm.states import RunStatus
from cmkd_bench.launch.slurm.submission import SubmissionReport
from cmkd_bench.planning.build import make_plan
from cmkd_bench.planning.request import GridOptions
from cmkd_bench.planning.resolve import resolve
from cmkd_bench.report.experiment_tables import write_tables

DELICATE = Path(__file__).parents[2] / "plugins" / "delicate.py"
COMPARED = ("result.json", "history.json", "predictions.safetensors", "student.safetensors", "spec.json")
SETTINGS = ("launcher.gpus=0", "launcher.checkpoint_seconds=0", "launcher.teacher_wait_s=0", "launcher.jobs=2")
Submit = Callable[..., tuple[Campaign, list[RunSpec], SubmissionReport]]


@pytest.fixture
def submit(slurm: FakeSlurm, tmp_path: Path) -> Submit:
    """What `run --launcher slurm` does, in this process; pixels to fourier, one seed, two epochs."""

    def call(
        *overrides: str, methods: str = "kd,dkd", **changes: Any
    ) -> tuple[Campaign, list[RunSpec], SubmissionReport]:
        epochs = changes.pop("epochs", 2)
        retry: Callable[[RunStatus], bool] = changes.pop("retry", lambda status: False)
        grid = resolve(
            GridOptions(
                methods=methods,
                datasets="mfeat",
                pairs=changes.pop("pairs", "pixels:fourier"),
                seeds=1,
                overrides=(f"train.epochs={epochs}", *SETTINGS, *overrides),
                experiment="grid",
                results=tmp_path / "results",
                launcher="slurm",
                device="cpu",
                controls=False,
                one_way=True,
                labels=1,
                **changes,
            )
        )
        plan = make_plan(grid)
        add_plan(grid.experiment, plan)
        campaign = campaign_of(grid)
        specs = list(plan.specs.values())
        return campaign, specs, campaign.submit(specs, Cluster(), retry)

    return call


@pytest.fixture
def execute(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path, str], bool]:
    """A job's batch script, in this process; whether it ended well."""

    def call(folder: Path, job: str) -> bool:
        for name, value in job_variables(job).items():
            monkeypatch.setenv(name, value)
        try:
            DelayedSubmission.load(folder / f"{job}_submitted.pkl").result()
        except job_module.NothingDone:
            return False
        return True

    return call


def job_variables(job: str) -> dict[str, str]:
    array, _, task = job.partition("_")
    return {"SLURM_JOB_ID": array, **({"SLURM_ARRAY_JOB_ID": array, "SLURM_ARRAY_TASK_ID": task} if task else {})}


def files(results: Path) -> dict[str, bytes]:
    """The bytes of all runs that are done, by run and name."""
    runs = [path.parent for path in results.glob("*/runs/*/result.json")]
    return {f"{run.name}/{name}": (run / name).read_bytes() for run in runs for name in COMPARED}


def test_the_same_bytes_as_the_local_launcher(
    submit: Submit, slurm: FakeSlurm, execute: Callable[[Path, str], bool], quick_run: Any, tmp_path: Path
) -> None:
    campaign, _, outcome = submit("launcher.runs_per_job=2")
    assert (len(outcome.submitted), outcome.jobs) == (4, 2)
    assert slurm.work(execute) == ["100", "101"]
    seen = survey_experiment(campaign.experiment, Cluster())
    assert {status.kind for status in seen.statuses.values()} == {"done"}
    quick_run(methods=["kd", "dkd"], results=tmp_path / "local")
    assert len(files(tmp_path / "results")) == 4 * len(COMPARED)
    assert files(tmp_path / "results") == files(tmp_path / "local")
    assert not list(campaign.experiment.path.glob("runs/*/heartbeat"))


def test_a_grid_that_was_begun_locally_is_finished_on_the_cluster_and_back(
    submit: Submit, slurm: FakeSlurm, execute: Callable[[Path, str], bool], quick_run: Any
) -> None:
    quick_run(methods=["kd"], experiment="grid")
    _, specs, outcome = submit()
    assert [spec.method for spec in specs if spec.id in outcome.submitted] == ["dkd"]
    assert "dependency" not in slurm.jobs()["100"]["options"], "its teacher is done"
    slurm.work(execute)
    frame = quick_run(methods=["kd", "dkd", "fitnet"], experiment="grid")
    assert set(frame.status) == {"done"}
    assert submit(methods="kd,dkd,fitnet")[2].jobs == 0


def test_students_of_a_failed_teacher_are_blocked_and_the_others_done(
    submit: Submit, slurm: FakeSlurm, execute: Callable[[Path, str], bool]
) -> None:
    # A learning rate that overflows fails teacher and student alone; a random teacher has no epochs to fail in.
    campaign, specs, _ = submit(
        "train.optimizer=sgd", "train.learning_rate=1e38", "launcher.runs_per_job=1", methods="kd,kd_random"
    )
    slurm.work(execute)
    seen = survey_experiment(campaign.experiment, Cluster())
    kinds = {spec.method: seen.statuses[spec.id] for spec in specs if spec.teacher}
    (teacher,) = [spec.teacher for spec in specs if spec.method == "kd"]
    assert kinds["kd"].kind == "blocked"
    assert kinds["kd"].message.startswith(f"teacher {teacher} failed: non-finite loss: ")
    assert kinds["kd_random"].kind == "failed", "it ran: its teacher is there"
    states = {job: one["state"] for job, one in slurm.jobs().items()}
    assert "CANCELLED" in states.values()
    frame: pd.DataFrame = write_tables(campaign.experiment, rows(seen)).set_index("method")
    assert frame.loc["kd", "status"] == "blocked"


def test_the_one_of_several_teachers_that_failed_is_named_and_its_student_is_retried_with_it(
    submit: Submit, slurm: FakeSlurm, execute: Callable[[Path, str], bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DELICATE_INPUTS", "240")  # so many pixels: the teacher of both modalities fails
    networks = ("model.student=delicate", "model.teacher=delicate", "launcher.runs_per_job=1")
    arguments: dict[str, Any] = {"methods": "kd_ensemble", "pairs": "fourier:pixels", "plugins": [DELICATE]}
    campaign, specs, _ = submit(*networks, **arguments)
    (student,) = [spec for spec in specs if spec.teacher]
    (further,) = student.further_teachers
    slurm.work(execute)
    seen = survey_experiment(campaign.experiment, Cluster()).statuses
    assert (seen[student.teacher_ids[0]].kind, seen[further.id].kind) == ("done", "failed")
    assert seen[student.id].kind == "blocked"
    assert f"teacher {further.id} (composite, pixels+fourier) failed: non-finite loss" in seen[student.id].message
    monkeypatch.delenv("DELICATE_INPUTS")
    submit(*networks, **arguments, retry=lambda status: True)
    slurm.work(execute)
    seen = survey_experiment(campaign.experiment, Cluster()).statuses
    assert {status.kind for status in seen.values()} == {"done"}


def test_a_student_that_starts_without_its_teacher_leaves_no_failure_of_its_own(
    submit: Submit,
    slurm: FakeSlurm,
    execute: Callable[[Path, str], bool],
    capfd: pytest.CaptureFixture[str],
) -> None:
    """As after a purge: SLURM takes a job that it has forgotten for one that ended well."""
    campaign, specs, _ = submit(methods="kd")
    (student,) = [spec for spec in specs if spec.method == "kd"]
    (job,) = [job for job, one in slurm.jobs().items() if "dependency" in one["options"]]
    assert execute(Path(slurm.jobs()[job]["options"]["output"]).parent, job)
    assert f"{student.id} skipped: teacher {student.teacher} is missing" in capfd.readouterr().out
    slurm.change(job, state="COMPLETED", purged=True)
    status = survey_experiment(campaign.experiment, Cluster()).statuses[student.id]
    assert (status.kind, status.message) == ("waiting", f"job {job} ended without running it")


def test_a_failed_run_is_submitted_again_by_its_cause_alone(
    submit: Submit, slurm: FakeSlurm, execute: Callable[[Path, str], bool]
) -> None:
    plugin = Path(__file__).parents[2] / "plugins" / "failing.py"
    arguments: dict[str, Any] = {"methods": "becomes_nan,raises", "plugins": [plugin]}
    _, specs, _ = submit("launcher.runs_per_job=9", **arguments)
    slurm.work(execute)
    again = {
        name: submit(retry=lambda status, name=name: status.cause == name, **arguments)[2] for name in ("lost", "")
    }
    assert [outcome.jobs for outcome in again.values()] == [0, 0]
    outcome = submit(retry=lambda status: status.cause == "LookupError", **arguments)[2]
    assert [spec.method for spec in specs if spec.id in outcome.submitted] == ["raises"]


def test_a_time_limit_that_was_reached_too_often_is_the_runs_cause(
    submit: Submit, slurm: FakeSlurm, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign, _, _ = submit("launcher.max_num_timeout=1", "launcher.timeout_min=30", methods="none")
    ledger = Ledger(campaign.experiment)
    (one, *_) = ledger.submissions()

    def reach_the_limit(self: job_module.Job, schedule: Any, submission: Any) -> None:
        assert schedule.next()
        raise UncompletedJobError("timed-out too many times")

    monkeypatch.setattr(job_module.Job, "_run", reach_the_limit)
    with pytest.raises(UncompletedJobError):
        job_module.Job()(str(ledger.file(one)), 0)
    slurm.change(one.job_of(0), state="FAILED")
    status = survey_experiment(campaign.experiment, Cluster()).statuses[one.elements[0][0]]
    assert (status.kind, status.cause) == ("failed", "time-out")
    assert "reached its limit of 30 min 2 times" in status.message


def test_jobs_that_run_other_code_say_so(
    submit: Submit,
    slurm: FakeSlurm,
    execute: Callable[[Path, str], bool],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    campaign, _, _ = submit(methods="none")
    submitted = Ledger(campaign.experiment).submissions()[0].work.code
    monkeypatch.setattr(job_module, "code_version", lambda: "another")
    monkeypatch.setattr("cmkd_bench.launch.slurm.survey.code_version", lambda: "another")
    before = survey_experiment(campaign.experiment, Cluster()).notes
    text = f"queued jobs were submitted with code {submitted}; if they start now, they run with another."
    assert text in before
    slurm.work(execute)
    assert f"The code has changed: submitted by {submitted}, run by another." in capfd.readouterr().out
    assert (
        f"jobs submitted with code {submitted} ran with another."
        in survey_experiment(campaign.experiment, Cluster()).notes
    )


@pytest.mark.kill
@pytest.mark.parametrize("number", [signal.SIGUSR2, signal.SIGTERM, signal.SIGKILL])
def test_a_job_that_is_cut_off_goes_on_to_the_same_bytes(
    submit: Submit,
    slurm: FakeSlurm,
    quick_run: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: signal.Signals,
) -> None:
    asked: dict[str, Any] = {"methods": "none", "plugins": [DELICATE]}
    networks = ("model.student=delicate", "model.teacher=delicate")
    campaign, _, _ = submit(*networks, epochs=12, **asked)
    runs = campaign.experiment.path / "runs"
    job, one = next(iter(slurm.jobs().items()))
    brake = tmp_path / "brake"
    brake.touch()
    monkeypatch.setenv("DELICATE_BRAKE", str(brake))
    monkeypatch.setenv("DELICATE_SLEEP", "0.02")
    process = start(Path(one["options"]["output"]).parent, job)
    try:
        wait_until(lambda: any(runs.glob("*/checkpoint.pt")), "a run has a checkpoint", process)
        sent = time.time()
        if number == signal.SIGUSR2:
            # The signal reaches every process of the step.
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
        output = process.communicate()[0]
    finally:
        process.kill()
        process.wait()
    assert not list(runs.glob("*/result.json")), "it was over before it was cut off: nothing was tested"
    requeued = ["scontrol", "requeue", job] in slurm.calls()
    assert requeued == (number == signal.SIGUSR2), output
    kept = list(runs.glob("*/checkpoint.pt"))
    assert kept
    if number != signal.SIGKILL:
        assert all(path.stat().st_mtime > sent for path in kept), "stopped without a checkpoint"
    assert not list(runs.glob("*/heartbeat")) or number == signal.SIGKILL
    brake.unlink()
    again = start(Path(one["options"]["output"]).parent, job)
    output = again.communicate()[0]
    assert again.returncode == 0, output
    quick_run(**asked, results=tmp_path / "local", overrides=["train.epochs=12", *networks])
    done = files(tmp_path / "results")
    assert done
    assert done.items() <= files(tmp_path / "local").items()


def start(folder: Path, job: str) -> subprocess.Popen[str]:
    """What the batch script starts on a node, in a group of processes of its own."""
    command = [sys.executable, "-m", "submitit.core._submit", str(folder)]
    environment = {**os.environ, **job_variables(job), "SUBMITIT_EXECUTOR": "slurm"}
    return subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
