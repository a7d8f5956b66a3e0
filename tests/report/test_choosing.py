"""Filters: rows by the values that identify them, and messages that say what would decide."""

from __future__ import annotations

from typing import Any, get_type_hints

import pandas as pd
import pytest

from cmkd_bench.errors import UserError
from cmkd_bench.report.choosing import Filters, choose, only_run
from cmkd_bench.report.tidy import KEYS, ROW


def cell(method: str, run_id: str | None, **changes: Any) -> dict[str, Any]:
    usual = {"dataset": "mfeat", "fold": 0, "labels": 0.05, "teacher_modality": "pixels", "student_modality": "fourier"}
    return {"method": method, **usual, "seed": 0, "tuned": False, "run_id": run_id, "impossible": None, **changes}


CELLS = pd.DataFrame(
    [
        cell("none", "a"),
        cell("none", "a", teacher_modality="zernike"),  # the student alone is trained once for all teachers
        cell("none", "b", seed=1),
        cell("none", "b", seed=1, teacher_modality="zernike"),
        cell("kd", "c"),
        cell("kd", "d", tuned=True),
        cell("kd", "e", labels="6pc"),
        cell("simkd", None, impossible="not defined for segmentation here"),
    ]
)


def runs(**filters: Any) -> list[str]:
    return choose(CELLS, "fair", filters)["run_id"].tolist()


def test_filters_are_the_columns_that_identify_a_row() -> None:
    assert tuple(get_type_hints(Filters)) == (ROW, *KEYS)


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"method": "kd"}, ["c", "d", "e"]),
        ({"method": "kd", "tuned": True}, ["d"]),
        ({"labels": "6pc"}, ["e"]),
        ({"labels": 5e-2, "method": "kd", "tuned": False}, ["c"]),
        ({"labels": "0.05", "method": "kd", "tuned": None}, ["c", "d"]),
        ({"seed": 1, "teacher_modality": "zernike"}, ["b"]),
        ({"dataset": "mfeat", "fold": 0, "student_modality": "fourier", "method": "kd", "labels": "6pc"}, ["e"]),
    ],
)
def test_filters_keep_the_rows_with_all_values(filters: dict[str, Any], expected: list[str]) -> None:
    assert runs(**filters) == expected


def test_without_filters_nothing_changes() -> None:
    pd.testing.assert_frame_equal(choose(CELLS, "fair", {}), CELLS)


@pytest.mark.parametrize(
    ("filters", "words"),
    [
        ({"metod": "kd"}, ["'metod'", "'method'", "student_modality"]),
        ({"method": "kdd"}, ["'fair'", "method=kdd", "'kd'", "kd, none, simkd"]),
        ({"method": "kd", "seed": 1}, ["method=kd, seed=1", "seed: 0."]),
        ({"labels": 7}, ["labels=7", "6pc"]),
        ({"labels": 0.5}, ["labels=0.5", "0.05, 6pc"]),
    ],
)
def test_a_value_that_no_row_has_is_named_with_those_that_there_are(filters: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        runs(**filters)
    assert all(word in str(caught.value) for word in words), caught.value


def test_one_run_behind_several_cells_is_one() -> None:
    assert only_run(choose(CELLS, "fair", {"method": "none", "seed": 0}), "fair") == "a"


def test_several_runs_are_refused_with_the_filters_that_decide() -> None:
    with pytest.raises(UserError) as caught:
        only_run(choose(CELLS, "fair", {"method": "none"}), "fair")
    assert str(caught.value).startswith("2 runs in 'fair'")
    assert "seed (0, 1)" in str(caught.value)
    assert "teacher_modality" not in str(caught.value)
    with pytest.raises(UserError, match=r"3 runs.*labels \(0.05, 6pc\); tuned \(False, True\)\."):
        only_run(choose(CELLS, "fair", {"method": "kd"}), "fair")


def test_a_cell_that_is_not_defined_says_why() -> None:
    with pytest.raises(UserError, match="not defined for segmentation"):
        only_run(choose(CELLS, "fair", {"method": "simkd"}), "fair")
