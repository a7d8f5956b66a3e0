"""The knob of a sweep and its values, what is refused, and small sweeps from command to picture."""

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
from cmkd_bench.studies.knob import Knob, parse_vary, setting_of
from cmkd_bench.studies.sweep import SweepOptions, check_sweep, sweep
from cmkd_bench.studies.sweep_table import Sweep, as_markdown, as_rich, picture


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("shared=0:1:0.25", ("0", "0.25", "0.5", "0.75", "1")),
        ("shared=0:0.3:0.1", ("0", "0.1", "0.2", "0.3")),
        ("shared=1:0:-0.5", ("1", "0.5", "0")),
        ("shared=0:1:0.3", ("0", "0.3", "0.6", "0.9")),
        ("shared=2,8,32", ("2", "8", "32")),
        ("shared=6pc, 0.05", ("6pc", "0.05")),
        ("shared=same,all", ("same", "all")),
    ],
)
def test_the_values_are_those_that_are_written(text: str, values: tuple[str, ...]) -> None:
    assert parse_vary(text) == Knob("shared", values)


@pytest.mark.parametrize(
    "text", ["", "shared", "shared=", "=0:1:1", "a=0:1:0", "a=0:1:-1", "a=1,1.0", "a=nan", "a=b,b", "a=1,,2"]
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="KNOB=from:to:step"):
        parse_vary(text)


@pytest.mark.parametrize(
    ("values", "scale"),
    [
        ("0:1:0.5", [0, 0.5, 1]),
        ("0.01,0.05,0.25,1", np.log2([0.01, 0.05, 0.25, 1])),
        ("1,2,4", [0, 1, 2]),
        ("1,2,3", [1, 2, 3]),
        ("1,100", [1, 100]),
        ("-1,0,10", [-1, 0, 10]),
        ("same,all", None),
    ],
)
def test_values_that_are_spaced_by_ratio_are_on_a_logarithmic_scale(values: str, scale: list[float] | None) -> None:
    knob = parse_vary(f"a={values}")
    if scale is None:
        assert knob.scale is None
    else:
        np.testing.assert_allclose(knob.scale, scale)


@pytest.mark.parametrize(
    ("knob", "setting"),
    [
        ("labels", "labels"),
        ("mispaired", "supervision.mispaired"),
        ("model", "model"),
        ("shared", "dataset.gapped.shared"),
        ("train.epochs", "train.epochs"),
        ("method.kd.temperature", "method.kd.temperature"),
        ("dataset.ave.labels", "dataset.ave.labels"),  # an option of this name is reached by its key
    ],
)
def test_a_knob_is_any_setting(knob: str, setting: str) -> None:
    assert setting_of(knob, "gapped") == setting


def test_gains_are_over_the_student_alone_in_the_same_draw() -> None:
    curves = {"none": np.array([[50.0, 60.0]]), "kd": np.array([[53.0, 61.0]])}
    assert Sweep("gapped", Knob("shared", ("0",)), "none", curves).gains["kd"].tolist() == [[3.0, 1.0]]


def made(*values: str) -> Sweep:
    """Two values and three draws; kd's gains rise by 2, 4 and 3 from one value to the other."""
    none = np.array([[50.0, 60.0, 55.0], [50.0, 60.0, 55.0]])
    curves = {"teacher": none + 1, "none": none, "kd": none + np.array([[1.0, -1.0, 0.0], [3.0, 3.0, 3.0]])}
    names = ("gap", "rank_correlation", "cka", "distance")
    measured = {name: np.array([[0.1] * 3, [0.2] * 3]) for name in names}
    return Sweep("gapped, image → sequence", Knob("shared", values or ("0.5", "0.75")), "none", curves, measured)


def shown(found: Sweep, width: int = 80) -> str:
    file = io.StringIO()
    Console(width=width, file=file).print(as_rich(found))
    return file.getvalue()


