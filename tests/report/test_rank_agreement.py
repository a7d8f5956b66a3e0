"""Kendall's tau between the ranks of the methods under two numbers of labels, counted by hand."""

from __future__ import annotations

import pytest

from cmkd_bench.report.cells import Column
from cmkd_bench.report.rank_agreement import rank_agreements
from cmkd_bench.report.scores import MeanScore
from cmkd_bench.statistics.ranks import rank_correlation

METHODS = ["kd", "crd", "dkd", "c2kd"]


def gains(columns: dict[Column, dict[str, float]], problem: str = "") -> dict[tuple[str, Column], MeanScore]:
    return {
        (row, column): MeanScore({0: 50 + gain}, 50 + gain, None, gain, problem if row == "c2kd" else "")
        for column, values in columns.items()
        for row, gain in values.items()
    }


def column(labels: float, student: str = "video", dataset: str = "toy") -> Column:
    return Column(dataset, "audio", student, labels)


FEW = {"kd": 14.0, "crd": 12.0, "dkd": 5.0, "c2kd": 4.0}
ALL = {"kd": -1.0, "crd": 0.5, "dkd": -11.0, "c2kd": 1.0}
"""kd-crd, kd-c2kd, crd-c2kd and dkd-c2kd change their order; kd-dkd and crd-dkd keep it: (2 - 4) / 6."""


def test_tau_of_one_direction_is_that_of_the_pairs_counted() -> None:
    columns = {column(1.0): ALL, column(0.25): FEW, column(0.05): FEW}
    (found,) = rank_agreements(gains(columns), METHODS, list(columns), 1)
    assert found.tau == pytest.approx(-2 / 6)
    assert "toy audio → video" in found.text
    assert "5 % of labels: kd, crd, dkd, c2kd" in found.text
    assert "all labels: c2kd, crd, kd, dkd" in found.text
    assert "-0.33" in found.text


def test_over_several_directions_mean_gains_are_ranked() -> None:
    columns = {column(1.0): ALL, column(0.05): FEW, column(1.0, "text"): FEW, column(0.05, "text"): FEW}
    first, second, overall = rank_agreements(gains(columns), METHODS, list(columns), 1)
    assert [first.tau, second.tau] == [pytest.approx(-2 / 6), pytest.approx(1.0)]
    # means with all labels: kd 6.5, crd 6.25, dkd -3, c2kd 2.5; with few, dkd is above c2kd: one of six pairs turns
    assert overall.tau == pytest.approx(4 / 6)
    assert "2 directions" in overall.text


def test_lower_can_be_better_and_turns_both_orders() -> None:
    columns = {column(1.0): ALL, column(0.05): FEW}
    (found,) = rank_agreements(gains(columns), METHODS, list(columns), -1)
    assert found.tau == pytest.approx(-2 / 6)
    assert "5 % of labels: c2kd, dkd, crd, kd" in found.text


def test_incomplete_methods_do_not_take_part() -> None:
    columns = {column(1.0): ALL, column(0.05): FEW}
    (found,) = rank_agreements(gains(columns, "1 failed"), METHODS, list(columns), 1)
    assert found.tau == pytest.approx(1 / 3)  # without c2kd: kd-crd turns, two pairs do not
    assert "c2kd" not in found.text


@pytest.mark.parametrize(
    ("labels", "methods", "better"), [((1.0,), METHODS, 1), ((1.0, 0.05), METHODS[:2], 1), ((1.0, 0.05), METHODS, 0)]
)
def test_one_number_of_labels_two_methods_or_a_cost_without_order_are_not_ranked(
    labels: tuple[float, ...], methods: list[str], better: int
) -> None:
    columns = {column(share): ALL for share in labels}
    assert rank_agreements(gains(columns), methods, list(columns), better) == []


def test_ties_count_as_in_tau_b_and_equal_scores_have_none() -> None:
    # one pair is tied in the first list: concordant 5 of 6 pairs, 5 / sqrt(5 * 6)
    assert rank_correlation([1, 1, 2, 3], [1, 2, 3, 4]) == pytest.approx(5 / 30**0.5)
    assert rank_correlation([1, 1, 1], [1, 2, 3]) is None
