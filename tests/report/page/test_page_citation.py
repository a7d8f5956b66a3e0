"""The page's last part: commands that make the whole grid again, BibTeX, and the settings that matter."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from cmkd_bench.cli import options
from cmkd_bench.experiment.plan import Plan
from cmkd_bench.experiment.record import add_plan
from cmkd_bench.planning.build import make_plan
from cmkd_bench.planning.grid import Grid
from cmkd_bench.planning.request import GridOptions
from cmkd_bench.planning.resolve import resolve
from cmkd_bench.report.experiment_data import read_experiment
from cmkd_bench.report.page.bibliography import bibliography, cited, entry
from cmkd_bench.report.page.grid_commands import grid_commands
from cmkd_bench.report.page.relevance import relevant

ROOT = Path(__file__).parents[3]


def planned(root: Path, command: str) -> tuple[Grid, Plan]:
    """What the command line would plan."""
    given: dict[str, str] = {}
    overrides: list[str] = []
    words = iter(shlex.split(command)[2:])
    for word in words:
        if word in ("--one-way", "--no-controls"):
            given[word] = ""
        elif word.startswith("--"):
            given[word] = next(words)
        else:
            overrides.append(word)
    grid = resolve(
        GridOptions(
            methods=given["--methods"],
            datasets=given["--datasets"],
            pairs=given.get("--pairs"),
            seeds=options.seeds(given["--seeds"]),
            folds=options.folds(given.get("--folds")),
            labels=given.get("--labels"),
            overrides=overrides,
            experiment="mine",
            results=root,
            controls="--no-controls" not in given,
            one_way="--one-way" in given,
            trials=int(given["--trials"]) if "--trials" in given else None,
        )
    )
    return grid, make_plan(grid)


@pytest.mark.parametrize(
    ("asked", "count"),
    [
        ("--methods kd,dkd --datasets mfeat,watch --seeds 2 --labels 0.05,1 --trials 3 train.epochs=3", 1),
        ("--methods kd --datasets mfeat --pairs pixels:fourier --one-way --seeds 0,4 method.kd.temperature=2.5", 1),
        ("--methods none --datasets watch --folds 1,2 --no-controls --seeds 1 train.optimizer=sgd", 1),
    ],
)
def test_the_commands_plan_the_same_grid(tmp_path: Path, asked: str, count: int) -> None:
    grid, plan = planned(tmp_path / "results", f"cmkd-bench run {asked}")
    add_plan(grid.experiment, plan)
    found = grid_commands(read_experiment(grid.experiment))
    assert len(found) == count
    again = [planned(tmp_path / "results", command)[1] for command in found]
    assert set().union(*(one.specs for one in again)) == set(plan.specs)
    assert set().union(*(one.cells for one in again)) == set(plan.cells)
    assert all("--experiment mine" in command for command in found)
    assert ("--trials 3" in found[0]) == ("--trials" in asked)


def test_an_experiment_of_unlike_commands_takes_several(tmp_path: Path) -> None:
    everything: set[Any] = set()
    for asked in ("--methods kd --datasets mfeat --seeds 1", "--methods dkd --datasets watch --seeds 2"):
        grid, plan = planned(tmp_path / "results", f"cmkd-bench run {asked}")
        add_plan(grid.experiment, plan)
        everything |= set(plan.cells)
    commands = grid_commands(read_experiment(grid.experiment))
    assert len(commands) == 2
    assert set().union(*(planned(tmp_path / "results", one)[1].cells for one in commands)) == everything


def test_the_bibliography_has_methods_datasets_and_the_suite(tmp_path: Path) -> None:
    grid, plan = planned(tmp_path / "results", "cmkd-bench run --methods kd,dkd --datasets mfeat --seeds 1")
    add_plan(grid.experiment, plan)
    text = bibliography(read_experiment(grid.experiment))
    keys = re.findall(r"^@\w+\{(\w+),$", text, re.MULTILINE)
    assert len(keys) == len(set(keys)) == 5, "the suite, label smoothing, KD with its controls, DKD, mfeat"
    assert "author = {Hinton and Vinyals and Dean}" in text
    assert "title = {{Distilling the Knowledge in a Neural Network}}" in text
    assert "author = {{van Breukelen} and Duin and Tax and {den Hartog}}" in text
    assert "year = {1998}" in text
    assert text.count("{") == text.count("}")


def test_a_citation_is_taken_apart_only_where_it_has_the_usual_form() -> None:
    assert cited("Cao, Gur: CREMA-D: Actors. IEEE Trans. 5(4):377-390, 2014") == {
        "author": "Cao and Gur",
        "title": "CREMA-D: Actors",
        "howpublished": "IEEE Trans. 5(4):377-390, 2014",
        "year": "2014",
    }
    assert cited("OpenMoji, the open-source project") == {"title": "OpenMoji, the open-source project", "year": ""}
    assert entry("misc", "a", {"title": "50 % & more_", "url": "http://x/a_b", "year": ""}) == (
        "@misc{a,\n  title = {{50 \\% \\& more\\_}},\n  url = {http://x/a_b}\n}"
    )


def test_the_citation_file_agrees_with_the_package() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert citation["title"] == f"{project['name']}: {project['description']}"
    assert (citation["version"], citation["license"]) == (project["version"], project["license"])
    assert citation["authors"]


def test_only_settings_that_matter_are_listed() -> None:
    conditions: dict[str, Any] = {
        "protocol": "fair",
        "train.optimizer": "adamw",
        "train.momentum": 0.9,
        "train.schedule": "poly",
        "train.poly_power": 0.9,
        "model.student": "auto",
        "model.teacher": "mlp",
        "model.vector": "mlp",
        "model.video": "timm/resnet18",
        "augment.flip": True,
        "augment.columns": 3,
        "augment.teacher": False,
        "prepare.frames": 8,
        "prepare.mels": 64,
    }
    always = {"protocol", "train.optimizer", "train.schedule", "train.poly_power", "model.student", "model.teacher"}
    assert set(relevant(conditions, {"vector"})) == always | {"model.vector"}
    video = {"model.video", "augment.flip", "augment.teacher", "prepare.frames"}
    assert set(relevant(conditions, {"video"})) == always | video
    assert set(relevant(conditions, {"spectrogram"})) == always | {"augment.columns", "augment.teacher", "prepare.mels"}
    assert set(relevant(conditions, ())) == set(conditions) - {"train.momentum"}, "kinds are not known"