def test_the_slope_is_the_change_per_one_of_the_knob_with_its_interval() -> None:
    gains, measured, _ = as_markdown(made()).split("\n\n")
    # 8, 16 and 12 in the three draws: 12, and 4.303 * 4 / sqrt(3) to either side
    assert gains.splitlines()[-1] == "| slope | +0.00 [+0.00, +0.00] | +12.00 [+2.06, +21.94] |"
    assert gains.splitlines()[-2].startswith("| 0.75 | +1.00 [+1.00, +1.00] | +3.00")
    assert measured.splitlines()[0] == "| shared | tau | CKA | distance |"
    assert measured.splitlines()[-1].count("+0.400 [+0.400, +0.400]") == 3


def test_a_terminal_sees_scores_and_gains_with_half_the_width_of_an_interval() -> None:
    lines = shown(made()).splitlines()
    first = next(line for line in lines if line.startswith("│    0.5"))
    # 1, -1 and 0: a standard deviation of 1, so 4.303 / sqrt(3) to either side
    assert [cell.strip() for cell in first.split("│")][2:5] == ["56.00", "55.00", "55.00 (+0.00 ± 2.48)"]
    assert "+12.00 ± 9.94" in shown(made())


def test_no_digit_is_lost_in_a_narrow_terminal() -> None:
    assert "…" not in shown(made(), 40)
    assert "9.94" in shown(made(), 40)


def test_values_that_are_no_numbers_have_no_slope_and_even_places() -> None:
    found = made("same", "all")
    assert "slope" not in as_markdown(found)
    assert picture(found).x is None
    assert list(picture(found).places) == ["same", "all"]


def test_what_could_not_be_measured_is_said() -> None:
    found = replace(made(), measured={}, unmeasured="Nothing was measured: the weights are gone.")
    assert "the weights are gone" in as_markdown(found)
    assert "tau" not in as_markdown(found)
    assert not picture(found).below


def rows_of(file: Path, *keys: str) -> dict[tuple[str, ...], dict[str, str]]:
    with file.open() as lines:
        return {tuple(row[key] for key in keys): row for row in csv.DictReader(lines)}


def test_a_sweep_writes_tables_and_picture(tmp_path: Path) -> None:
    command = ["sweep", "gapped", "--vary", "shared=0,1", "--methods", "kd", "--seeds", "2", "train.epochs=1"]
    options = ["dataset.gapped.pairs=64", "--results", str(tmp_path), "--experiment", "mine"]
    found = CliRunner().invoke(app, [*command, *options])
    assert found.exit_code == 0, found.output
    assert "\x1b" not in found.output
    folder = tmp_path / "mine"
    rows = rows_of(folder / "gains.csv", "shared", "row")
    assert list(rows) == [(value, row) for value in ("0", "1") for row in ("teacher", "none", "kd")]
    assert (folder / "gains.svg").exists()
    assert {path.parent.name for path in folder.glob("*/plan.json")} == {"shared=0", "shared=1"}
    measured = rows_of(folder / "measured.csv", "shared", "quantity")
    # the gap is measured from saved logits, the accuracies are the runs' own
    for value in ("0", "1"):
        for draw in ("draw 0", "draw 1"):
            own = float(rows[value, "teacher"][draw]) - float(rows[value, "none"][draw])
            assert float(measured[value, "gap"][draw]) == pytest.approx(own)
            assert -1 < float(measured[value, "rank_correlation"][draw]) < 1
            assert 0 < float(measured[value, "cka"][draw]) < 1
    again = CliRunner().invoke(app, [*command, *options, "--dry-run"])
    assert "12 runs (12 done, 0 to do)" in again.output


