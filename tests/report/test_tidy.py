"""The frame that users compute with: one row per cell, and the leaderboard's numbers as plain means over it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from made_runs import LABELS, logits_of

from cmkd_bench.api import load_results, load_runs
from cmkd_bench.experiment.files import read_json, write_json
from cmkd_bench.experiment.plan import Cell
from cmkd_bench.experiment.record import write_plan
from cmkd_bench.experiment.store import Experiment
from cmkd_bench.report.experiment_tables import write_board
from cmkd_bench.report.tidy import KEYS
from cmkd_bench.testing.made import made_spec, write_made_plan, write_made_run

Build = Callable[..., Experiment]
DIRECTION = ["dataset", "teacher_modality", "student_modality"]
SHARES = {"none": 0.6, "shuffled": 0.2, "kd": 0.9, "dkd": 0.8}


def load(experiment: Experiment) -> pd.DataFrame:
    return load_results(experiment.name, experiment.root)


def percent(share: float, seed: int) -> float:
    """What a made run has right, counted from its logits."""
    return 100 * float((logits_of(share, seed).argmax(1) == LABELS).mean())


def agree(experiment: Experiment) -> bool:
    """Whether means over the frame are the leaderboard's, which shows no gain of the teacher and the student alone."""
    write_board(experiment)
    board = pd.read_csv(experiment.path / "leaderboard.csv").set_index([*DIRECTION, "row"]).sort_index()
    frame = load(experiment)
    row = frame.method.where(~frame.tuned, frame.method + " (tuned)").rename("row")
    means = frame.groupby([*DIRECTION, row])[["value", "gain"]].mean()
    assert list(means.index) == list(board.index)
    assert means.value.to_dict() == pytest.approx(board["mean"].to_dict(), rel=1e-12)
    gains = board.gain[board.role.isin(["method", "control"])].to_dict()
    assert {row: means.gain[row] for row in gains} == pytest.approx(gains, abs=1e-9)
    return bool(gains)


def test_each_cell_is_a_row_with_its_role_value_and_gain(build: Build) -> None:
    frame = load(build(SHARES, seeds=3))
    assert len(frame) == len(frame[list(KEYS)].drop_duplicates()) == 2 * 3 * (len(SHARES) + 1)
    roles = frame.groupby("method").role.unique().map(list).to_dict()
    assert roles == {
        "teacher": ["teacher"], "none": ["baseline"], "shuffled": ["control"], "kd": ["method"], "dkd": ["method"],
    }  # fmt: skip
    for cell in frame.itertuples():
        share = SHARES["none" if cell.method == "teacher" else str(cell.method)]
        assert cell.value == pytest.approx(percent(share, int(cell.seed)))  # type: ignore[arg-type]
        alone = percent(SHARES["none"], int(cell.seed))  # type: ignore[arg-type]
        assert cell.gain == pytest.approx(cell.value - alone, abs=1e-9)  # type: ignore[operator]


def test_the_teacher_and_the_student_alone_of_a_direction_are_those_of_its_modalities(build: Build) -> None:
    experiment = build(SHARES, seeds=2)
    runs = load_runs("made", experiment.root).set_index("run_id")
    for cell in load(experiment).query("method in ('teacher', 'none')").itertuples():
        modality = cell.teacher_modality if cell.method == "teacher" else cell.student_modality
        assert runs.loc[cell.run_id, "student_modality"] == modality
        assert runs.loc[cell.run_id, "seed"] == cell.seed


def test_its_means_are_the_leaderboards(build: Build) -> None:
    assert agree(build(SHARES, seeds=4))


def test_its_means_are_the_leaderboards_where_runs_are_missing(build: Build) -> None:
    experiment = build(SHARES, seeds=4)
    missing = experiment.run(load(experiment).query("method == 'kd' and seed == 2").run_id.iloc[0])
    missing.result.unlink()
    write_json(missing.error, {"cause": "bad luck", "message": "it rained", "traceback": []})
    assert agree(experiment)
    (cell,) = load(experiment).query("status == 'failed'").to_dict("records")
    assert (cell["method"], cell["seed"], cell["error"]) == ("kd", 2, "bad luck: it rained")
    assert pd.isna(cell["value"])
    assert pd.isna(cell["gain"])


