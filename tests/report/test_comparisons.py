"""Comparisons of runs on disk: paired on what they share, against loops; refused on what they do not."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from made_runs import LABELS, SAMPLES, logits_of, spec, write_run
from scipy import stats

from cmkd_bench.experiment.files import read_json
from cmkd_bench.experiment.record import read_plan, write_plan
from cmkd_bench.experiment.store import Experiment
from cmkd_bench.report.board import Column
from cmkd_bench.report.comparisons import Comparisons, compare
from cmkd_bench.report.csv_files import comparisons_csv
from cmkd_bench.report.experiment_tables import write_board
from cmkd_bench.report.predictions import PredictionCache
from cmkd_bench.report.results import collect
from cmkd_bench.statistics.multiple import holm

Build = Callable[..., Experiment]

FORWARD, BACKWARD = Column("toy", "audio", "video"), Column("toy", "video", "audio")


def compared(experiment: Experiment, metric: str | None = None) -> Comparisons:
    return compare(read_plan(experiment), collect(experiment), PredictionCache(experiment), metric)


def right(share: float, seed: int) -> np.ndarray:
    return logits_of(share, seed).argmax(1) == LABELS


def test_a_difference_is_paired_by_seed_and_sample(build: Build) -> None:
    found = compared(build({"none": 0.6, "kd": 0.7}, seeds=4)).pairs[FORWARD, "kd", "none"]
    gaps = np.array([right(0.7, s).astype(int) - right(0.6, s).astype(int) for s in range(4)])
    assert found.difference == pytest.approx(100 * gaps.mean())
    assert (found.seeds, found.folds, found.samples) == ((0, 1, 2, 3), (0,), SAMPLES)
    generator = np.random.default_rng([SAMPLES, 0])
    drawn = np.array([100 * gaps[:, generator.integers(0, SAMPLES, SAMPLES)].mean(1) for _ in range(2000)])
    by_seed = (100 * gaps.mean(1)).var(ddof=1) / 4
    by_sample = drawn.mean(1).var(ddof=1)
    interaction = (drawn.var(axis=0, ddof=1).mean() - by_sample) / 3
    rest = max(by_sample - min(interaction, by_seed), 0)
    reach = (stats.t.ppf(0.975, 3) ** 2 * by_seed + stats.norm.ppf(0.975) ** 2 * rest) ** 0.5
    assert found.low == pytest.approx(found.difference - reach, rel=1e-6)
    assert found.high == pytest.approx(found.difference + reach, rel=1e-6)


def test_mcnemar_is_by_seed(build: Build) -> None:
    found = compared(build({"none": 0.6, "kd": 0.75})).pairs[FORWARD, "kd", "none"]
    for seed in range(3):
        first, second = right(0.75, seed), right(0.6, seed)
        only, other = int((first & ~second).sum()), int((second & ~first).sum())
        assert found.mcnemar[seed] == pytest.approx(stats.binomtest(only, only + other).pvalue)


def test_holm_goes_over_the_gains_of_the_table_and_the_pairs_of_a_column(build: Build) -> None:
    found = compared(build({"none": 0.5, "kd": 0.6, "dkd": 0.7}, seeds=5))
    gains = [one for one in found.pairs.values() if one.other == "none"]
    assert found.gains == len(gains) == 4
    assert [one.p_gain for one in gains] == pytest.approx(holm(np.array([one.p for one in gains])))
    column = [one for one in found.pairs.values() if one.column == FORWARD]
    assert len(column) == 3
    assert [one.p_pair for one in column] == pytest.approx(holm(np.array([one.p for one in column])))
    assert [one.p_gain for one in column if one.other != "none"] == [None]


def test_the_same_runs_in_two_columns_are_one_hypothesis(build: Build) -> None:
    experiment = build({"none": 0.5, "smooth": 0.6}, seeds=3, directions=1)
    plan = read_json(experiment.plan)
    # neither row has a teacher here, so another teacher modality is another column of the same runs
    plan["cells"] += [cell | {"teacher_modality": "text"} for cell in plan["cells"]]
    write_plan(experiment, plan)
    found = compared(experiment)
    first, second = found.pairs.values()
    assert first.column != second.column
    assert found.gains == 1
    assert first.p_gain == second.p_gain == first.p


def test_contenders_are_those_that_no_row_beats(build: Build) -> None:
    rows = {"none": 0.6, "kd": 0.9, "dkd": 0.89, "shuffled": 0.2}
    found = compared(build(rows, seeds=4))
    for better in (1, -1):
        beaten = set()
        for row in rows:
            for other in set(rows) - {row}:
                one = found.find(FORWARD, row, other)
                assert one is not None
                difference = one.difference * better * (1 if one.row == row else -1)
                if difference < 0 and one.p is not None and 3 * one.p / 2 < 0.05:
                    beaten.add(row)
        assert found.contenders(FORWARD, list(rows), better) == set(rows) - beaten
        assert beaten
    assert "dkd" in found.contenders(FORWARD, list(rows), 1)


def test_rows_of_the_same_runs_are_one_contender(build: Build) -> None:
    experiment = build({"none": 0.6, "kd": 0.7, "dkd": 0.7}, seeds=4, directions=1)
    plan = read_json(experiment.plan)
    copies = [cell | {"method": "copy"} for cell in plan["cells"] if cell["method"] == "kd"]
    write_plan(experiment, plan | {"cells": plan["cells"] + copies})
    found = compared(experiment)
    assert found.contenders(FORWARD, ["none", "kd", "dkd", "copy"], 1) >= {"kd", "dkd", "copy"}
    # none has one rival in two rows; were it compared with two, twice the p-value would count
    pairs = {key: replace(pair, p=0.06) for key, pair in found.pairs.items()}
    assert Comparisons(pairs, {}).contenders(FORWARD, ["none", "kd", "copy"], 1) == {"kd", "copy"}
    assert Comparisons(pairs, {}).contenders(FORWARD, ["none", "kd", "dkd", "copy"], 1) == {"none", "kd", "dkd", "copy"}


def test_two_seeds_make_no_claim(build: Build) -> None:
    found = compared(build({"none": 0.2, "kd": 0.9}, seeds=2))
    assert found.gains == 0
    one = found.pairs[FORWARD, "kd", "none"]
    assert one.difference > 50
    assert (one.low, one.p, one.p_gain, one.p_pair) == (None, None, None, None)
    assert found.contenders(FORWARD, ["none", "kd"], 1) == set()


def test_rows_are_compared_on_the_seeds_that_both_have(build: Build) -> None:
    experiment = build({"none": 0.6, "kd": 0.7, "dkd": 0.65}, seeds=4)
    cells = read_plan(experiment).cells.values()
    (gone,) = [cell.run_id for cell in cells if (cell.method, cell.seed, cell.student_modality) == ("kd", 1, "video")]
    experiment.run(gone).result.unlink()
    found = compared(experiment).pairs
    assert found[FORWARD, "kd", "none"].seeds == (0, 2, 3)
    assert found[FORWARD, "dkd", "none"].seeds == (0, 1, 2, 3)
    expected = np.mean([right(0.7, s).mean() - right(0.6, s).mean() for s in (0, 2, 3)])
    assert found[FORWARD, "kd", "none"].difference == pytest.approx(100 * expected)


def test_other_test_samples_are_refused(build: Build) -> None:
    experiment = build({"none": 0.6, "kd": 0.7, "dkd": 0.7}, directions=1)
    for cell in read_plan(experiment).cells.values():
        if cell.method == "kd":
            write_run(experiment, experiment.read_spec(cell.run_id), 0.7, LABELS[:100])
    found = compared(experiment)
    assert set(found.pairs) == {(FORWARD, "dkd", "none")}
    assert any(text.startswith("kd and none are not compared: toy, audio → video, seed 0:") for text in found.refused)


@pytest.mark.parametrize("change", ["manifest", "teacher"])
def test_other_data_are_refused(build: Build, change: str) -> None:
    experiment = build({"none": 0.6, "kd": 0.7, "dkd": 0.7}, directions=1)
    plan = read_json(experiment.plan)
    for cell in plan["cells"]:
        if cell["method"] == "kd" and change == "manifest":
            other = replace(experiment.read_spec(cell["run_id"]), manifest="other")
            write_run(experiment, other, 0.7, LABELS)
            cell["run_id"] = other.id
        elif cell["method"] == "kd":
            other = spec("none", "toy", cell["seed"], "text", None, None)
            write_run(experiment, other, 0.9, LABELS)
            cell["teacher_id"] = other.id
    write_plan(experiment, plan)
    found = compared(experiment)
    assert (FORWARD, "kd", "dkd") not in found.pairs
    assert (FORWARD, "dkd", "none") in found.pairs
    assert len(found.refused) == (1 if change == "manifest" else 2)


def test_another_metric_is_compared_by_its_own_draws(build: Build) -> None:
    experiment = build({"none": 0.5, "kd": 0.9}, seeds=3)
    found = compared(experiment, "macro_f1").pairs[FORWARD, "kd", "none"]
    frame = collect(experiment).set_index("run_id")
    first, second = ([frame.loc[run, "macro_f1"] for run in ids] for ids in found.runs)
    assert found.difference == pytest.approx(np.mean(first) - np.mean(second))
    assert found.low is not None
    assert found.low < found.difference
    assert found.mcnemar == {}


def test_folds_are_averaged_and_their_samples_drawn_apart(build: Build) -> None:
    experiment = build({"none": 0.5, "kd": 0.7}, seeds=3, directions=1)
    plan = read_json(experiment.plan)
    for cell in list(plan["cells"]):
        run = experiment.read_spec(cell["run_id"])
        other = spec(run.method, "toy", run.seed + 10, run.student_modality, run.teacher_modality, run.teacher)
        write_run(experiment, other, 0.8 if run.method == "kd" else 0.5, LABELS[:90])
        plan["cells"].append(cell | {"fold": 1, "run_id": other.id})
    write_plan(experiment, plan)
    found = compared(experiment).pairs[FORWARD, "kd", "none"]
    assert (found.folds, found.samples, found.seeds) == ((0, 1), 210, (0, 1, 2))

    def value(share: float, seed: int, samples: int) -> float:
        return 100 * float((logits_of(share, seed, samples).argmax(1) == LABELS[:samples]).mean())

    gaps = [value(0.7, s, 120) - value(0.5, s, 120) + value(0.8, s + 10, 90) - value(0.5, s + 10, 90) for s in range(3)]
    assert found.difference == pytest.approx(np.mean(gaps) / 2)


def test_the_cache_changes_nothing_and_is_made_anew(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = build({"none": 0.5, "kd": 0.7})
    names = ("results.csv", "leaderboard.md", "leaderboard.csv", "comparisons.csv", "predictions-cache.safetensors")
    write_board(experiment)
    first = {name: (experiment.path / name).read_bytes() for name in names}
    refuse: Callable[..., Any] = lambda path: pytest.fail(f"{path} was read again")  # noqa: E731
    with monkeypatch.context() as patched:
        patched.setattr("cmkd_bench.report.predictions.read_predictions", refuse)
        write_board(experiment)
    assert {name: (experiment.path / name).read_bytes() for name in names} == first
    (experiment.path / "predictions-cache.safetensors").write_bytes(b"PK\x03\x04 cut off")
    write_board(experiment)
    assert {name: (experiment.path / name).read_bytes() for name in names} == first


def test_predictions_that_changed_are_read_again(build: Build) -> None:
    experiment = build({"none": 0.5, "kd": 0.7})
    before = compared(experiment).pairs[FORWARD, "kd", "none"].mcnemar
    for cell in read_plan(experiment).cells.values():
        if cell.method == "kd":
            write_run(experiment, experiment.read_spec(cell.run_id), 0.95, LABELS)
    assert compared(experiment).pairs[FORWARD, "kd", "none"].mcnemar != before


def test_runs_without_predictions_have_a_value_and_no_comparison(build: Build) -> None:
    experiment = build({"none": 0.5, "kd": 0.7})
    for path in experiment.path.glob("runs/*/predictions.safetensors"):
        path.unlink()
    _, board = write_board(experiment)
    assert board.scores["kd", FORWARD].mean is not None
    assert not board.comparisons.pairs
    assert not board.claims


def test_damaged_predictions_are_named_and_left_out(build: Build) -> None:
    experiment = build({"none": 0.5, "kd": 0.7})
    (run_id,) = [one.run_id for one in read_plan(experiment).cells.values() if one.method == "kd" and one.seed == 1][:1]
    experiment.run(run_id).predictions.write_bytes(b"cut off")
    frame, board = write_board(experiment)
    row = frame.set_index("run_id").loc[run_id]
    assert row.status == "damaged"
    assert row.isna().value
    assert sorted(board.scores["kd", FORWARD].values) == [0, 2]
    assert any(f"{run_id}/predictions.safetensors has 7 bytes instead of" in note for note in board.notes)


def test_the_file_of_comparisons_has_every_pair(build: Build) -> None:
    _, board = write_board(build({"none": 0.5, "kd": 0.6, "dkd": 0.7}))
    lines = list(csv.DictReader(io.StringIO(comparisons_csv(board))))
    assert len(lines) == 6
    one = next(line for line in lines if (line["row"], line["other"]) == ("kd", "none"))
    found = board.comparisons.pairs[FORWARD, "kd", "none"]
    assert float(one["p"]) == pytest.approx(found.p)
    assert one["seeds"] == "0 1 2"
    assert float(one["mcnemar_p"].split()[2].removeprefix("2:")) == pytest.approx(found.mcnemar[2], rel=1e-5)
