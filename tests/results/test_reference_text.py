"""What results/README.md says of the reference, counted anew from its table."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
from scipy.stats import kendalltau

RESULTS = Path(__file__).parent.parent.parent / "results"
TEXT = " ".join((RESULTS / "README.md").read_text(encoding="utf-8").split("# Reference")[1].split("\n# ")[0].split())
BOARD = pd.read_csv(RESULTS / "reference/leaderboard.csv")
ROWS = BOARD[BOARD.role == "method"]
DIRECTION = ["dataset", "teacher_modality", "student_modality"]
FEW, ALL = ROWS[ROWS.labels < 1], ROWS[ROWS.labels == 1]


def means(rows: pd.DataFrame) -> pd.Series:
    """Mean gains by row, over the directions."""
    return rows.groupby("row").gain.mean()


def numbers(pattern: str) -> list[float]:
    found = re.search(pattern, TEXT)
    assert found, pattern
    return [float(one) for one in found.groups()]


def test_significant_gains_and_losses_are_counted_right() -> None:
    gains = FEW[(FEW.gain_p_holm < 0.05) & (FEW.gain > 0)].groupby("student_modality").size()
    assert numbers(r"Of (\d+) rows, (\d+) gain significantly .* and (\d+) from pixels to Zernike") == [
        FEW.row.nunique(), gains.pop("fourier"), gains.pop("zernike"),
    ]  # fmt: skip
    assert gains.empty
    assert not ((ALL.gain_p_holm < 0.05) & (ALL.gain > 0)).any()
    losses = (ALL.gain_p_holm < 0.05) & (ALL.gain < 0)
    assert numbers(r"(\d+) of (\d+) gains are significant losses") == [losses.sum(), ALL.gain.count()]


def test_the_largest_means_are_those_of_the_rows_that_are_named() -> None:
    better = FEW[FEW.dataset.ne("openmoji") & FEW.student_modality.ne("pixels")]
    assert better[DIRECTION].drop_duplicates().shape[0] == 3
    found = means(better).round(1)
    assert found.idxmax() == "dist (tuned)"
    assert numbers(r"tuned dist, \+([\d.]+) points; kd has \+([\d.]+)\.") == [found.max(), found["kd"]]
    assert means(ALL).idxmax() == "c2kd"
    assert numbers(r"c2kd, \+([\d.]+) points") == [round(means(ALL).max(), 1)]


def test_taus_are_those_of_the_table() -> None:
    tables = [rows.pivot(index="row", columns=DIRECTION, values="gain") for rows in (FEW, ALL)]
    overall = kendalltau(*(table.mean(axis=1) for table in tables)).statistic
    each = [kendalltau(*(table[direction] for table in tables)).statistic for direction in tables[0]]
    written = numbers(r"mean gains of all rows, is (-?[\d.]+); by direction, it is between (-?[\d.]+) and ([\d.]+)\.")
    assert written == [round(one, 2) for one in (overall, min(each), max(each))]
