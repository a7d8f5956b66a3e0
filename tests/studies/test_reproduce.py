"""A preset from its file to its picture, together and one by one, with few steps."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from typer.testing import CliRunner

from cmkd_bench.cli.app import app
from cmkd_bench.config.roots import Roots
from cmkd_bench.errors import GridError, UserError
from cmkd_bench.experiment.store import Experiment
from cmkd_bench.studies import preset as presets
from cmkd_bench.studies import side_by_side
from cmkd_bench.studies.reproduction import reproduce
from cmkd_bench.training.vectorized import execute_vectorized

SHORT = """
title: Two points
paper: Nobody, nowhere
dataset: gaussian
pair: x1:x2
draws: 2
axis: gamma
crossing: [kd, none]
overrides: [train.select_on=last, train.epochs=30]
grids:
  all: {methods: [kd], overrides: [method.kd.preset=mfh]}
rows: {teacher: [all, teacher], none: [all, none], kd: [all, kd]}
points:
  - {label: gamma=0, x: 0.0, overrides: [dataset.gaussian.gamma=0]}
  - {label: gamma=1, x: 1.0, overrides: [dataset.gaussian.gamma=1]}
claims:
  - {says: it grows, row: kd, minus: none, expect: rising}
published:
  - {name: a guess, tolerance: 50, why: nobody knows, values: {none: [50, null]}}
"""


@pytest.fixture
def short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "presets"
    folder.mkdir()
    (folder / "short.yaml").write_text(SHORT)
    (folder / "wrong.yaml").write_text(SHORT.replace("gamma=0]", "gama=0]").replace("epochs=30", "epochs=x"))
    monkeypatch.setattr(presets, "FOLDER", folder)
    return tmp_path


def results_of(root: Path, name: str = "short") -> dict[str, dict]:
    """The content of result.json by run id, without the digests: weights differ by rounding."""
    found = {path.parent.name: json.loads(path.read_text()) for path in root.glob(f"{name}/*/runs/*/result.json")}
    return {run_id: {key: one[key] for key in one if key not in ("digest", "files")} for run_id, one in found.items()}


@pytest.mark.parametrize("jobs", [1, 2])
def test_together_gives_the_numbers_of_one_by_one(short: Path, jobs: int) -> None:
    together = reproduce("short", results=short / "together", jobs=jobs, quiet=True)
    alone = reproduce("short", results=short / "alone", jobs=1, vectorized=False, quiet=True)
    for row, curve in alone.curves.items():
        assert curve.shape == (2, 2)
        np.testing.assert_array_equal(together.curves[row], curve)
    ours, theirs = results_of(short / "together"), results_of(short / "alone")
    assert len(ours) == 2 * 2 * 3
    assert ours == theirs
    for run_id in ours:
        (one,), (other,) = (list((short / kind / "short").glob(f"*/runs/{run_id}")) for kind in ("together", "alone"))
        for name in ("student", "predictions"):
            expected = load_file(other / f"{name}.safetensors")
            for key, value in load_file(one / f"{name}.safetensors").items():
                torch.testing.assert_close(value, expected[key], rtol=1e-4, atol=1e-5)
        histories = [json.loads((path / "history.json").read_text()) for path in (one, other)]
        terms = [[record["losses"] for record in history] for history in histories]
        assert len(terms[0]) == len(terms[1]) == 30
        for mine, their in zip(*terms, strict=True):
            assert mine == pytest.approx(their, rel=1e-4, abs=1e-6)


def test_a_group_that_dies_is_left_to_the_launcher(short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = reproduce("short", results=short / "expected", jobs=2, quiet=True)
    monkeypatch.setattr(side_by_side, "_train", lambda runs: os._exit(9))
    found = reproduce("short", results=short / "found", jobs=2, quiet=True)
    assert found.curves
    for row, curve in found.curves.items():
        np.testing.assert_array_equal(curve, expected.curves[row])


def test_each_draw_has_its_own_data_and_its_own_seed(short: Path) -> None:
    reproduce("short", results=short, quiet=True)
    specs = [json.loads(path.read_text()) for path in short.glob("short/gamma=0/runs/*/spec.json")]
    assert {(spec["seed"], spec["fold"]) for spec in specs} == {(0, 0), (1, 1)}


def test_it_writes_table_picture_and_verdict(short: Path) -> None:
    found = CliRunner().invoke(app, ["reproduce", "short", "--results", str(short / "results")])
    assert found.exit_code == 0, found.output
    folder = short / "results" / "short"
    text = (folder / "2-draws.md").read_text()
    assert "against a guess: " in text
    assert "it grows: " in text
    assert "cmkd-bench reproduce short --seeds 2" in text
    with (folder / "2-draws.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["point"], row["row"], row["a guess"]) for row in rows] == [
        ("gamma=0", "teacher", ""),
        ("gamma=0", "none", "50"),
        ("gamma=0", "kd", ""),
        ("gamma=1", "teacher", ""),
        ("gamma=1", "none", ""),
        ("gamma=1", "kd", ""),
    ]
    assert (folder / "2-draws.png").read_bytes().startswith(b"\x89PNG")
    assert "a guess" in (folder / "2-draws.svg").read_text()


def test_without_a_name_the_presets_are_listed(short: Path) -> None:
    found = CliRunner().invoke(app, ["reproduce"])
    assert found.exit_code == 0
    assert [line.split()[0] for line in found.output.splitlines()] == ["short", "wrong"]


def test_all_problems_of_all_points_are_said_before_anything_is_run(short: Path) -> None:
    with pytest.raises(GridError) as error:
        reproduce("wrong", results=short / "results", quiet=True)
    assert len(error.value.problems) == 2
    assert not (short / "results").exists()


def test_more_draws_than_the_dataset_has_are_refused(short: Path) -> None:
    with pytest.raises(UserError, match=r"--seeds 101: 'short' .* 100 .* 2"):
        reproduce("short", draws=101, results=short, quiet=True)


def test_what_cannot_be_stacked_is_left_alone(quick_run, tmp_path: Path) -> None:
    quick_run()
    experiment = Experiment(tmp_path / "results", "quick")
    ids = [path.name for path in (experiment.path / "runs").iterdir()]
    run_id = next(one for one in ids if experiment.read_spec(one).teacher is None)
    experiment.run(run_id).result.unlink()
    assert execute_vectorized([experiment], [run_id], torch.device("cpu"), Roots()) == "the epoch is selected"
    assert experiment.run(run_id).state() == "pending"