def test_labels_are_a_knob_of_any_dataset_and_a_run_with_all_of_them_is_that_of_a_run(tmp_path: Path) -> None:
    asked = SweepOptions("mfeat", "labels=1pc,1", methods="kd", draws=1, overrides=["train.epochs=1"], results=tmp_path)
    checked = check_sweep(replace(asked, pair="pixels:zernike"))
    directions = {grid.datasets["mfeat"].labels: grid.datasets["mfeat"].directions for grid in checked.grids.values()}
    assert directions == {("1pc",): (("pixels", "zernike"),), (1.0,): (("pixels", "zernike"),)}
    assert checked.place == "mfeat, pixels → zernike"
    assert (
        check_sweep(replace(asked, vary="mispaired=1", labels="1pc")).place
        == "mfeat, 1 label per class, pixels → fourier"
    )
    found = sweep(replace(asked, quiet=True))
    assert found.curves["kd"].shape == (2, 1)
    assert found.curves["none"][0, 0] < found.curves["none"][1, 0]  # ten labels against 1200


def test_a_knob_that_changes_one_method_leaves_the_others_and_their_runs(tmp_path: Path) -> None:
    asked = {"methods": "kd", "draws": 1, "overrides": ["train.epochs=1"], "results": tmp_path, "quiet": True}
    found = sweep(SweepOptions("mfeat", "method.kd.temperature=1,16", **asked))  # type: ignore[arg-type]
    assert found.curves["none"][0] == found.curves["none"][1]
    assert found.curves["kd"][0] != found.curves["kd"][1]


def test_a_sweep_without_saved_networks_says_so_and_keeps_its_gains(tmp_path: Path) -> None:
    overrides = ["train.epochs=1", "dataset.gapped.pairs=64"]
    asked = SweepOptions("gapped", "shared=0.5", "kd", draws=1, overrides=overrides, results=tmp_path, quiet=True)
    first = sweep(asked)
    for weights in tmp_path.glob("*/*/runs/*/student.safetensors"):
        weights.unlink()
    again = sweep(asked)
    assert first.measured
    assert not again.measured
    assert "student.safetensors" in again.unmeasured
    assert again.curves["kd"] == first.curves["kd"]


@pytest.mark.parametrize(
    ("dataset", "vary", "options", "expected"),
    [
        ("gapped", "shard=0:1:0.5", {}, "Did you mean 'shared'"),
        ("gapped", "misalignment=0,2", {}, "misalignment=2"),
        ("mfeat", "label=0.1,1", {}, "Did you mean 'labels'"),
        ("mfeat", "labels=0.1,2", {}, "labels 2"),
        ("mfeat", "labels=0.1,1", {"labels": "0.5"}, "--labels 0.5"),
        ("mfeat", "mispaired=0,1", {"labels": "0.5,1"}, "--vary labels=0.5,1"),
        ("mfeat", "train.epochs=1,2", {"overrides": ["train.epochs=3"]}, "train.epochs"),
        ("mfeat", "method.kd.temprature=1", {}, "Did you mean 'method.kd.temperature'"),
        ("mfeat", "labels=0.1,1", {"overrides": ["launcher=slurm"]}, "launcher=slurm"),
        ("mfeat", "labels=0.1,1", {"experiment": "../there"}, "../there"),
        ("mfaet", "labels=0.1,1", {}, "Did you mean 'mfeat'"),
        ("mfeat", "labels=0.1,1", {"pair": "pixels:fouriers"}, "Did you mean 'pixels:fourier'"),
        ("mfeat", "labels=0.1,1", {"methods": "kdd"}, "Did you mean 'kd'"),
    ],
)
def test_a_mistake_is_refused_before_anything_runs(
    dataset: str, vary: str, options: dict[str, Any], expected: str, tmp_path: Path
) -> None:
    with pytest.raises(GridError) as caught:
        check_sweep(SweepOptions(dataset, vary, results=tmp_path, **options))
    assert expected in str(caught.value)
    assert len(caught.value.problems) == 1
    assert not list(tmp_path.iterdir())


def test_all_mistakes_are_reported_together(tmp_path: Path) -> None:
    asked = SweepOptions("gaped", "lables=1", "kdd", overrides=["train.epoch=3"], results=tmp_path)
    with pytest.raises(GridError) as caught:
        check_sweep(asked)
    assert all(name in str(caught.value) for name in ("'gapped'", "'labels'", "'kd'", "'train.epochs'"))
