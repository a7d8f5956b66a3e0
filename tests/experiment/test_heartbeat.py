"""The sign of life of a run: there while a process works on it, gone after it, old where the process was killed."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
import torch
from one_spec import SPEC
from waiting import wait_until

from cmkd_bench.config.roots import Roots
from cmkd_bench.experiment.files import write_json
from cmkd_bench.experiment.heartbeat import STALE_SECONDS, Heartbeat, is_alive_elsewhere, read_beat, slurm_job
from cmkd_bench.experiment.store import Busy, Experiment
from cmkd_bench.training.execution import execute


class _NoWatch:
    def epoch(self, done: int, total: int) -> None:
        raise AssertionError("nothing was to be run")

    should_stop = should_save = lambda self: False


def test_a_heartbeat_says_where_and_how_far(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "9")
    monkeypatch.setenv("SLURM_ARRAY_JOB_ID", "7")
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "3")
    path = tmp_path / "heartbeat"
    with Heartbeat(path) as heartbeat:
        time.sleep(1.0)
        heartbeat.epoch(2, 5)
        beat = read_beat(path)
        assert beat is not None
        assert (beat.job, beat.epoch, beat.epochs) == ("7_3", 2, 5)
        assert beat.is_fresh
        os.utime(path, (time.time() - STALE_SECONDS - 5,) * 2)
        old = read_beat(path)
        assert old is not None
        assert not old.is_fresh
    assert read_beat(path) is None


def test_it_beats_during_a_long_epoch_and_is_gone_after_an_error(tmp_path: Path) -> None:
    path = tmp_path / "heartbeat"

    def fail_late() -> None:
        with Heartbeat(path, seconds=0.02):
            os.utime(path, (1.0, 1.0))
            wait_until(lambda: path.stat().st_mtime > 1.0, "it has beaten")
            raise LookupError

    with pytest.raises(LookupError):
        fail_late()
    assert not path.exists()


def test_a_file_that_is_no_heartbeat(tmp_path: Path) -> None:
    path = tmp_path / "heartbeat"
    path.write_text("{}")
    assert read_beat(path) is None
    path.write_text("half of a")
    assert read_beat(path) is None


def test_a_run_that_is_alive_on_another_machine_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Experiment(tmp_path, "one").add(SPEC)
    write_json(folder.heartbeat, {"host": "elsewhere", "job": "7_3", "epoch": 0, "epochs": 0})
    with pytest.raises(Busy):
        execute(Experiment(tmp_path, "one"), SPEC.id, torch.device("cpu"), _NoWatch(), Roots())
    assert folder.heartbeat.exists()
    assert not folder.error.exists()
    monkeypatch.setenv("SLURM_ARRAY_JOB_ID", "7")
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "3")
    assert not is_alive_elsewhere(folder.heartbeat), "the same job, back from the queue"
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "4")
    assert is_alive_elsewhere(folder.heartbeat)
    os.utime(folder.heartbeat, (1.0, 1.0))
    assert not is_alive_elsewhere(folder.heartbeat)


def test_outside_of_slurm_there_is_no_job(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SLURM_JOB_ID", "SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID"):
        monkeypatch.delenv(name, raising=False)
    assert slurm_job() == ""
    monkeypatch.setenv("SLURM_JOB_ID", "9")
    assert slurm_job() == "9"
