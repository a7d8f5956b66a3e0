"""The local launcher: failures are rows, nothing is run twice."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from devices import DEVICES, built_in_methods, needs_gpu

from cmkd_bench.config.roots import Roots
from cmkd_bench.experiment.store import Experiment
from cmkd_bench.launch.local import can_fork
from cmkd_bench.launch.worker import WorkerSettings, serve

PLUGIN = Path(__file__).parent.parent / "plugins" / "failing.py"
Run = Callable[..., pd.DataFrame]


@pytest.fixture
def results(quick_run: Run) -> pd.DataFrame:
    methods = ["kd", "becomes_nan", "raises", "dies"]
    return quick_run(methods=methods, plugins=[PLUGIN], jobs=2).set_index("method")


def test_failures_are_rows_with_their_cause_and_stop_nothing_else(results: pd.DataFrame, tmp_path: Path) -> None:
    assert not list(tmp_path.rglob("heartbeat")), "also of the worker that was killed"
    assert set(results.loc[["none", "kd"], "status"]) == {"done"}
    assert results.loc["kd", "value"] > 50
    assert set(results.loc[["becomes_nan", "raises", "dies"], "status"]) == {"failed"}
    assert results.loc["becomes_nan", "error"].startswith("non-finite loss: '")
    assert "in epoch 2 of phase 'train'" in results.loc["becomes_nan", "error"]
    assert results.loc["raises", "error"] == "LookupError: the method's own words"
    assert results.loc["dies", "error"].startswith("worker died: the worker process ended with signal 9, 3 times")


def test_a_student_of_a_failed_teacher_is_blocked(quick_run: Run) -> None:
    # A learning rate that overflows: the teacher's loss is not finite.
    frame = quick_run(overrides=["train.epochs=2", "train.optimizer=sgd", "train.learning_rate=1e38"])
    frame = frame.set_index("method")
    assert frame.status.to_dict() == {"teacher": "failed", "none": "failed", "kd": "blocked"}
    assert frame.error["kd"].startswith(f"teacher {frame.run_id['teacher']} failed: non-finite loss")
    assert frame[["value", "gain"]].isna().all(axis=None)


def test_the_same_command_again_runs_nothing(quick_run: Run, tmp_path: Path) -> None:
    first = quick_run()
    written = {path: path.stat().st_mtime_ns for path in (tmp_path / "results" / "quick" / "runs").rglob("*.json")}
    pd.testing.assert_frame_equal(quick_run(), first)
    assert written == {path: path.stat().st_mtime_ns for path in written}


def test_failed_runs_are_run_again_on_request_only(quick_run: Run, tmp_path: Path) -> None:
    quick_run(methods=["raises"], plugins=[PLUGIN])
    (error,) = (tmp_path / "results").rglob("error.json")
    before = error.stat().st_mtime_ns
    quick_run(methods=["raises"], plugins=[PLUGIN])
    assert error.stat().st_mtime_ns == before
    quick_run(methods=["raises"], plugins=[PLUGIN], retry_failed=True)
    assert error.stat().st_mtime_ns > before


def test_teachers_are_taken_over_from_another_experiment(quick_run: Run, tmp_path: Path) -> None:
    quick_run(methods=["kd"])
    quick_run(methods=["dkd"], experiment="other")
    one, other = ((tmp_path / "results" / name / "runs") for name in ("quick", "other"))
    shared = {path.name for path in one.iterdir()} & {path.name for path in other.iterdir()}
    assert len(shared) == 2, "teacher and student alone"
    for run_id in shared:
        assert (one / run_id / "cost.json").read_bytes() == (other / run_id / "cost.json").read_bytes()


def test_the_number_of_workers_changes_no_byte(quick_run: Run, tmp_path: Path) -> None:
    methods = ["c2kd", "crd", "fitnet"]
    quick_run(methods=methods, experiment="one", jobs=1, results=tmp_path / "a")
    quick_run(methods=methods, experiment="two", jobs=3, results=tmp_path / "b")
    files = sorted((tmp_path / "a").rglob("runs/*/[!c]*"))
    compared = [path for path in files if path.name not in ("lock",)]
    assert len(compared) == 5 * 5
    for path in compared:
        twin = tmp_path / "b" / "two" / path.relative_to(tmp_path / "a" / "one")
        assert path.read_bytes() == twin.read_bytes(), path.name


def test_a_worker_ends_when_its_device_can_no_longer_be_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    executed: list[str] = []

    def note(_: Experiment, run_id: str, *rest: object) -> list[str]:
        executed.append(run_id)
        return []

    monkeypatch.setattr("cmkd_bench.training.execution.execute", note)
    monkeypatch.setattr("cmkd_bench.training.device.is_usable", lambda device: len(executed) < 2)
    ours, theirs = multiprocessing.Pipe()
    for run_id in ("first", "second", "third"):
        ours.send(run_id)
    ours.send(None)
    before = signal.getsignal(signal.SIGINT)
    try:
        serve(WorkerSettings(tmp_path, "quick", "cpu", 0.0, (), Roots()), multiprocessing.Event(), theirs, ())
    finally:
        signal.signal(signal.SIGINT, before)
    assert executed == ["first", "second"]


@pytest.mark.slow
def test_workers_that_are_no_forks_do_the_same(quick_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {"methods": ["kd", "raises", "dies"], "plugins": [PLUGIN], "jobs": 2}
    forked = quick_run(**asked, results=tmp_path / "forked")
    monkeypatch.setattr("cmkd_bench.launch.local.can_fork", lambda devices: False)  # as for GPUs
    frame = quick_run(**asked, results=tmp_path / "spawned")
    same = ["run_id", "method", "status", "value", "val_value", "error"]
    pd.testing.assert_frame_equal(frame[same], forked[same])


@pytest.mark.parametrize("device", DEVICES)
def test_a_run_that_reads_beyond_its_data_spoils_no_other(quick_run: Run, device: str) -> None:
    frame = quick_run(methods=["asks_beyond", "kd"], seeds=2, plugins=[PLUGIN], device=device)
    done = frame.set_index("method").status
    assert set(done[["none", "kd"]]) == {"done"}
    assert set(done["asks_beyond"]) == {"failed"}


@pytest.mark.parametrize("device", DEVICES)
def test_every_method_runs_in_a_grid(quick_run: Run, device: str) -> None:
    frame = quick_run(methods=built_in_methods(), device=device, jobs=2)
    assert set(frame.status) == {"done"}, frame.error.dropna().tolist()
    assert frame[frame.method == "kd"].value.item() > 50


@needs_gpu
def test_a_grid_on_the_cpu_runs_in_a_process_that_used_the_gpu(quick_run: Run) -> None:
    assert float(torch.ones(3, device="cuda").sum()) == 3.0
    assert set(quick_run(jobs=2).status) == {"done"}


def test_workers_are_no_forks_of_a_process_that_has_opened_the_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    assert can_fork(["cpu", "cpu"])
    assert not can_fork(["cpu", "cuda:0"])
    monkeypatch.setattr("torch.cuda.is_initialized", lambda: True)
    assert not can_fork(["cpu", "cpu"])
