"""The Python interface and the results that it returns."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from safetensors.numpy import load_file

import cmkd_bench
from cmkd_bench.cli.app import main
from cmkd_bench.data.loading import prepare
from cmkd_bench.errors import UserError
from cmkd_bench.registry import datasets

Run = Callable[..., pd.DataFrame]


def test_results_have_the_columns_of_the_design(quick_run: Run, tmp_path: Path) -> None:
    frame = quick_run(methods=["kd", "c2kd"], seeds=2)
    runs = cmkd_bench.load_runs("quick", tmp_path / "results")
    wanted = (
        "run_id status method dataset fold teacher_modality student_modality student teacher seed metric value "
        "val_value teacher_value epochs seconds peak_mb code_version error keep_rate"
    )
    assert set(wanted.split()) <= set(runs.columns)
    for table in (frame, runs):
        assert len(table) == 2 * 4, "two seeds of: teacher, student alone, kd, c2kd"
        assert table.run_id.is_unique
    again = cmkd_bench.load_results("quick", tmp_path / "results")
    pd.testing.assert_frame_equal(frame, again)
    assert frame[frame.method == "c2kd"].keep_rate.between(0, 1).all()
    assert frame[frame.method == "kd"].keep_rate.isna().all()


def test_the_value_is_the_accuracy_of_the_saved_predictions_on_the_test_part(quick_run: Run, tmp_path: Path) -> None:
    frame = quick_run()
    run = frame[frame.method == "kd"].iloc[0]
    saved = load_file(tmp_path / "results" / "quick" / "runs" / run.run_id / "predictions.safetensors")
    cls = datasets.get("mfeat")
    data = prepare(cls(cls.Options()), 0)
    assert (saved["labels"] == data.labels[data.parts["test"]]).all()
    assert run.value == pytest.approx(100 * (saved["logits"].argmax(1) == saved["labels"]).mean())


def test_the_selected_epoch_is_the_last_of_the_best_on_validation(quick_run: Run, tmp_path: Path) -> None:
    frame = quick_run(overrides=["train.epochs=9", "train.learning_rate=0.02"])
    for run in frame.to_dict("records"):
        folder = tmp_path / "results" / "quick" / "runs" / run["run_id"]
        history = json.loads((folder / "history.json").read_text())
        values = [epoch["selection"] for epoch in history]
        result = json.loads((folder / "result.json").read_text())
        assert len(values) == 9
        assert result["val_value"] == run["val_value"] == max(values)
        assert result["best_epoch"] == 9 - values[::-1].index(max(values))


def test_bfloat16_without_kept_teacher_outputs_runs_too(quick_run: Run) -> None:
    settings = ["train.epochs=3", "train.precision=bfloat16", "train.cache_mb=0.0"]
    frame = quick_run(methods=["kd", "crd", "c2kd"], overrides=settings)
    assert set(frame.status) == {"done"}
    assert (frame[frame.method != "crd"].value > 50).all()


def test_a_teachers_own_row_is_its_value_in_its_students_rows(quick_run: Run, tmp_path: Path) -> None:
    frame = quick_run(methods=["kd"]).set_index("method")
    runs = cmkd_bench.load_runs("quick", tmp_path / "results").set_index("run_id")
    assert runs.loc[frame.run_id["kd"], "teacher"] == frame.run_id["teacher"]
    assert runs.loc[frame.run_id["teacher"], "student_modality"] == "pixels"
    assert frame.teacher_value["kd"] == frame.value["teacher"]


def test_an_untrained_teacher_is_at_chance_and_a_run_but_no_result(quick_run: Run, tmp_path: Path) -> None:
    frame = quick_run(methods=["kd_random"], overrides=["train.epochs=6"]).set_index("method")
    runs = cmkd_bench.load_runs("quick", tmp_path / "results").set_index("run_id")
    teacher = runs.loc[runs.loc[frame.run_id["kd_random"], "teacher"]]
    assert teacher.epochs == 0
    assert teacher.value == frame.teacher_value["kd_random"] < 30 < frame.value["teacher"]
    assert set(runs.index) - set(frame.run_id) == {teacher.name}
    assert set(frame.epochs) == {6}


def test_every_public_name_can_be_imported() -> None:
    for name in cmkd_bench.__all__:
        assert getattr(cmkd_bench, name) is not None


def test_all_that_is_wrong_is_said_in_one_error() -> None:
    with pytest.raises(cmkd_bench.UserError) as caught:
        cmkd_bench.run(methods=["kdd"], datasets=["mfaet"], overrides=["train.epoch=1"])
    assert "3 problems" in str(caught.value)


def test_an_unknown_experiment_gets_the_nearest(quick_run: Run, tmp_path: Path) -> None:
    quick_run()
    with pytest.raises(cmkd_bench.UserError, match="Did you mean 'quick'"):
        cmkd_bench.load_results("quik", tmp_path / "results")


def test_a_run_leaves_no_root_behind_for_the_next_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CMKD_DATA_ROOT", raising=False)
    monkeypatch.setenv("CMKD_PREPARED_ROOT", str(tmp_path / "prepared"))
    before = dict(os.environ)
    main(["fixture", "ravdess", "--out", str(tmp_path / "here"), "--clips", "24"])
    ask: dict[str, Any] = {"methods": "kd", "datasets": "ravdess", "results": tmp_path / "results", "quiet": True}
    small = ["protocol=smoke", "model=tiny", "train.epochs=1"]
    here = cmkd_bench.run(**ask, seeds=1, controls=False, overrides=[*small, f"data.root={tmp_path / 'here'}"])
    assert set(here.status) == {"done"}
    for root in ([], [f"data.root={tmp_path / 'elsewhere'}"]):
        with pytest.raises(UserError, match="'ravdess' was not found"):
            cmkd_bench.run(**ask, seeds=1, overrides=[*small, *root, f"data.prepared={tmp_path / 'other'}"])
    assert dict(os.environ) == before
