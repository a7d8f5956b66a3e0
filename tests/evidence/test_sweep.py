"""A knob's values as they are written, and a small sweep from command to picture."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from cmkd_bench.cli import app
from cmkd_bench.errors import GridError, UserError
from cmkd_bench.evidence.sweep import Sweep, parse_vary, sweep


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("shared=0:1:0.25", (0.0, 0.25, 0.5, 0.75, 1.0)),
        ("shared=0:0.3:0.1", (0.0, 0.1, 0.2, 0.3)),
        ("shared=1:0:-0.5", (1.0, 0.5, 0.0)),
        ("shared=0:1:0.3", (0.0, 0.3, 0.6, 0.9)),
        ("shared=2,8,32", (2.0, 8.0, 32.0)),
    ],
)
def test_the_values_are_those_that_are_written(text: str, values: tuple[float, ...]) -> None:
    assert parse_vary(text) == ("shared", values)


@pytest.mark.parametrize("text", ["", "shared", "shared=", "=0:1:1", "a=0:1", "a=0:1:0", "a=0:1:-1", "a=1,1", "a=nan"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="KNOB=from:to:step"):
        parse_vary(text)


def test_gains_are_over_the_student_alone_in_the_same_draw() -> None:
    curves = {"none": np.array([[50.0, 60.0]]), "kd": np.array([[53.0, 61.0]])}
    assert Sweep("shared", (0.0,), "none", curves).gains["kd"].tolist() == [[3.0, 1.0]]


def test_a_sweep_writes_table_and_picture(tmp_path: Path) -> None:
    command = ["sweep", "gapped", "--vary", "shared=0,1", "--methods", "kd", "--seeds", "1", "train.epochs=1"]
    found = CliRunner().invoke(app, [*command, "dataset.gapped.pairs=64", "--results", str(tmp_path)])
    assert found.exit_code == 0, found.output
    folder = tmp_path / "sweep-gapped-shared"
    with (folder / "gains.csv").open() as file:
        rows = [(row["shared"], row["row"]) for row in csv.DictReader(file)]
    assert sorted(rows) == sorted((value, row) for value in ("0.0", "1.0") for row in ("teacher", "none", "kd"))
    assert (folder / "gains.svg").exists()
    assert {path.parent.name for path in folder.glob("*/plan.json")} == {"shared=0", "shared=1"}


def test_an_unknown_knob_is_refused_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(GridError, match=r"Did you mean 'dataset\.gapped\.shared'"):
        sweep("gapped", "shard=0:1:0.5", methods=["kd"], results=tmp_path, quiet=True)
    assert not list(tmp_path.iterdir())