def test_its_means_are_the_leaderboards_over_folds(build: Build) -> None:
    experiment = build(SHARES, seeds=2)
    plan = read_json(experiment.plan)
    for cell in list(plan["cells"]):
        run = experiment.read_spec(cell["run_id"])
        other = made_spec(run.method, "toy", run.seed + 10, run.student_modality, run.teacher_modality, run.teacher)
        write_made_run(experiment, other, logits_of(SHARES[run.method] / 2, run.seed), LABELS)
        plan["cells"].append(cell | {"fold": 1, "run_id": other.id})
    write_plan(experiment, plan)
    assert agree(experiment)
    assert len(load(experiment)) == 2 * 2 * 2 * (len(SHARES) + 1)


def test_a_gain_without_a_student_alone_is_empty(build: Build) -> None:
    experiment = build(SHARES, seeds=2, directions=1)
    alone = load(experiment).query("method == 'none' and seed == 1").run_id.item()
    experiment.run(alone).result.unlink()
    gains = load(experiment).set_index(["method", "seed"]).gain
    assert gains.isna().groupby("seed").all().to_dict() == {0: False, 1: True}


def test_a_method_that_is_not_defined_is_a_row_that_says_why(build: Build) -> None:
    experiment = build({"none": 0.5, "kd": 0.7}, seeds=1, directions=1)
    plan = read_json(experiment.plan)
    plan["cells"].append(plan["cells"][-1] | {"method": "dkd", "run_id": "", "impossible": "too few classes"})
    write_plan(experiment, plan)
    row = load(experiment).set_index("method").loc["dkd"]
    assert (row.status, row.error) == ("not defined", "too few classes")
    assert row[["run_id", "value", "gain"]].isna().all()


def test_a_method_can_be_there_tuned_and_untuned(tmp_path: Path) -> None:
    experiment = Experiment(tmp_path, "made")
    cells = []
    for seed in range(3):
        teacher, alone = (made_spec("none", "toy", seed, modality) for modality in ("audio", "video"))
        taught = ("kd", "toy", seed, "video", "audio", teacher.id)
        usual, tuned, trial = (made_spec(*taught, (("weight", weight),)) for weight in (1.0, 0.5, 0.1))
        for share, run in zip((0.9, 0.6, 0.7, 0.8, 0.1), (teacher, alone, usual, tuned, trial), strict=True):
            write_made_run(experiment, run, logits_of(share, seed), LABELS)
        place = ("toy", 0, 1.0, "audio", "video", seed)
        cells.append(Cell("none", "baseline", *place, alone.id, teacher.id))
        cells += [Cell("kd", "method", *place, one.id, teacher.id, tuned=one is tuned) for one in (usual, tuned)]
    write_made_plan(experiment, cells)
    assert agree(experiment)
    values = load(experiment).query("method == 'kd'").set_index(["tuned", "seed"]).value.to_dict()
    shares = {False: 0.7, True: 0.8}
    assert values == {(tuned, s): pytest.approx(percent(share, s)) for tuned, share in shares.items() for s in range(3)}


def test_the_files_are_the_frames(build: Build) -> None:
    experiment = build(SHARES, seeds=2)
    for frame, path in ((load(experiment), experiment.results), (load_runs("made", experiment.root), experiment.runs)):
        assert path.read_text(encoding="utf-8") == frame.to_csv(index=False)


def test_what_a_run_cost_is_not_repeated_for_each_cell(build: Build) -> None:
    experiment = build(SHARES, seeds=2)
    costs = {"seconds", "peak_mb", "code_version"}
    assert not costs & set(load(experiment).columns)
    assert costs <= set(load_runs("made", experiment.root).columns)


def test_a_logged_value_replaces_no_other_column(build: Build) -> None:
    experiment = build({"none": 0.5, "kd": 0.7}, seeds=1, directions=1)
    before = load(experiment)
    (run_id,) = before.query("method == 'kd'").run_id
    result = read_json(experiment.run(run_id).result)
    logged = {"value": 1.0, "gain": 2.0, "macro_f1": 3.0, "keep_rate": 4.0}
    experiment.run(run_id).write_result(result | {"logged": logged})
    after = load(experiment)
    pd.testing.assert_frame_equal(after[list(before.columns)], before)
    kept = after.set_index("method").loc["kd", ["logged_value", "logged_gain", "logged_macro_f1", "keep_rate"]]
    assert list(kept) == [1.0, 2.0, 3.0, 4.0]
