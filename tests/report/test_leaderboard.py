"""The table's numbers, worked out by hand, and its text."""

from __future__ import annotations

import io
from typing import Any

import pandas as pd
import pytest
from rich.console import Console

from cmkd_bench.experiment.plan import Cell, Plan
from cmkd_bench.report.board import Column, Leaderboard, leaderboard
from cmkd_bench.report.csv_files import board_csv
from cmkd_bench.report.formats import as_markdown, as_rich

DIRECTION = Column("toy", "audio", "video")
VALUES = {
    "none": {0: [50.0, 60.0], 1: [54.0, 58.0], 2: [60.0, 60.0]},
    "kd": {0: [56.0, 60.0], 1: [50.0, 58.0], 2: [64.0, 62.0]},
    "shuffled": {0: [10.0, 20.0], 1: [10.0, 20.0], 2: [10.0, 20.0]},
    "fails": {0: [70.0, 72.0], 1: [None, 72.0], 2: [90.0, 90.0]},
}
CONDITIONS = {"folds": 1, "fixture": False, "protocol": "fair", "train.select_on": "validation"}
ROLES = {"none": "baseline", "shuffled": "control"}


def board() -> Leaderboard:
    """Two folds, three seeds; `fails` lacks one run, `never` is not defined, the teacher is 80 + seed."""
    cells, runs = [], []
    for seed in range(3):
        for fold in range(2):
            teacher = f"teacher{seed}{fold}"
            runs.append({"run_id": teacher, "status": "done", "value": 80.0 + seed, "error": None})
            for method in ["kd", *VALUES, "never"]:
                place = (method, ROLES.get(method, "method"), "toy", fold, 1.0, "audio", "video", seed)
                if method == "never":
                    cells.append(Cell(*place, "", teacher, "needs a | bar"))
                    continue
                run_id, value = f"{method}{seed}{fold}", VALUES[method][seed][fold]
                cells.append(Cell(*place, run_id, teacher))
                state = ("done", None) if value is not None else ("failed", "non-finite loss: nan")
                runs.append({"run_id": run_id, "status": state[0], "value": value, "error": state[1]})
    record = Plan("none", {"toy": CONDITIONS | {"folds": 5}}, {cell.key: cell for cell in cells})
    return leaderboard(record, pd.DataFrame(runs).drop_duplicates("run_id"))


def test_mean_and_deviation_are_over_seeds_of_the_means_over_folds() -> None:
    entry = board().scores["kd", DIRECTION]
    assert entry.values == {0: 58.0, 1: 54.0, 2: 63.0}
    assert entry.mean == pytest.approx(175 / 3)
    # deviations from the mean: -1/3, -13/3, 14/3; their squares add up to 366/9
    assert entry.deviation == pytest.approx((366 / 9 / 2) ** 0.5)


def test_the_gain_is_over_the_student_alone_under_the_same_seed() -> None:
    # none: 55, 56, 60; kd: 58, 54, 63
    assert board().scores["kd", DIRECTION].gain == pytest.approx((3 - 2 + 3) / 3)
    assert board().scores["none", DIRECTION].gain is None
    assert board().scores["teacher", DIRECTION].gain is None


def test_a_seed_with_a_missing_fold_is_left_out_and_said() -> None:
    entry = board().scores["fails", DIRECTION]
    assert entry.values == {0: 71.0, 2: 90.0}
    assert entry.problem == "1 failed"
    assert entry.gain == pytest.approx((16 + 30) / 2)
    assert "fails, toy, audio → video, seed 1: failed: non-finite loss: nan" in board().notes


