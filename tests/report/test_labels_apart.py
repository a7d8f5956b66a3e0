"""Numbers of different label budgets never share a table, a row or a comparison."""

from __future__ import annotations

import csv
import dataclasses
import io
from pathlib import Path

import pandas as pd
import pytest
from made_runs import LABELS, write_experiment, write_run

from cmkd_bench.experiment.files import read_json
from cmkd_bench.experiment.plan import Cell
from cmkd_bench.experiment.record import write_plan
from cmkd_bench.experiment.store import Experiment
from cmkd_bench.report.board import Column
from cmkd_bench.report.csv_files import board_csv
from cmkd_bench.report.experiment_data import read_experiment
from cmkd_bench.report.experiment_tables import write_board
from cmkd_bench.report.formats import FORMATS, render
from cmkd_bench.report.label_marks import marks_of_budgets
from cmkd_bench.report.page.report_page import make_page
from cmkd_bench.report.plots.plot_data import plot_data_of

ALL, FEW = Column("toy", "audio", "video"), Column("toy", "audio", "video", 0.05)


@pytest.fixture
def experiment(tmp_path: Path) -> Experiment:
    """With all labels kd gains 10 points, with few about 30."""
    experiment = write_experiment(tmp_path, {"none": 0.6, "kd": 0.7}, directions=1)
    plan = read_json(experiment.plan)
    for cell in list(plan["cells"]):
        old, teacher = (experiment.read_spec(cell[name]) for name in ("run_id", "teacher_id"))
        taught = dataclasses.replace(teacher, labels=0.05)
        few = dataclasses.replace(old, labels=0.05, teacher=old.teacher and taught.id)
        write_run(experiment, taught, 0.5, LABELS)
        write_run(experiment, few, 0.7 if cell["method"] == "kd" else 0.4, LABELS)
        for run in (few, taught):
            folder = experiment.run(run.id)
            folder.write_result({**read_json(folder.result), "train_labels": 60, "selection_labels": 200})
        changed = {"labels": 0.05, "run_id": few.id, "teacher_id": taught.id}
        plan["cells"].append(dataclasses.asdict(Cell(**{**cell, **changed})))
    plan["conditions"]["toy"] |= {"supervision.teacher_labels": "all", "supervision.mispaired": 0.2}
    write_plan(experiment, plan)
    return experiment


def test_each_budget_has_its_own_numbers_and_comparisons(experiment: Experiment) -> None:
    results, board = write_board(experiment)
    assert board.columns == (ALL, FEW)
    for column, labels in ((ALL, 1.0), (FEW, 0.05)):
        runs = results[results.labels == labels].groupby("method").value.mean()
        kd = board.scores["kd", column]
        assert kd.mean == pytest.approx(runs["kd"])
        assert kd.gain == pytest.approx(kd.mean - board.scores["none", column].mean)
        assert board.comparisons.pairs[column, "kd", "none"].difference == pytest.approx(kd.gain)
    assert board.scores["kd", FEW].gain > board.scores["kd", ALL].gain + 10


def test_no_rank_mixes_budgets(experiment: Experiment) -> None:
    board = write_board(experiment)[1]
    assert board.ranking is None
    assert any("average rank" in note for note in board.notes)


def test_the_title_says_how_many_labels_were_read(experiment: Experiment) -> None:
    board = write_board(experiment)[1]
    assert list(board.marks) == ["toy", "toy, 5 % of labels"]
    assert board.marks["toy"] == ["20 % of the pairs wrong"]
    assert board.marks["toy, 5 % of labels"] == [
        "60 labels",
        "epoch selected on 200 labels",
        "teacher with all labels",
        "20 % of the pairs wrong",
    ]
    for form in set(FORMATS) - {"csv", "rich"}:
        text = str(render(board, form, "made"))
        assert "epoch selected on 200 labels" in text
        assert text.count("audio") >= 2


def test_csv_files_and_the_page_tell_them_apart(experiment: Experiment) -> None:
    board = write_board(experiment)[1]
    lines = list(csv.DictReader(io.StringIO(board_csv(board))))
    assert {line["labels"] for line in lines} == {"1", "0.05"}
    assert len({(line["labels"], line["row"]) for line in lines}) == len(lines)
    saved = pd.read_csv(experiment.results)
    assert set(saved.labels) == {1.0, 0.05}
    page = make_page(experiment)
    assert "toy, 5 % of labels" in page
    assert "cell/kd/toy/0.05/audio/video" in page
    assert "--labels 0.05" in page


def test_plots_have_one_picture_per_budget(experiment: Experiment) -> None:
    data = plot_data_of(read_experiment(experiment))
    assert list(data.datasets) == ["toy", "toy, 5 % of labels"]
    assert [data.stem(block) for block in data.datasets] == ["toy", "toy_0.05"]
    assert data.gains("kd", FEW) != data.gains("kd", ALL)


def test_a_student_that_taught_itself_is_compared_with_the_others(experiment: Experiment) -> None:
    plan = read_json(experiment.plan)
    for cell in [one for one in plan["cells"] if one["method"] == "kd" and one["labels"] == 1.0]:
        alone = next(c for c in plan["cells"] if (c["method"], c["seed"], c["labels"]) == ("none", cell["seed"], 1.0))
        run = dataclasses.replace(
            experiment.read_spec(cell["run_id"]),
            method="self", manifest="s" * 64, teacher=alone["run_id"], teacher_modality="video",
        )  # fmt: skip
        write_run(experiment, run, 0.65, LABELS)
        plan["cells"].append({**cell, "method": "self", "role": "control", "run_id": run.id})
    write_plan(experiment, plan)
    board = write_board(experiment)[1]
    assert board.comparisons.refused == ()
    assert board.comparisons.find(ALL, "self", "kd") is not None


def test_the_number_of_labels_of_one_budget_does_not_qualify_several() -> None:
    hidden = ["200 labels", "epoch selected on 500 labels", "fold 0 of 6"]
    assert marks_of_budgets([hidden]) == hidden[1:]
    assert marks_of_budgets([hidden, ["50 to 52 labels", "fold 0 of 6"]]) == ["fold 0 of 6"]
