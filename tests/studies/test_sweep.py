"""A knob's values as they are written, and a small sweep from command to picture."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from cmkd_bench.cli.app import app
from cmkd_bench.errors import GridError, UserError
from cmkd_bench.studies.sweep import parse_vary, sweep
from cmkd_bench.studies.sweep_table import Sweep, as_markdown, as_rich, picture


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


def made() -> Sweep:
    """Two values and three draws; kd's gains rise by 2, 4 and 3 over a quarter of the knob."""
    none = np.array([[50.0, 60.0, 55.0], [50.0, 60.0, 55.0]])
    curves = {"teacher": none + 1, "none": none, "kd": none + np.array([[1.0, -1.0, 0.0], [3.0, 3.0, 3.0]])}
    names = ("gap", "rank_correlation", "cka", "distance")
    return Sweep("shared", (0.5, 0.75), "none", curves, {name: np.array([[0.1] * 3, [0.2] * 3]) for name in names})


def test_the_slope_is_the_change_per_one_of_the_knob_with_its_interval() -> None:
    gains, measured, _ = as_markdown(made()).split("\n\n")
    # 8, 16 and 12 in the three draws: 12, and 4.303 * 4 / sqrt(3) to either side
    assert gains.splitlines()[-1] == "| slope | +0.00 [+0.00, +0.00] | +12.00 [+2.06, +21.94] |"
    assert gains.splitlines()[-2].startswith("| 0.75 | +1.00 [+1.00, +1.00] | +3.00")
    assert measured.splitlines()[0] == "| shared | tau | CKA | distance |"
    assert measured.splitlines()[-1].count("+0.400 [+0.400, +0.400]") == 3


def test_a_terminal_sees_half_the_width_of_an_interval() -> None:
    console = Console(width=80, file=io.StringIO())
    console.print(as_rich(made()))
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "+12.00 ± 9.94" in shown


def test_no_digit_is_lost_in_a_narrow_terminal() -> None:
    console = Console(width=40, file=io.StringIO())
    console.print(as_rich(made()))
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "…" not in shown
    assert "9.94" in shown


def test_what_could_not_be_measured_is_said() -> None:
    found = replace(made(), measured={}, unmeasured="Nothing was measured: the weights are gone.")
    assert "the weights are gone" in as_markdown(found)
    assert "tau" not in as_markdown(found)
    assert not picture("gapped", found).below


def test_a_sweep_writes_tables_and_picture(tmp_path: Path) -> None:
    command = ["sweep", "gapped", "--vary", "shared=0,1", "--methods", "kd", "--seeds", "2", "train.epochs=1"]
    options = ["dataset.gapped.pairs=64", "--results", str(tmp_path)]
    found = CliRunner().invoke(app, [*command, *options])
    assert found.exit_code == 0, found.output
    folder = tmp_path / "sweep-gapped-shared"
    with (folder / "gains.csv").open() as file:
        rows = {(row["shared"], row["row"]): row for row in csv.DictReader(file)}
    assert sorted(rows) == sorted((value, row) for value in ("0.0", "1.0") for row in ("teacher", "none", "kd"))
    assert (folder / "gains.svg").exists()
    assert {path.parent.name for path in folder.glob("*/plan.json")} == {"shared=0", "shared=1"}
    with (folder / "measured.csv").open() as file:
        measured = {(row["shared"], row["quantity"]): row for row in csv.DictReader(file)}
    # the gap is measured from saved logits, the accuracies are the runs' own
    for value in ("0.0", "1.0"):
        for draw in ("draw 0", "draw 1"):
            own = float(rows[value, "teacher"][draw]) - float(rows[value, "none"][draw])
            assert float(measured[value, "gap"][draw]) == pytest.approx(own)
            assert -1 < float(measured[value, "rank_correlation"][draw]) < 1
            assert 0 < float(measured[value, "cka"][draw]) < 1


def test_a_sweep_without_saved_networks_says_so_and_keeps_its_gains(tmp_path: Path) -> None:
    asked: Any = {"methods": ["kd"], "draws": 1, "overrides": ["train.epochs=1", "dataset.gapped.pairs=64"]}
    first = sweep("gapped", "shared=0.5", **asked, results=tmp_path, quiet=True)
    for weights in tmp_path.glob("*/*/runs/*/student.safetensors"):
        weights.unlink()
    again = sweep("gapped", "shared=0.5", **asked, results=tmp_path, quiet=True)
    assert first.measured
    assert not again.measured
    assert "student.safetensors" in again.unmeasured
    assert again.curves["kd"] == first.curves["kd"]


def test_an_unknown_knob_is_refused_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(GridError, match=r"Did you mean 'dataset\.gapped\.shared'"):
        sweep("gapped", "shard=0:1:0.5", methods=["kd"], results=tmp_path, quiet=True)
    assert not list(tmp_path.iterdir())
