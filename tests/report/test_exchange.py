"""An exported experiment gives the same tables, wherever it is read, and cannot be mistaken for a whole one."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from command_line import Command
from made_runs import spec, write_experiment
from safetensors.numpy import save_file

import cmkd_bench
from cmkd_bench.experiment.plan import Cell
from cmkd_bench.experiment.record import read_plan
from cmkd_bench.experiment.store import Experiment, find_done
from cmkd_bench.report.exchange import export, import_file
from cmkd_bench.report.experiment_tables import make_board, write_tables
from cmkd_bench.report.predictions import PredictionCache
from cmkd_bench.report.results import COPIED, collect
from cmkd_bench.statistics.metrics import METRICS
from cmkd_bench.testing.made import write_made_plan

TABLES = ("results.csv", "runs.csv", "leaderboard.csv", "comparisons.csv", "leaderboard.md")
TUNED = (*TABLES, "trials.csv", "tuning.csv")
SHARES = {"none": 0.6, "shuffled": 0.4, "kd": 0.8, "dkd": 0.75}


def imported(experiment: Experiment, folder: Path) -> Experiment:
    """The experiment as it arrives in another results folder."""
    export(experiment, folder / "out.zip")
    return import_file(folder / "out.zip", folder / "elsewhere")[0]


def check_same(first: Experiment, second: Experiment, names: Sequence[str] = TABLES) -> None:
    for one in (first, second):
        write_tables(one)
    for name in names:
        assert (first.path / name).read_bytes() == (second.path / name).read_bytes(), name
        assert (first.path / name).stat().st_size > 100


def test_a_tuned_grid_has_the_same_tables_after_the_round_trip(
    quick_run: Callable[..., pd.DataFrame], tmp_path: Path, cmkd: Command
) -> None:
    results = quick_run(trials=3, controls=True, overrides=("train.epochs=1",))
    original = Experiment(tmp_path / "results", "quick")
    copy = imported(original, tmp_path)
    check_same(original, copy, TUNED)
    assert sorted(path.name for path in copy.path.iterdir()) == sorted(["experiment.zip", *TUNED])
    again = cmkd_bench.load_results("quick", tmp_path / "elsewhere")
    pd.testing.assert_frame_equal(again, results)
    runs = cmkd_bench.load_runs("quick", tmp_path / "elsewhere")
    assert (runs["status"] == "done").all()
    assert set(runs["tuned"]) > {"trial"}
    shown = cmkd("leaderboard", "quick", "--results", "elsewhere", "--format", "csv")
    assert shown.stdout == cmkd("leaderboard", "quick", "--format", "csv").stdout
    for command in ("leaderboard", "collect"):
        assert "tuning.csv: written anew from experiment.zip" in cmkd(command, "quick", "--results", "elsewhere").stdout
    assert cmkd("status", "quick", "--results", "elsewhere").stdout.count(f"{len(runs)} done")
    assert cmkd("report", "quick", "--results", "elsewhere").returncode == 0
    assert cmkd("doctor", "quick", "--results", "elsewhere").returncode == 0
    plots = cmkd("plot", "quick", "--results", "elsewhere", "--kind", "tuning,learning", "--format", "svg")
    assert plots.returncode == 0
    assert "tuning-" in plots.stdout
    assert "without the histories" in plots.stdout
    diagnosed = cmkd("diagnose", "mfeat", "--results", "elsewhere")
    assert diagnosed.returncode == 2
    for expected in ("weights and logits", "cmkd-bench run --datasets mfeat", "--experiment quick", "elsewhere"):
        assert expected in diagnosed.stderr


def test_training_starts_from_nothing_that_was_exported(
    quick_run: Callable[..., pd.DataFrame], tmp_path: Path, cmkd: Command
) -> None:
    first = quick_run(overrides=("train.epochs=1",))
    original = Experiment(tmp_path / "results", "quick")
    run_ids = set(cmkd_bench.load_runs("quick", tmp_path / "results")["run_id"])
    copy = imported(original, tmp_path)
    assert not any(find_done(copy, run_id) for run_id in run_ids)
    shutil.rmtree(tmp_path / "results")
    shutil.move(tmp_path / "elsewhere", tmp_path / "results")
    words = "run --methods kd --datasets mfeat --pairs pixels:fourier --one-way --seeds 1 --experiment quick"
    options = "--no-controls --labels 1 --jobs 1 train.epochs=1"
    planned = cmkd(*words.split(), *options.split(), "--dry-run")
    assert f"results of {len(run_ids)} of these runs, but not their weights" in " ".join(planned.stdout.split())
    assert "Nothing to do" not in planned.stdout
    done = cmkd(*words.split(), *options.split())
    assert done.returncode == 0, done.stderr
    assert {path.parent.name for path in (tmp_path / "results/quick/runs").glob("*/student.safetensors")} == run_ids
    pd.testing.assert_frame_equal(
        cmkd_bench.load_results("quick", tmp_path / "results").drop(columns=["seconds"], errors="ignore"),
        first.drop(columns=["seconds"], errors="ignore"),
    )
    assert cmkd("diagnose", "mfeat").returncode == 0


def test_an_exported_file_in_a_results_folder_is_an_experiment(tmp_path: Path) -> None:
    original = write_experiment(tmp_path, SHARES)
    export(original, tmp_path / "out.zip")
    (tmp_path / "clone/reference").mkdir(parents=True)
    shutil.copy(tmp_path / "out.zip", tmp_path / "clone/reference/experiment.zip")
    check_same(original, Experiment(tmp_path / "clone", "reference"))
    assert len(cmkd_bench.load_results("reference", tmp_path / "clone")) == len(
        cmkd_bench.load_results("made", tmp_path)
    )


def test_an_import_exports_the_same_bytes(tmp_path: Path) -> None:
    copy = imported(write_experiment(tmp_path, SHARES), tmp_path)
    export(copy, tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == (tmp_path / "out.zip").read_bytes()


def test_macro_f1_is_resampled_from_classes_and_calibration_keeps_its_value(tmp_path: Path) -> None:
    original = write_experiment(tmp_path, SHARES)
    copy = imported(original, tmp_path)
    boards = {
        (one.root.name, metric): make_board(PredictionCache(one), read_plan(one), collect(one), metric)
        for one in (original, copy)
        for metric in ("macro_f1", "ece")
    }
    assert boards[tmp_path.name, "macro_f1"] == boards["elsewhere", "macro_f1"]
    assert boards["elsewhere", "macro_f1"].comparisons.pairs
    whole, without = boards[tmp_path.name, "ece"], boards["elsewhere", "ece"]
    assert {key: one.mean for key, one in whole.scores.items()} == {
        key: one.mean for key, one in without.scores.items()
    }
    assert whole.comparisons.pairs
    assert not without.comparisons.pairs
    assert any("ece" in note and "logits" in note for note in without.notes)


def test_segmentation_has_the_same_tables_after_the_round_trip(tmp_path: Path) -> None:
    original = write_segmentation(tmp_path)
    copy = imported(original, tmp_path)
    check_same(original, copy)
    boards = [
        make_board(PredictionCache(one), read_plan(one), collect(one), "pixel_accuracy") for one in (original, copy)
    ]
    assert boards[0] == boards[1]
    assert boards[0].comparisons.pairs


def write_segmentation(root: Path) -> Experiment:
    """Three seeds of kd and the student alone, with confusion matrices of 20 images with 5 classes."""
    experiment, cells = Experiment(root, "maps"), []
    labels = np.random.default_rng(0).integers(0, 50, (20, 5))  # pixels by image and class
    for seed in range(3):
        teacher = spec("none", "maps", seed, "depth")
        runs = {"none": spec("none", "maps", seed, "image"),
                "kd": spec("kd", "maps", seed, "image", "depth", teacher.id)}  # fmt: skip
        for place, run in enumerate((teacher, *runs.values())):
            folder = experiment.add(run)
            hits = np.random.default_rng([seed, place]).integers(0, labels + 1)
            confusion = np.zeros((20, 5, 5), dtype=np.int32)
            confusion[:, range(5), range(5)] = hits
            confusion[:, range(5), [1, 2, 3, 4, 0]] = labels - hits
            save_file({"confusion": confusion}, folder.predictions)
            known = {"metric": "miou", "value": METRICS["miou"]({"confusion": confusion}), "extra_parameters": None}
            folder.write_cost({"seconds": 1.5, "peak_mb": 600.0, "code": "0"})
            folder.write_result({**dict.fromkeys(COPIED), **known, "other_metrics": {}, "logged": {}})
        cells += [
            Cell(row, "baseline" if row == "none" else "method", "maps", 0, 1.0, "depth", "image", seed, run.id,
                 teacher.id)
            for row, run in runs.items()
        ]  # fmt: skip
    write_made_plan(experiment, cells)
    return experiment
