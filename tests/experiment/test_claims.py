"""A heartbeat as a claim: of any number of processes and machines, one gets a run, whatever locks are worth."""

from __future__ import annotations

import multiprocessing
import os
import time
from multiprocessing.synchronize import Barrier, Event
from pathlib import Path
from typing import Any

import pytest
import torch
from faulty_files import ignore_locks
from one_spec import SPEC

from cmkd_bench.config.roots import Roots
from cmkd_bench.experiment import heartbeat, machine
from cmkd_bench.experiment.files import read_json, write_json
from cmkd_bench.experiment.heartbeat import STALE_SECONDS, Heartbeat, holder, is_alive_elsewhere, read_beat
from cmkd_bench.experiment.store import Busy, Experiment
from cmkd_bench.training.execution import execute

ELSEWHERE = {"host": "n1", "job": "", "epoch": 0, "epochs": 0, "machine": "another", "process": 7, "started": 0.0}


def beat_of(path: Path, age: float = 0.0, **changes: Any) -> None:
    write_json(path, {**ELSEWHERE, **changes})
    os.utime(path, (time.time() - age,) * 2)


def test_two_machines_of_one_name_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "heartbeat"
    beat_of(path, host=os.uname().nodename)
    assert is_alive_elsewhere(path)
    beat_of(path, host=os.uname().nodename, machine=machine.this_machine())
    assert not is_alive_elsewhere(path), "its process was killed: the lock is free"


def test_a_machine_that_was_booted_again_is_another_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def identity(boot: str) -> str:
        (tmp_path / "boot").write_text(boot)
        machine.this_machine.cache_clear()
        return machine.this_machine()

    monkeypatch.setattr(machine, "_IDENTITY_FILES", (tmp_path / "absent", tmp_path / "boot"))
    try:
        assert identity("one") == identity("one\n") != identity("two")
    finally:
        machine.this_machine.cache_clear()


@pytest.mark.parametrize(("age", "alive"), [(0, True), (STALE_SECONDS + 5, False), (-10, True), (-86400 * 365, False)])
def test_a_heartbeat_from_the_future_is_not_alive_for_ever(tmp_path: Path, age: float, alive: bool) -> None:
    folder = Experiment(tmp_path, "one").add(SPEC)
    beat_of(folder.heartbeat, age)
    assert is_alive_elsewhere(folder.heartbeat) == alive
    if alive:
        with pytest.raises(Busy), Heartbeat(folder.heartbeat):
            raise AssertionError("the run was claimed twice")
        assert read_json(folder.heartbeat)["machine"] == "another"
    else:
        with Heartbeat(folder.heartbeat):
            assert read_json(folder.heartbeat)["machine"] == machine.this_machine()
    assert not list(folder.path.glob(".*"))


def test_a_damaged_heartbeat_keeps_nobody_from_the_run(tmp_path: Path) -> None:
    folder = Experiment(tmp_path, "one").add(SPEC)
    folder.heartbeat.write_bytes(b"\0\0")
    os.utime(folder.heartbeat, (time.time() - 10,) * 2)
    with Heartbeat(folder.heartbeat):
        assert read_beat(folder.heartbeat) is not None
    assert not folder.heartbeat.exists()


def test_a_claim_that_another_machine_took_over_is_not_removed(tmp_path: Path) -> None:
    folder = Experiment(tmp_path, "one").add(SPEC)
    with Heartbeat(folder.heartbeat) as mine:
        beat_of(folder.heartbeat)  # as after this machine was suspended for minutes
        mine.epoch(1, 2)
    assert read_json(folder.heartbeat) == ELSEWHERE


def _contend(number: int, path: Path, start: Barrier, winners: Any, over: Event) -> None:
    heartbeat.this_machine = lambda: f"machine {number}"  # type: ignore[assignment]
    start.wait()
    try:
        with Heartbeat(path):
            winners.put(number)
            over.wait(60)
    except Busy:
        winners.put(None)


@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize("before", ["nothing", "stale"])
def test_of_many_machines_one_gets_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str, links: bool
) -> None:
    if not links:

        def refuse(*_: object) -> None:
            raise PermissionError(1, "no links here")

        monkeypatch.setattr(os, "link", refuse)
    context = multiprocessing.get_context("fork")
    for attempt in range(5):
        folder = Experiment(tmp_path, f"attempt{attempt}").add(SPEC)
        if before == "stale":
            beat_of(folder.heartbeat, STALE_SECONDS + 5)
        start, over, winners = context.Barrier(4), context.Event(), context.Queue()
        arguments = [(number, folder.heartbeat, start, winners, over) for number in range(4)]
        processes = [context.Process(target=_contend, args=one) for one in arguments]
        for process in processes:
            process.start()
        got = [winners.get(timeout=60) for _ in processes]
        over.set()
        for process in processes:
            process.join()
        assert len([one for one in got if one is not None]) == 1, got
        assert not list(folder.path.glob(".*"))


def test_a_run_is_not_executed_twice_where_locks_have_no_effect(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ignore_locks(monkeypatch)
    folder = Experiment(tmp_path, "one").add(SPEC)
    beat_of(folder.heartbeat, host=os.uname().nodename)
    with pytest.raises(Busy):
        execute(Experiment(tmp_path, "one"), SPEC.id, torch.device("cpu"), None, Roots())  # type: ignore[arg-type]
    assert not folder.error.exists()


def test_the_holder_is_named_with_the_time_since_when(tmp_path: Path) -> None:
    path = tmp_path / "heartbeat"
    assert holder(path) == "another command"
    started = time.mktime((2026, 1, 31, 15, 4, 0, 0, 0, -1))
    beat_of(path, started=started)
    assert holder(path) == "n1 (process 7) since 2026-01-31 15:04"
    beat_of(path, started=started, job="7_3")
    assert holder(path) == "n1 (job 7_3) since 2026-01-31 15:04"
