"""An experiment of somebody else does not lead out of its folder, by names or by links, and does not exhaust memory."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from command_line import Command
from one_spec import SPEC

from cmkd_bench.errors import UserError
from cmkd_bench.experiment import containment
from cmkd_bench.experiment.containment import LeadsOut
from cmkd_bench.experiment.files import read_json, write_json
from cmkd_bench.experiment.plan import Cell
from cmkd_bench.experiment.record import read_plan
from cmkd_bench.experiment.store import Experiment, find_done
from cmkd_bench.launch.slurm.durations import recorded
from cmkd_bench.launch.slurm.ledger import Ledger
from cmkd_bench.testing.made import write_made_plan

COMMANDS = ("leaderboard", "status", "collect", "report", "plot", "doctor")
SECRET = "the owner's secret"


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A file beside the results folder, as a run's error would look."""
    folder = tmp_path / "private"
    folder.mkdir()
    write_json(folder / "error.json", {"cause": SECRET, "message": SECRET, "traceback": []})
    write_json(folder / "spec.json", SPEC.to_json())
    return folder


@pytest.fixture
def experiment(tmp_path: Path) -> Experiment:
    """One cell, whose run has failed."""
    experiment = Experiment(tmp_path / "results", "theirs")
    folder = experiment.add(SPEC)
    write_json(folder.error, {"cause": "bad data", "message": "x", "traceback": []})
    write_made_plan(experiment, [cell(SPEC.id)])
    return experiment


def cell(run_id: str, teacher_id: str = "") -> Cell:
    return Cell("none", "baseline", SPEC.dataset, 0, 1.0, "pixels", "fourier", 0, run_id, teacher_id)


def refused(cmkd: Command, command: str, *parts: str) -> None:
    done = cmkd(command, "theirs", "--results", "results")
    said = done.stdout + done.stderr
    assert done.returncode == 2, said
    assert all(part in said for part in parts), said
    assert SECRET not in said


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("where", ["run", "teacher"])
def test_a_run_id_is_no_path(experiment: Experiment, outside: Path, cmkd: Command, command: str, where: str) -> None:
    wrong = "../../../private"
    write_made_plan(experiment, [cell(wrong) if where == "run" else cell(SPEC.id, wrong)])
    refused(cmkd, command, repr(wrong), "12 hexadecimal digits")


@pytest.mark.parametrize("run_id", ["..", "", "/etc", "ABCDEF012345", "0123456789abc", "0123456789a\n", "a/b", ".x"])
def test_what_is_no_run_id(experiment: Experiment, run_id: str) -> None:
    with pytest.raises(LeadsOut):
        experiment.run(run_id)


def test_the_teacher_of_a_stored_spec_is_no_path(experiment: Experiment, outside: Path, cmkd: Command) -> None:
    spec = replace(SPEC, teacher="../../../private")
    write_json(experiment.run(SPEC.id).spec, spec.to_json())
    experiment.run(SPEC.id).error.unlink()
    done = cmkd("leaderboard", "theirs", "--results", "results")
    assert "spec.json" in done.stderr  # it does not hash to the run's id, so nothing in it is followed
    assert SECRET not in done.stdout + done.stderr


def test_the_teacher_of_a_stored_spec_under_its_own_id_is_no_path(
    experiment: Experiment, outside: Path, cmkd: Command
) -> None:
    spec = replace(SPEC, teacher="../../../private")
    experiment.add(spec)
    write_made_plan(experiment, [cell(spec.id)])
    refused(cmkd, "leaderboard", "../../../private")


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("place", ["runs", f"runs/{SPEC.id}", f"runs/{SPEC.id}/error.json", "plan.json", "plots"])
def test_links_out_of_an_experiment_are_refused(
    experiment: Experiment, outside: Path, cmkd: Command, command: str, place: str
) -> None:
    link = experiment.path / place
    if link.exists():
        link.rename(outside / "moved")
    link.symlink_to(outside if place == "plots" else outside / "moved")
    refused(cmkd, command, str(Path("results/theirs") / place), "symbolic link", str(outside))


