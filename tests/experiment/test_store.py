"""Run folders: states from files, locks, adoption, safe names."""

from __future__ import annotations

import multiprocessing
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest
from one_spec import SPEC

from cmkd_bench.errors import UserError
from cmkd_bench.experiment.files import read_json, write_json
from cmkd_bench.experiment.record import read_plan
from cmkd_bench.experiment.store import Busy, Experiment, RunFolder


def test_the_state_is_what_the_files_say(tmp_path: Path) -> None:
    folder = Experiment(tmp_path, "one").add(SPEC)
    assert folder.state() == "pending"
    folder.checkpoint.touch()
    assert folder.state() == "interrupted"
    write_json(folder.error, {"cause": "bad data", "message": "no file", "traceback": []})
    assert folder.state() == "failed"
    with folder.locked():
        assert folder.state() == "running"
    folder.write_result({"value": 1.0})
    assert folder.state() == "done"


def _hold(path: Path, held: Event) -> None:
    with RunFolder(path).locked():
        held.set()
        held.wait()
        multiprocessing.Event().wait()


def test_a_killed_process_lets_go_of_its_lock(tmp_path: Path) -> None:
    folder = Experiment(tmp_path, "one").add(SPEC)
    context = multiprocessing.get_context("fork")
    held = context.Event()
    process = context.Process(target=_hold, args=(folder.path, held))
    process.start()
    assert held.wait(10)
    with pytest.raises(Busy), folder.locked():
        pass
    process.kill()
    process.join()
    assert folder.state() == "pending"


def test_a_run_that_is_done_elsewhere_is_taken_over(tmp_path: Path) -> None:
    done = Experiment(tmp_path, "one").add(SPEC)
    done.write_cost({"seconds": 1.0})
    done.write_result({"value": 1.0})
    done.lock.touch()
    taken = Experiment(tmp_path, "two").add(SPEC)
    assert taken.state() == "done"
    assert taken.read_result()["value"] == 1.0
    assert not taken.lock.exists(), "a lock that is shared by two folders would couple them"
    done.result.unlink()
    assert taken.state() == "done", "removing one experiment must not harm the other"


def test_a_run_that_is_not_done_elsewhere_is_not_taken_over(tmp_path: Path) -> None:
    Experiment(tmp_path, "one").add(SPEC).checkpoint.touch()
    assert Experiment(tmp_path, "two").add(SPEC).state() == "pending"


@pytest.mark.parametrize("name", ["../x", "/tmp/x", "a/b", "", ".hidden", "a\nb", "-x"])
def test_a_name_cannot_leave_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match=r"expected a name .* not a path"):
        Experiment(tmp_path, name)


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    write_json(path, {"old": 1})

    class Breaks:
        pass

    with pytest.raises(TypeError):
        write_json(path, {"new": Breaks()})
    assert read_json(path) == {"old": 1}
    assert [child.name for child in tmp_path.iterdir()] == ["file.json"]


def test_the_plan_of_another_version_is_one_message(tmp_path: Path) -> None:
    experiment = Experiment(tmp_path, "old")
    experiment.path.mkdir()
    write_json(experiment.plan, {"baseline": "none", "conditions": {}, "cells": [], "remarks": {}})
    with pytest.raises(UserError, match=r"old/plan\.json was written by another version"):
        read_plan(experiment)
