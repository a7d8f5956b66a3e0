"""Families of gains: methods and controls of a dataset's table are corrected apart, and every output says so."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from cmkd_bench.experiment.files import read_json
from cmkd_bench.experiment.record import write_plan
from cmkd_bench.experiment.store import Experiment
from cmkd_bench.report.board import Leaderboard
from cmkd_bench.report.comparisons import Comparison
from cmkd_bench.report.csv_files import comparisons_csv
from cmkd_bench.report.experiment_tables import write_board
from cmkd_bench.report.wording import legend
from cmkd_bench.statistics.multiple import holm

Build = Callable[..., Experiment]
ROWS = {"none": 0.5, "smooth": 0.52, "shuffled": 0.4, "kd": 0.6, "dkd": 0.62, "crd": 0.55}
CONTROLS = ("smooth", "shuffled")


def with_cells(experiment: Experiment, change: Callable[[dict[str, Any]], Sequence[dict[str, Any]]]) -> Leaderboard:
    """The board of an experiment whose cells are replaced."""
    plan = read_json(experiment.plan)
    write_plan(experiment, plan | {"cells": [new for cell in plan["cells"] for new in change(cell)]})
    return write_board(experiment)[1]


def as_control(cell: dict[str, Any]) -> dict[str, Any]:
    return cell | {"role": "control"} if cell["method"] in CONTROLS else cell


@pytest.fixture
def board(build: Build) -> Leaderboard:
    return with_cells(build(ROWS, seeds=5), lambda cell: [as_control(cell)])


def gains(board: Leaderboard, rows: Sequence[str]) -> list[Comparison]:
    return [one for one in board.comparisons.pairs.values() if one.other == "none" and one.row in rows]


def test_methods_are_corrected_without_the_controls_and_controls_without_the_methods(board: Leaderboard) -> None:
    for role, rows in (("method", ("kd", "dkd", "crd")), ("control", CONTROLS)):
        found = gains(board, rows)
        assert len(found) == 2 * len(rows)  # in two directions
        assert {one.family for one in found} == {role}
        assert [one.p_gain for one in found] == pytest.approx(holm(np.array([one.p for one in found])))
    assert board.comparisons.families == {("toy", "control"): 4, ("toy", "method"): 6}
    assert board.comparisons.gains == 10


def test_a_tuned_row_of_the_same_runs_adds_nothing_to_the_family(build: Build) -> None:
    def tuned(cell: dict[str, Any]) -> list[dict[str, Any]]:
        return [cell, cell | {"tuned": True}] if cell["method"] == "kd" else [cell]

    same = with_cells(build({"none": 0.5, "kd": 0.6, "dkd": 0.62}, seeds=4), tuned)
    assert same.comparisons.families == {("toy", "method"): 4}
    twins = gains(same, ("kd", "kd (tuned)"))
    assert len(twins) == 4
    assert len({(one.column, one.p_gain) for one in twins}) == 2


def test_each_table_is_a_family(build: Build) -> None:
    # the same runs under another number of labels are another table
    board = with_cells(build({"none": 0.5, "kd": 0.6}, seeds=4), lambda cell: [cell, cell | {"labels": 0.05}])
    assert sorted(board.comparisons.families.values()) == [2, 2]
    assert len({block for block, _ in board.comparisons.families}) == 2


def test_the_legend_names_both_families_and_their_sizes(board: Leaderboard) -> None:
    (line,) = [line for line in legend(board, with_gain=False) if "Holm" in line]
    assert "methods, defaults and tuned (6)" in line
    assert "controls (4)" in line


def test_the_csv_names_the_family_of_each_corrected_value(board: Leaderboard) -> None:
    lines = list(csv.DictReader(io.StringIO(comparisons_csv(board))))
    families = {(line["row"], line["other"]): (line["gain_family"], line["gains_in_family"]) for line in lines}
    assert families["kd", "none"] == ("method", "6")
    assert families["smooth", "none"] == ("control", "4")
    assert families["smooth", "kd"] == families["kd", "dkd"] == ("", "")
    assert all(bool(line["p_holm_family"]) == (line["other"] == "none") for line in lines)
