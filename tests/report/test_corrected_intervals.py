"""leaderboard.csv has the intervals of gains without and with correction, and its header says which are which."""

from __future__ import annotations

import io
from collections.abc import Callable

import pandas as pd
import pytest
from scipy import stats

from cmkd_bench.experiment.store import Experiment
from cmkd_bench.report.csv_files import board_csv
from cmkd_bench.report.experiment_tables import write_board
from cmkd_bench.statistics.paired import LEVEL, interval_at

Build = Callable[..., Experiment]
ROWS = {"none": 0.5, "kd": 0.56, "dkd": 0.62, "crd": 0.9}
FAMILY = 6  # three methods in two directions


@pytest.fixture
def frame(build: Build) -> pd.DataFrame:
    board = write_board(build(ROWS, seeds=4))[1]
    return pd.read_csv(io.StringIO(board_csv(board))).dropna(subset=["gain_p_holm"])


def test_an_interval_at_a_level_is_that_of_t_where_only_seeds_vary_and_normal_where_only_samples_do() -> None:
    low, high = interval_at(3.0, 2.0, of_seeds=1.0, seeds=5, level=0.01)
    assert (low, high) == pytest.approx(stats.t.interval(0.99, df=4, loc=3.0, scale=2.0))
    low, high = interval_at(3.0, 2.0, of_seeds=0.0, seeds=5, level=0.01)
    assert (low, high) == pytest.approx(stats.norm.interval(0.99, loc=3.0, scale=2.0))


def test_the_corrected_interval_is_wider_and_excludes_0_where_the_p_value_times_the_family_is_small(
    frame: pd.DataFrame,
) -> None:
    assert len(frame) == FAMILY
    assert (frame["gain_low_bonferroni"] < frame["gain_low_uncorrected"]).all()
    assert (frame["gain_high_bonferroni"] > frame["gain_high_uncorrected"]).all()
    for kind, factor in (("uncorrected", 1), ("bonferroni", FAMILY)):
        excludes = (frame[f"gain_low_{kind}"] > 0) | (frame[f"gain_high_{kind}"] < 0)
        assert (excludes == (frame["gain_p_uncorrected"] * factor < LEVEL)).all()
        assert excludes.any(), "crd gains much"


def test_holm_never_claims_less_than_the_corrected_interval(frame: pd.DataFrame) -> None:
    excludes = (frame["gain_low_bonferroni"] > 0) | (frame["gain_high_bonferroni"] < 0)
    assert (frame["gain_p_holm"][excludes] < LEVEL).all()
