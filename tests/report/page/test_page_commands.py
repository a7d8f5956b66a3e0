"""The commands that the page prints run exactly the runs beside which they stand."""

from __future__ import annotations

import dataclasses
import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from cmkd_bench.cli import options
from cmkd_bench.experiment.record import add_plan
from cmkd_bench.planning.build import make_plan
from cmkd_bench.planning.request import GridOptions
from cmkd_bench.planning.resolve import resolve
from cmkd_bench.report.experiment_data import read_experiment
from cmkd_bench.report.page import commands, completeness, figures
from cmkd_bench.report.page.report_page import make_page

OVERRIDES = ("train.epochs=3", "train.optimizer=sgd", "method.kd.temperature=2.5", "model.vector=linear")


def plan_of(root: Path, arguments: list[str]) -> Any:
    """What the command line would plan."""
    given: dict[str, Any] = {}
    rest = iter(arguments)
    overrides = []
    for argument in rest:
        if argument in ("--one-way", "--no-controls", "--retry-failed"):
            given[argument] = True
        elif argument.startswith("--"):
            given[argument] = next(rest)
        else:
            overrides.append(argument)
    asked = GridOptions(
        methods=given["--methods"],
        datasets=given["--datasets"],
        pairs=given["--pairs"],
        seeds=options.seeds(given["--seeds"]),
        folds=options.folds(given.get("--folds")),
        overrides=overrides,
        experiment=given["--experiment"],
        results=root,
        controls="--no-controls" not in given,
        one_way="--one-way" in given,
        trials=int(given["--trials"]) if "--trials" in given else None,
        command="THE COMMAND --trials 3",
    )
    grid = resolve(asked)
    return grid, make_plan(grid)


@pytest.mark.parametrize(
    ("dataset", "pair", "extra"),
    [("mfeat", "pixels:fourier", ()), ("watch", "accelerometer:gyroscope", ("--folds", "2,"))],
)
def test_each_command_plans_its_own_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dataset: str, pair: str, extra: tuple[str, ...]
) -> None:
    monkeypatch.setattr(figures, "plots", lambda data: [])
    chosen = [one for one in OVERRIDES if dataset == "mfeat" or not one.startswith("model")]
    asked = ["--methods", "none,kd,kd_random", "--datasets", dataset, "--pairs", pair, "--seeds", "0,4", *extra]
    grid, plan = plan_of(tmp_path / "results", [*asked, "--experiment", "mine", *chosen])
    add_plan(grid.experiment, plan)
    (text,) = re.findall(r'id="data">(.*?)</script>', make_page(grid.experiment), re.DOTALL)
    data = json.loads(text)
    seen = 0
    for cell in data["cells"].values():
        assert cell["has_folds"] == (dataset == "watch")
        for run in cell["runs"]:
            arguments = shlex.split(run["command"])[2:]
            assert arguments[arguments.index("--experiment") + 1] == "mine"
            assert "--results" not in arguments
            _, found = plan_of(tmp_path / "results", arguments)
            assert run["id"] in found.specs
            seen += 1
    assert seen == 2 * 2 * (3 + 3 + 1)  # directions, seeds, and rows: asked for, further controls, teacher


def test_each_command_plans_the_run_of_its_variant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "plots", lambda data: [])
    variants = "kd,kd(temperature=1),kd(temperature=4)=the paper's <4>,c2kd(preset=official_code)"
    asked = ["--methods", variants, "--datasets", "mfeat", "--pairs", "pixels:fourier", "--seeds", "1", "--one-way"]
    grid, plan = plan_of(tmp_path / "results", [*asked, "--experiment", "mine", "method.kd.temperature=2"])
    add_plan(grid.experiment, plan)
    page = make_page(grid.experiment)
    (text,) = re.findall(r'id="data">(.*?)</script>', page, re.DOTALL)
    titles = {cell["title"].partition(" on ")[0]: cell["runs"] for cell in json.loads(text)["cells"].values()}
    assert titles.keys() >= {"kd", "kd(temperature=1)", "the paper's <4>", "c2kd(preset=official_code)"}
    for row, (run,) in titles.items():
        again, found = plan_of(tmp_path / "results", shlex.split(run["command"])[2:])
        assert run["id"] in found.specs
        assert row == "teacher" or row in again.rows
    (repair,) = completeness.repairs(read_experiment(grid.experiment))
    again, found = plan_of(tmp_path / "results", shlex.split(repair)[2:])
    assert again.rows.keys() == grid.rows.keys()
    assert found.specs.keys() == plan.specs.keys()


def test_the_command_of_a_tuned_run_runs_its_values_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "plots", lambda data: [])
    asked = ["--methods", "kd", "--datasets", "mfeat", "--pairs", "pixels:fourier", "--seeds", "1"]
    grid, plan = plan_of(tmp_path / "results", [*asked, "--experiment", "mine", "--one-way", "--trials", "3"])
    (default,) = [cell for cell in plan.cells.values() if cell.method == "kd"]
    (drawn,) = [trial for trial in plan.studies[default.group].trials if trial.number == 2]
    plan.add_cell(dataclasses.replace(default, tuned=True, run_id=drawn.run_id))
    add_plan(grid.experiment, plan)
    page = make_page(grid.experiment)
    (text,) = re.findall(r'id="data">(.*?)</script>', page, re.DOTALL)
    data = json.loads(text)
    (cell,) = [cell for cell in data["cells"].values() if cell["title"].startswith("kd (tuned)")]
    (run,) = cell["runs"]
    assert " --results repeated" in run["command"], "given by hand, its values would be those of the row kd"
    _, found = plan_of(tmp_path / "results", shlex.split(run["command"])[2:])
    assert run["id"] == drawn.run_id
    assert drawn.run_id in found.specs
    assert "THE COMMAND --trials 3" in page, "what is missing of a tuned row is brought by the command that tuned it"


def test_values_are_written_as_hydra_reads_them() -> None:
    values = {"a.b": "it's", "a.c": True, "a.d": "true", "a.e": 0.5, "a.f": "timm/resnet18", "a.g": ""}
    text = commands.settings(
        {"protocol": "c2kd", "pretrained": "hub", **values}, "unknown", [commands.ChosenRow("other", "", {"x": 2})]
    )
    assert shlex.split(text) == [
        "protocol=c2kd",
        "a.b='it\\'s'",
        "a.c=true",
        "a.d='true'",
        "a.e=0.5",
        "a.f=timm/resnet18",
        "a.g=''",
        "model.pretrained=true",
        "method.other.x=2",
    ]
