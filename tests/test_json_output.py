"""`--format json`, `list` by kind and task, and what planning says: for programs and for eyes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from cmkd_bench.registry import datasets, methods

Command = Callable[..., CompletedProcess[str]]
EMBEDDED = {"gapped", "gaussian", "gaussian_general", "mfeat", "openmoji", "privileged", "watch"}


def read(done: CompletedProcess[str]) -> Any:
    return json.loads(done.stdout)


def test_lists_are_complete_and_selected(cmkd: Command, tmp_path: Path) -> None:
    every = read(cmkd("list", "--format", "json"))
    assert [one["name"] for one in every["methods"]] == methods.names()
    assert [one["name"] for one in every["datasets"]] == datasets.names()
    assert {one["name"] for one in read(cmkd("list", "--kind", "embedded", "--format", "json"))["datasets"]} == EMBEDDED
    dense = cmkd("list", "datasets", "--task", "segmentation").stdout
    assert "nyudv2" in dense
    assert "sunrgbd" in dense
    assert "mfeat" not in dense
    none = cmkd("list", "datasets", "--task", "segmentation", "--kind", "embedded")
    assert (none.returncode, "No dataset" in none.stdout) == (0, True)
    wrong = cmkd("list", "datasets", "--kind", "embeded")
    assert (wrong.returncode, "embedded" in wrong.stderr) == (2, True)
    assert "--task" in cmkd("list", "methods", "--task", "segmentation").stderr


def test_the_root_says_where_datasets_are(cmkd: Command, tmp_path: Path) -> None:
    made = cmkd("fixture", "ravdess", "--out", str(tmp_path / "data"))
    assert made.returncode == 0, made.stderr
    found = read(cmkd("list", "datasets", "--root", str(tmp_path / "data"), "--format", "json"))["datasets"]
    states = {one["name"]: one["state"] for one in found}
    assert states["ravdess"].startswith("miniature")
    assert states["ave"] == "not found"
    assert "miniature" in cmkd("list", "datasets", "ravdess", "--root", str(tmp_path / "data")).stdout


@pytest.mark.parametrize("columns", ["80", "50"])
def test_nothing_that_one_types_is_cut_through_a_pipe(
    cmkd: Command, monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    for name in ("c2kd", "kd", "ctkd"):
        facts, shown = read(cmkd("show", name, "--format", "json")), cmkd("show", name).stdout
        words = {word for line in shown.splitlines() for word in line.replace("│", " ").split()}
        for one in facts["parameters"]:
            assert one["set_by"].rpartition(".")[2] in words
            assert str(one["default"]) in words
        assert "…" not in shown
    assert "…" not in cmkd("list", "datasets", "crisismmd").stdout


def test_show_and_doctor_as_json(cmkd: Command) -> None:
    facts = read(cmkd("show", "dkd", "--format", "json"))
    assert (facts["is"], facts["paper"]["venue"]) == ("method", "CVPR 2022")
    assert {one["set_by"] for one in facts["parameters"]} >= {"method.dkd.alpha", "method.dkd.beta"}
    data = read(cmkd("show", "watch", "--format", "json"))
    assert [one["name"] for one in data["modalities"]] == ["accelerometer", "gyroscope"]
    assert data["folds"] == 5
    assert read(cmkd("show", "config", "--format", "json"))["train"]["epochs"] == 15
    assert read(cmkd("show", "mlp", "--format", "json"))["is"] == "network"
    checked = read(cmkd("doctor", "--format", "json"))
    assert {"Python", "devices", "folders"} <= {one["group"] for one in checked}
    assert {one["verdict"] for one in checked} <= {"ok", "note", "missing"}
    assert "Did you mean 'json'" in cmkd("doctor", "--format", "jsn").stderr


def test_a_run_its_status_and_its_leaderboard_as_json(cmkd: Command) -> None:
    quick = ("--methods", "kd", "--datasets", "mfeat", "--pairs", "pixels:fourier", "--one-way", "--seeds", "1")
    done = cmkd("run", *quick, "--no-controls", "--experiment", "e", "train.epochs=1")
    assert done.returncode == 0, done.stderr
    assert "planning mfeat" in done.stdout
    state = read(cmkd("status", "e", "--format", "json"))
    assert state["counts"] == {"done": 3}
    assert {one["method"] for one in state["runs"]} == {"none", "kd"}
    assert {one["state"] for one in state["runs"]} == {"done"}
    assert state["next"].startswith("cmkd-bench collect e")
    board = read(cmkd("leaderboard", "e", "--format", "json"))
    rows = {one["row"]: one for one in board["rows"]}
    assert set(rows) == {"teacher", "none", "kd"}
    assert rows["kd"]["gain"] == pytest.approx(rows["kd"]["mean"] - rows["none"]["mean"])
    assert rows["kd"]["gain_p_holm"] is None, "one seed"