def test_a_link_of_the_cluster_files_is_refused(experiment: Experiment, outside: Path) -> None:
    (experiment.path / "slurm").mkdir()
    (experiment.path / "slurm" / "jobs").symlink_to(outside)
    with pytest.raises(LeadsOut, match="slurm/jobs"):
        Ledger(experiment)


@pytest.fixture
def alone(tmp_path: Path) -> Experiment:
    """One cell, whose run has no teacher and has not begun."""
    experiment = Experiment(tmp_path / "results", "theirs")
    spec = replace(SPEC, teacher=None)
    experiment.add(spec)
    write_made_plan(experiment, [cell(spec.id)])
    return experiment


def test_the_doctor_follows_no_link_of_a_run_that_no_cell_needs(
    alone: Experiment, outside: Path, cmkd: Command
) -> None:
    (alone.path / "runs" / "0123456789ab").symlink_to(outside)
    refused(cmkd, "doctor", "0123456789ab", "symbolic link", str(outside))


def test_the_doctor_passes_over_what_a_killed_process_left_beside_the_runs(alone: Experiment, cmkd: Command) -> None:
    (alone.path / "runs" / f".{SPEC.id}.7.tmp").mkdir()
    done = cmkd("doctor", "theirs", "--results", "results")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 (1 pending)" in done.stdout


def test_links_within_an_experiment_and_to_it_are_followed(experiment: Experiment, tmp_path: Path) -> None:
    folder = experiment.run(SPEC.id).path
    folder.rename(experiment.path / "elsewhere")
    folder.symlink_to(experiment.path / "elsewhere")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mine").symlink_to(experiment.path)
    for one in (Experiment(experiment.root, "theirs"), Experiment(tmp_path / "other", "mine")):
        assert read_plan(one).cells
        assert one.run(SPEC.id).state() == "failed"


def test_a_linked_run_of_another_experiment_is_not_adopted(experiment: Experiment, outside: Path) -> None:
    folder = experiment.run(SPEC.id)
    folder.error.unlink()
    folder.write_cost({"seconds": 1.0})
    folder.write_result({"value": 1.0})
    mine = Experiment(experiment.root, "mine")
    assert find_done(mine, SPEC.id) is not None
    assert len(list(recorded(experiment.root))) == 1
    folder.result.rename(outside / "result.json")
    folder.result.symlink_to(outside / "result.json")
    assert find_done(mine, SPEC.id) is None
    assert not list(recorded(experiment.root))


def nested(depth: int, kind: str) -> str:
    return "[" * depth + "]" * depth if kind == "list" else '{"a":' * depth + "1" + "}" * depth


@pytest.mark.parametrize("kind", ["list", "object"])
def test_json_is_bounded_in_depth(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "a.json"
    for depth in (33, sys.getrecursionlimit() * 100):
        file.write_text(nested(depth, kind))
        with pytest.raises(UserError, match=r"a\.json.*32 deep"):
            read_json(file)
    file.write_text(nested(32, kind))
    assert read_json(file) == json.loads(nested(32, kind))


def test_json_is_bounded_in_size_before_it_is_read(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    with file.open("wb") as stream:
        stream.truncate(2**40)  # a terabyte of nothing
    with pytest.raises(UserError, match=r"a\.json.*1099\.5 GB"):
        read_json(file)


def test_a_plan_that_is_too_deep_is_one_message(
    experiment: Experiment, cmkd: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan: dict[str, Any] = read_json(experiment.plan)
    deep = json.loads(nested(200, "object"))
    experiment.plan.write_text(json.dumps(plan | {"notes": deep}))
    refused(cmkd, "status", "plan.json", "deep")
    monkeypatch.setattr(containment, "LARGEST_JSON", 10)
    refused(cmkd, "status", "plan.json", "too large")