def test_a_row_with_fewer_folds_is_compared_on_those_and_is_not_the_best() -> None:
    cells, runs = [], []
    values = {("none", 0): 50.0, ("none", 1): 70.0, ("kd", 0): 52.0, ("kd", 1): 74.0, ("early", 1): 80.0}
    for (method, fold), value in values.items():
        cells.append(Cell(method, "method", "toy", fold, 1.0, "audio", "video", 0, f"{method}{fold}", "teacher"))
        runs.append({"run_id": f"{method}{fold}", "status": "done", "value": value, "error": None})
    record = Plan("none", {"toy": CONDITIONS | {"folds": 2}}, {cell.key: cell for cell in cells})
    entries = leaderboard(record, pd.DataFrame(runs)).scores
    early = entries["early", DIRECTION]
    assert (early.mean, early.gain, early.problem) == (80.0, 10.0, "1 of 2 folds")
    assert entries["kd", DIRECTION].gain == 3.0
    assert entries["kd", DIRECTION].is_best
    assert not early.is_best


def test_the_best_is_a_method_with_all_its_runs() -> None:
    best = [row for row in board().rows if board().scores[row, DIRECTION].is_best]
    assert best == ["kd"], "the teacher is no competitor, and `fails` is incomplete"


def test_rows_stand_by_role() -> None:
    assert list(board().rows.values()) == ["teacher", "baseline", "control", "method", "method", "method"]


def test_a_cell_that_is_not_defined_says_why() -> None:
    assert board().scores["never", DIRECTION].problem == "not defined"
    assert "never, toy, audio → video: not defined: needs a | bar" in board().notes


def test_markdown_is_a_table_and_escapes_what_would_break_it() -> None:
    text = as_markdown(board())
    lines = text.splitlines()
    assert lines[0] == "### toy (mean over 2 of 5 folds)"
    assert "| kd | **58.33 ± 4.51** (+1.33) |" in lines
    assert "| teacher | 81.00 ± 1.00 |" in lines
    assert "needs a \\| bar" in text


def test_csv_has_unrounded_numbers() -> None:
    frame = pd.read_csv(io.StringIO(board_csv(board()))).set_index("row")
    assert frame.loc["kd", "mean"] == pytest.approx(175 / 3, rel=1e-12)
    assert frame.loc["fails", "seeds"] == 2
    assert pd.isna(frame.loc["never", "mean"])


def test_the_terminal_shows_names_as_text_and_not_as_markup() -> None:
    cell = Cell("[red]m", "method", "[bold]d", 0, 1.0, "a", "b", 0, "r", "t")
    runs = pd.DataFrame([{"run_id": name, "status": "done", "value": 1.0, "error": None} for name in "rt"])
    console = Console(file=io.StringIO(), width=80)
    console.print(as_rich(leaderboard(Plan("none", {"[bold]d": CONDITIONS}, {cell.key: cell}), runs)))
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "[red]m" in shown
    assert "[bold]d" in shown


@pytest.mark.parametrize(
    ("changes", "metric", "title"),
    [
        ({}, "accuracy", "toy"),
        ({"fixture": True}, "accuracy", "toy (FIXTURE, not the dataset)"),
        ({"protocol": "c2kd", "train.select_on": "test"}, "accuracy", "toy (protocol c2kd; selected on test)"),
        ({"train.select_on": "last"}, "miou", "toy (last epoch; mean IoU)"),
    ],
)
def test_what_a_number_must_not_be_read_without_stands_in_every_table(
    changes: dict[str, Any], metric: str, title: str
) -> None:
    cell = Cell("none", "baseline", "toy", 0, 1.0, "audio", "video", 0, "alone", "teacher")
    run = {"run_id": "alone", "status": "done", "value": 50.0, "error": None, "dataset": "toy", "metric": metric}
    record = Plan("none", {"toy": CONDITIONS | changes}, {cell.key: cell}, {"toy": ["speakers are shared."]})
    found = leaderboard(record, pd.DataFrame([run]))
    assert as_markdown(found).splitlines()[0] == f"### {title}"
    assert "- toy: speakers are shared." in as_markdown(found)
    marks = title.removeprefix("toy").strip(" ()")
    assert all(marks in line for line in board_csv(found).splitlines()[1:])
    assert ("mean IoU where stated" in as_markdown(found)) == (metric == "miou")
