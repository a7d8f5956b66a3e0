"""Every stored file, damaged in every way: commands name it and go on, and `run` ends with the same bytes as before."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from damage_cases import (
    COMMANDS,
    ENDED,
    ERROR,
    FILES,
    KINDS,
    RUN,
    call,
    damage,
    make_experiment,
    prepare,
    table,
    the_run,
)

from cmkd_bench.experiment.spec import RESULTS_VERSION
from cmkd_bench.experiment.store import Experiment, RunFolder

PAGE = Path(__file__).parent.parent.parent / "docs" / "damage.md"
SAME = ("result.json", "history.json", "predictions.safetensors", "student.safetensors", "spec.json")
# A lock's content means nothing, a heartbeat that cannot be read is none, and another failure is a failure too.
HARMLESS = {
    ("error.json", "replaced by another run's"),
    *((name, kind) for name in ("heartbeat", "lock") for kind in KINDS),
}
# Weights are only compared by size, unless a student needs them.
UNNOTICED = {("student.safetensors", kind) for kind in ("zeroed", "one bit flipped", "replaced by another run's")}
UNREAD = {
    "status": {*ENDED, "checkpoint.pt"} - {"result.json"},
    "leaderboard": {"history.json", "student.safetensors", "checkpoint.pt"},
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Experiment:
    """Three runs that are done; tests damage copies."""
    return make_experiment(tmp_path_factory.mktemp("whole"))


@pytest.fixture
def copy(whole: Experiment, tmp_path: Path) -> Experiment:
    return Experiment(Path(shutil.copytree(whole.root, tmp_path / "results")), "e")


def contents(folder: RunFolder) -> dict[str, bytes]:
    return {name: (folder.path / name).read_bytes() for name in SAME}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", FILES)
def test_damage_is_named_and_repaired(copy: Experiment, name: str, kind: str) -> None:
    whole = {method: contents(the_run(copy, method)) for method in ("none", "kd")}
    path, other = prepare(copy, name)
    damage(path, kind, other)
    harmless = (name, kind) in HARMLESS
    for command in ("status", "leaderboard"):
        said = call(*COMMANDS[command], "--results", str(copy.root))
        assert said.code in ((2,) if name == "plan.json" else (0, 3, 4))
        named = f"{path} " in said.text
        assert named == (not harmless and name not in UNREAD[command]), said.text
    if (name, kind) in UNNOTICED:
        assert (
            f"damaged  {path.relative_to(copy.path)}: was changed"
            in call("doctor", "e", "--results", str(copy.root)).text
        )
        return
    again = call(*RUN, "--results", str(copy.root))
    assert (f"{path} " in again.text) != harmless, again.text
    if not harmless:
        assert path.with_name(f"{name}.damaged").exists()
        assert again.text.count(".damaged") == 1, "one line"
    if name == "error.json" and harmless:
        assert again.code == 3
        assert call(*RUN, "--retry-failed", "--results", str(copy.root)).code == 0
    else:
        assert again.code == 0
    assert {method: contents(the_run(copy, method)) for method in whole} == whole
    assert not list(copy.path.rglob("heartbeat"))
    assert "damaged files: 0" in call("doctor", "e", "--results", str(copy.root)).text


@pytest.mark.parametrize("name", ["result.json", "history.json", "predictions.safetensors", "cost.json", "spec.json"])
def test_pictures_and_the_page_go_on_without_a_damaged_file(copy: Experiment, name: str) -> None:
    path, other = prepare(copy, name)
    damage(path, "zeroed", other)
    for command in ("plot", "report"):
        said = call(*COMMANDS[command], "--results", str(copy.root))
        assert said.code == 0
        assert f"damaged: {path} " in said.text


@pytest.mark.parametrize("name", FILES)
def test_the_doctor_lists_all_damage(copy: Experiment, name: str) -> None:
    assert call("doctor", "e", "--results", str(copy.root)).code == 0
    path, other = prepare(copy, name)
    damage(path, "emptied", other)
    said = call("doctor", "e", "--results", str(copy.root))
    if name in ("heartbeat", "lock"):
        assert said.code == 0
    else:
        assert said.code == 3
        assert f"{path.relative_to(copy.path)}: " in said.text
        assert "damaged files: 1" in said.text


def test_flipped_signs_of_a_teacher_never_reach_its_student(copy: Experiment) -> None:
    teacher, student = RunFolder(copy.path / "runs" / copy.read_spec(the_run(copy).path.name).teacher), the_run(copy)
    whole = contents(teacher), contents(student)
    student.result.unlink()
    content = bytearray(teacher.weights.read_bytes())
    content[-1] ^= 0x80  # the sign of the last float32
    teacher.weights.write_bytes(content)
    said = call(*RUN, "--results", str(copy.root))
    assert said.code == 0
    assert f"{teacher.weights} was changed" in said.text
    assert (contents(teacher), contents(student)) == whole


def test_a_number_edited_by_hand_is_not_taken(copy: Experiment) -> None:
    run = the_run(copy)
    value = run.read_result()["value"]
    run.result.write_text(run.result.read_text().replace(f'"value": {value}', '"value": 99.0'))
    said = call("leaderboard", "e", "--format", "csv", "--results", str(copy.root))
    assert "99.0" not in said.text
    assert f"{run.result} was changed" in said.text


def test_an_error_beside_a_result_counts_nowhere(copy: Experiment) -> None:
    teacher = RunFolder(copy.path / "runs" / copy.read_spec(the_run(copy).path.name).teacher)
    teacher.error.write_text(ERROR)
    the_run(copy).result.unlink()
    for command in ("status", "collect", "leaderboard"):
        said = call(command, "e", "--results", str(copy.root))
        assert "blocked" not in said.text
        assert "no file a.wav" not in said.text
    assert call(*RUN, "--results", str(copy.root)).code == 0
    assert not teacher.error.exists()


@pytest.mark.parametrize("content", [b"", b"[]", b'{"value": 99.0, "run_id": "x"}'])
def test_a_damaged_result_of_another_experiment_is_not_adopted(copy: Experiment, content: bytes) -> None:
    run = the_run(copy)
    expected = contents(run)
    run.result.write_bytes(content)
    said = call(*RUN, "--experiment", "other", "--results", str(copy.root))
    assert said.code == 0
    assert contents(Experiment(copy.root, "other").run(run.path.name)) == expected
    assert run.result.read_bytes() == content, "what is wrong there is not this experiment's business"


def test_removed_weights_and_predictions_are_no_damage(copy: Experiment) -> None:
    before = {path: path.stat().st_mtime_ns for path in copy.path.rglob("result.json")}
    for path in [*copy.path.rglob("*.safetensors")]:
        path.unlink()
    assert call(*RUN, "--results", str(copy.root)).code == 0
    assert {path: path.stat().st_mtime_ns for path in copy.path.rglob("result.json")} == before


def test_a_lost_plan_is_rebuilt_by_the_command_that_made_it(copy: Experiment) -> None:
    stored = copy.plan.read_bytes()
    copy.plan.unlink()
    for command in ("status", "leaderboard", "doctor"):
        said = call(command, "e", "--results", str(copy.root))
        assert said.code == 2
        assert f"{copy.plan} is missing, although there are runs. Rerun the command" in said.text
    said = call(*RUN, "--results", str(copy.root))
    assert said.code == 0
    assert f"{copy.plan} was missing, although there are runs" in said.text
    assert copy.plan.read_bytes() == stored


@pytest.mark.parametrize("name", ["plan.json", "spec.json"])
def test_another_version_is_named_as_such(copy: Experiment, name: str) -> None:
    path, _ = prepare(copy, name)
    stored = json.loads(path.read_text())
    stored.pop("digest", None)
    path.write_text(
        json.dumps({key: stored[key] for key in list(stored)[:-2]} | {"version": RESULTS_VERSION - 1, "cells": []})
    )
    said = call("leaderboard", "e", "--results", str(copy.root))
    assert said.code == 2
    assert f"{path} was written by another version of cmkd-bench" in said.text


def test_many_damaged_files_are_counted(copy: Experiment) -> None:
    for path in copy.path.glob("runs/*/*.json"):
        path.write_bytes(b"")
    said = call("leaderboard", "e", "--results", str(copy.root))
    assert said.code == 0
    assert sum(line.startswith("damaged: ") for line in said.text.splitlines()) <= 5
    assert "is empty" in call("doctor", "e", "--results", str(copy.root)).text
    assert call(*RUN, "--results", str(copy.root)).code == 0
    assert "damaged files: 0" in call("doctor", "e", "--results", str(copy.root)).text


@pytest.mark.slow
def test_the_table_of_the_docs_is_what_the_commands_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    assert PAGE.read_text(encoding="utf-8").endswith(f"\n\n{table(tmp_path)}\n")
