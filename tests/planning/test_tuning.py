"""Tuning as a plan: trials, what is selected among them, and which cells then stand in the experiment."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import cmkd_bench
from cmkd_bench.errors import GridError
from cmkd_bench.experiment.files import read_json, write_json
from cmkd_bench.experiment.plan import Plan
from cmkd_bench.experiment.record import add_plan, read_plan, read_specs
from cmkd_bench.experiment.store import Experiment
from cmkd_bench.experiment.trials import Study, Trial, select
from cmkd_bench.planning.build import make_plan
from cmkd_bench.planning.grid import Grid
from cmkd_bench.planning.request import GridOptions
from cmkd_bench.planning.resolve import resolve
from cmkd_bench.planning.tuning import add_tuned, open_studies

KD = ("kd", "mfeat", 0, 1.0, "pixels", "fourier")
FREE = Study("m", "d", 0, 1.0, "a", "b", 0, tuple(Trial(number, {"x": number}, f"run{number}") for number in range(4)))


def make(folder: Path, **changes: Any) -> tuple[Grid, Plan]:
    arguments: dict[str, Any] = {
        "methods": "kd",
        "datasets": "mfeat",
        "pairs": "pixels:fourier",
        "seeds": [4, 7],
        "trials": 3,
        "controls": False,
        "one_way": True,
        "labels": 1,
        "results": folder,
        "experiment": "t",
    }
    grid = resolve(GridOptions(**{**arguments, **changes}))
    return grid, make_plan(grid)


def finish(experiment: Experiment, plan: Plan, scores: Mapping[int, float | None]) -> None:
    """Let the trials end with these validation scores, and test scores in the opposite order; None is a failure."""
    for trial in plan.studies[KD].trials:
        score, folder = scores[trial.number], experiment.run(trial.run_id)
        folder.path.mkdir(parents=True, exist_ok=True)
        if score is None:
            write_json(folder.error, {"cause": "non-finite loss", "message": "nan", "traceback": []})
        else:
            folder.write_result({"val_value": score, "value": 100.0 - score})


def is_over(experiment: Experiment) -> Callable[[str], bool]:
    return lambda run_id: experiment.run(run_id).result.exists() or experiment.run(run_id).error.exists()


def tuned(plan: Plan) -> dict[int, str]:
    """By seed the runs of tuned cells."""
    return {cell.seed: cell.run_id for cell in plan.cells.values() if cell.tuned}


@pytest.mark.parametrize(
    ("scores", "number"),
    [
        ({"run0": 50.0, "run1": 60.0, "run2": 55.0}, 1),
        ({"run3": 60.0, "run1": 60.0, "run2": 60.0}, 1),  # equal: the first of them
        ({"run3": 10.0}, 3),  # the others failed
        ({"run0": 0.0, "run1": 0.0}, 0),
    ],
)
def test_the_best_on_validation_is_selected(scores: dict[str, float], number: int) -> None:
    chosen = select(FREE, scores)
    assert chosen is not None
    assert chosen.number == number


def test_nothing_is_selected_where_all_draws_failed() -> None:
    assert select(FREE, {}) is None


def test_draws_are_ordinary_runs_on_the_first_seed_and_draw_0_is_the_default_s_own(tmp_path: Path) -> None:
    _, plan = make(tmp_path)
    (trials,) = plan.studies.values()
    assert (trials.group, trials.seed, [trial.number for trial in trials.trials]) == (KD, 4, [0, 1, 2])
    (default,) = [cell.run_id for cell in plan.cells.values() if (cell.method, cell.seed) == ("kd", 4)]
    assert trials.trials[0].run_id == default
    for trial in trials.trials:
        given = {**dict(plan.specs[default].hyperparameters), **trial.values}
        assert plan.specs[trial.run_id] == replace(plan.specs[default], hyperparameters=tuple(sorted(given.items())))
    assert len({trial.run_id for trial in trials.trials}) == 3


def test_more_trials_leave_the_first_ones_as_they_are(tmp_path: Path) -> None:
    few, more = make(tmp_path)[1].studies[KD], make(tmp_path, trials=6)[1].studies[KD]
    assert more.trials[:3] == few.trials
    assert len(more.trials) == 6


def test_what_the_user_sets_is_part_of_every_draw_and_a_preset_too(tmp_path: Path) -> None:
    _, plan = make(tmp_path, overrides=["method.kd.alpha=0.25"])
    for trial in plan.studies[KD].trials:
        assert list(trial.values) == ["temperature"]
        assert dict(plan.specs[trial.run_id].hyperparameters)["alpha"] == 0.25
    with pytest.raises(GridError, match="--trials 3: nothing to tune: none of none, kd has"):
        make(tmp_path, overrides=["method.kd.preset=mfh"])


def test_validation_selects_and_not_the_test_score_and_all_seeds_get_the_values(tmp_path: Path) -> None:
    grid, plan = make(tmp_path)
    finish(grid.experiment, plan, {0: 50.0, 1: 60.0, 2: 40.0})  # the test scores are 50, 40, 60
    assert add_tuned(plan, grid.experiment, is_over(grid.experiment)) == 0
    best = plan.studies[KD].trials[1]
    assert tuned(plan)[4] == best.run_id, "the selected trial is the first seed's run"
    for seed, run_id in tuned(plan).items():
        default = next(plan.specs[cell.run_id] for cell in plan.cells.values() if (cell.row, cell.seed) == ("kd", seed))
        values = plan.specs[best.run_id].hyperparameters
        assert plan.specs[run_id] == replace(default, hyperparameters=values)
    assert sorted(tuned(plan)) == [4, 7]
    assert {cell.row for cell in plan.cells.values()} == {"none", "kd", "kd (tuned)"}
    add_tuned(plan, grid.experiment, is_over(grid.experiment))
    assert len(tuned(plan)) == len([cell for cell in plan.cells.values() if cell.tuned]) == 2, (
        "a second look adds nothing"
    )


def test_a_selection_waits_for_all_draws_and_failed_ones_cannot_be_chosen(tmp_path: Path) -> None:
    grid, plan = make(tmp_path)
    assert add_tuned(plan, grid.experiment, is_over(grid.experiment)) == 1
    assert not tuned(plan)
    finish(grid.experiment, plan, {0: None, 1: None, 2: 1.0})
    assert add_tuned(plan, grid.experiment, is_over(grid.experiment)) == 0
    assert tuned(plan)[4] == plan.studies[KD].trials[2].run_id


def test_where_all_draws_failed_there_is_no_tuned_cell(tmp_path: Path) -> None:
    grid, plan = make(tmp_path)
    finish(grid.experiment, plan, dict.fromkeys(range(3)))
    assert add_tuned(plan, grid.experiment, is_over(grid.experiment)) == 0
    assert not tuned(plan)


def test_the_plan_on_disk_has_the_draws(tmp_path: Path) -> None:
    grid, plan = make(tmp_path)
    add_plan(grid.experiment, plan)
    stored = read_json(grid.experiment.plan)
    assert [trial["number"] for trial in stored["studies"][0]["trials"]] == [0, 1, 2]
    record = read_plan(grid.experiment)
    assert record.studies == plan.studies
    assert {trial.run_id for trial in plan.studies[KD].trials} < set(read_specs(grid.experiment, record))


def test_another_selection_takes_the_tuned_cells_of_all_seeds_with_it(tmp_path: Path) -> None:
    grid, plan = make(tmp_path)
    finish(grid.experiment, plan, {0: 50.0, 1: 60.0, 2: 40.0})
    add_tuned(plan, grid.experiment, is_over(grid.experiment))
    add_plan(grid.experiment, plan)
    before = tuned(read_plan(grid.experiment))
    _, more = make(tmp_path, trials=4, seeds=[4])
    assert add_tuned(more, grid.experiment, is_over(grid.experiment)) == 1
    add_plan(grid.experiment, more)
    assert tuned(read_plan(grid.experiment)) == {}, "while the fourth trial is running nothing is selected"
    finish(grid.experiment, more, {0: 50.0, 1: 60.0, 2: 40.0, 3: 70.0})
    add_tuned(more, grid.experiment, is_over(grid.experiment))
    add_plan(grid.experiment, more)
    assert tuned(read_plan(grid.experiment)) == {4: more.studies[KD].trials[3].run_id}
    _, again = make(tmp_path)
    add_tuned(again, grid.experiment, is_over(grid.experiment))
    add_plan(grid.experiment, again)
    assert tuned(read_plan(grid.experiment)) == before, "the best of the first three"


def test_other_defaults_take_the_draws_around_the_old_ones_out(tmp_path: Path) -> None:
    grid, plan = make(tmp_path)
    finish(grid.experiment, plan, {0: 50.0, 1: 60.0, 2: 40.0})
    add_tuned(plan, grid.experiment, is_over(grid.experiment))
    add_plan(grid.experiment, plan)
    _, same = make(tmp_path, trials=None)
    add_plan(grid.experiment, same)
    assert sorted(tuned(read_plan(grid.experiment))) == [4, 7], "the same defaults without trials change nothing"
    _, other = make(tmp_path, trials=None, overrides=["method.kd.alpha=0.25"])
    (warning,) = add_plan(grid.experiment, other)
    assert warning.startswith("kd: the settings or the code differ")
    record = read_plan(grid.experiment)
    assert (tuned(record), record.studies) == ({}, {})


@pytest.mark.parametrize("order", [("kd", "dkd"), ("dkd", "kd")])
def test_a_control_follows_its_method_whichever_command_tunes_it(tmp_path: Path, order: tuple[str, str]) -> None:
    for methods in order:
        grid, plan = make(tmp_path, methods=methods, controls=True)
        add_plan(grid.experiment, plan)
    record = read_plan(grid.experiment)
    assert {cell.tuned_as for cell in record.cells.values() if cell.method == "kd_shuffled"} == {"kd"}
    assert {study.method for study in record.studies.values()} == {"kd", "dkd", "label_smoothing"}
    assert order[0] == "dkd" or {study.method for study in plan.studies.values()} == {"dkd", "label_smoothing"}


def test_what_is_open_is_told_apart(tmp_path: Path) -> None:
    _, plan = make(tmp_path)
    record = Plan("none", studies=plan.studies)
    first, *others = plan.studies[KD].run_ids
    assert open_studies(record, {first: "done"}) == ([], [plan.studies[KD]])
    assert open_studies(record, {first: "done"} | dict.fromkeys(others, "failed")) == ([plan.studies[KD]], [])
    assert open_studies(record, dict.fromkeys([first, *others], "blocked")) == ([], []), "nothing can be selected"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"trials": 1}, "--trials 1: expected at least 2"),
        ({"methods": "none"}, "--trials 3: nothing to tune: none of none has"),
        (
            {"overrides": ["train.select_on=test"]},
            "validation part, but mfeat has train.select_on",
        ),
    ],
)
def test_what_cannot_be_tuned_is_said(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(GridError, match=said):
        make(tmp_path, **changes)


def test_a_method_that_is_not_defined_has_a_tuned_cell_that_says_so(tmp_path: Path) -> None:
    overrides = ["method.c2kd.proxy_tap=stage", "model.vector=linear"]
    grid, plan = make(tmp_path, methods="c2kd", overrides=overrides)
    (trials,) = plan.studies.values()
    assert trials.trials == ()
    assert add_tuned(plan, grid.experiment, is_over(grid.experiment)) == 0
    assert {cell.impossible for cell in plan.cells.values() if cell.tuned} == {
        cell.impossible for cell in plan.cells.values() if cell.method == "c2kd"
    }
    assert all(cell.impossible for cell in plan.cells.values() if cell.tuned)
    assert len(tuned(plan)) == 2


def test_from_draws_to_tuned_rows(quick_run: Callable[..., pd.DataFrame], tmp_path: Path) -> None:
    results = quick_run(trials=3, seeds=2)
    runs = cmkd_bench.load_runs("quick", tmp_path / "results")
    experiment = Experiment(tmp_path / "results", "quick")
    record = read_plan(experiment)
    assert (runs.status == "done").all()
    kd = runs[runs.method == "kd"]
    drawn = {trial.run_id: trial for trial in record.studies[KD].trials}
    by_hand = kd[kd.run_id.isin(drawn)].sort_values("val_value", kind="stable", ascending=False)
    best = by_hand[by_hand.val_value == by_hand.val_value.max()]
    chosen = min(best.run_id, key=lambda run_id: drawn[run_id].number)
    assert tuned(record)[0] == chosen
    selected = kd[kd.tuned.isin(["yes", "both"])]
    assert set(selected.seed) == {0, 1}
    assert selected.hyperparameters.nunique() == 1
    assert set(kd[kd.tuned == "trial"].run_id) == set(drawn) - {chosen, record.studies[KD].trials[0].run_id}
    assert list(results[results.tuned].run_id) == list(tuned(record).values())
    assert results.method.value_counts().to_dict() == {"kd": 4, "none": 2, "teacher": 2}
    stamps = {path: path.stat().st_mtime_ns for path in experiment.path.glob("runs/*/result.json")}
    again = quick_run(trials=3, seeds=2)
    pd.testing.assert_frame_equal(again, results)
    assert stamps == {path: path.stat().st_mtime_ns for path in experiment.path.glob("runs/*/result.json")}
    lines = pd.read_csv(experiment.path / "trials.csv")
    assert list(lines.number) == [0, 1, 2]
    assert list(lines[lines.selected == 1].run_id) == [chosen]
    assert "kd (tuned)" in (experiment.path / "leaderboard.md").read_text().replace("\\", "")
    shutil.rmtree(experiment.run(record.studies[KD].trials[2].run_id).path)  # as if it had been killed before
    shutil.rmtree(experiment.run(tuned(record)[1]).path)
    resumed = quick_run(trials=3, seeds=2)
    pd.testing.assert_frame_equal(resumed, results)
    quick_run(trials=4, seeds=2)
    more = cmkd_bench.load_runs("quick", tmp_path / "results")
    assert set(runs.run_id) <= set(more.run_id), "the first trials stay"
    assert len(read_plan(experiment).studies[KD].trials) == 4
