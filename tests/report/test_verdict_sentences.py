"""The sentences, written by hand for gains that are given."""

from __future__ import annotations

import pytest
from verdict_scores import Gains, made_score, made_scores

from cmkd_bench.report.cells import Column
from cmkd_bench.report.verdict_sentences import in_short, listed, sentence

PF, FP = Column("mfeat", "pixels", "fourier"), Column("mfeat", "fourier", "pixels")
YES, NO = 0.01, 0.4
QUIET: Gains = {("smooth", PF): (0.8, NO), ("smooth", FP): (0.1, NO)}


def few(column: Column, labels: float | str) -> Column:
    return Column(column.dataset, column.teacher_modality, column.student_modality, labels)


def told(gains: Gains, methods: str = "kd fitnet crd", controls: str = "smooth") -> str:
    columns = list(dict.fromkeys(column for _, column in gains))
    return sentence(made_scores(gains), columns, methods.split(), controls.split())


def test_methods_that_gain_stand_together_and_a_direction_without_gain_is_named() -> None:
    gains: Gains = {
        ("kd", PF): (15.8, YES),
        ("fitnet", PF): (15.5, YES),
        ("crd", PF): (14.2, YES),
        ("kd", FP): (-1.0, NO),
        ("fitnet", FP): (1.0, NO),
        ("crd", FP): (0.2, NO),
    }
    assert told(gains | QUIET) == (
        "kd, fitnet, and crd gain 14 to 16 points from pixels to fourier; "
        "no method gains significantly from fourier to pixels; no control gains significantly."
    )


def test_a_grid_of_one_method_and_no_control() -> None:
    gains: Gains = {("kd", PF): (4.94, YES), ("kd", FP): (3.0, NO)}
    assert told(gains, "kd", "") == (
        "kd gains 4.9 points from pixels to fourier; kd does not gain significantly from fourier to pixels."
    )


def test_without_any_gain_nothing_is_said_of_controls_that_do_not_gain_either() -> None:
    gains: Gains = {(row, column): (3.0, NO) for row in ("kd", "fitnet", "crd") for column in (PF, FP)}
    assert told(gains | QUIET) == "no method gains significantly in any direction."
    forward = {(row, column): value for (row, column), value in (gains | QUIET).items() if column == PF}
    assert told(forward) == "no method gains significantly from pixels to fourier."


def test_a_control_that_gains_is_named_with_and_without_methods_that_do() -> None:
    forward: Gains = {("kd", PF): (17.1, YES), ("smooth", PF): (16.9, YES)}
    assert told(forward, "kd") == (
        "kd gains 17 points from pixels to fourier; but among the controls, smooth gains 17 points from pixels to "
        "fourier."
    )
    only: Gains = {("kd", PF): (0.2, NO), ("smooth", PF): (1.22, YES)}
    assert told(only, "kd") == (
        "kd does not gain significantly from pixels to fourier; "
        "among the controls, smooth gains 1.2 points from pixels to fourier."
    )


def test_losses_of_methods_are_named_and_those_of_controls_are_not() -> None:
    gains: Gains = {("kd", PF): (0.3, NO), ("dkd", PF): (-11.4, YES), ("smooth", PF): (-60.0, YES)}
    assert told(gains, "kd dkd") == (
        "no method gains significantly from pixels to fourier; dkd loses 11 points from pixels to fourier."
    )


def test_the_number_of_labels_is_a_part_of_the_direction() -> None:
    five, quarter, every = (few(PF, labels) for labels in (0.05, 0.25, 1.0))
    gains: Gains = {
        ("kd", five): (15.0, YES),
        ("kd", quarter): (5.96, YES),
        ("kd", every): (-0.7, NO),
        ("crd", five): (14.0, YES),
        ("crd", quarter): (4.0, NO),
        ("crd", every): (-3.0, YES),
        **{("kd", few(FP, labels)): (0.5, NO) for labels in (0.05, 0.25, 1.0)},
        **{("crd", few(FP, labels)): (0.5, NO) for labels in (0.05, 0.25, 1.0)},
    }
    assert told(gains, "kd crd", "") == (
        "kd gains 6.0 to 15.0 points from pixels to fourier with 5 and 25 % of the labels; "
        "crd gains 14 points from pixels to fourier with 5 % of the labels; "
        "no method gains significantly from fourier to pixels; "
        "crd loses 3.0 points from pixels to fourier with 100 % of the labels."
    )


def test_neighbouring_numbers_of_labels_are_named_by_the_first_and_the_last() -> None:
    budgets = ("3pc", 0.01, 0.025, 0.05, 0.25)
    gains: Gains = {("kd", few(PF, budget)): (10.0, YES) for budget in budgets} | {("kd", few(PF, 1.0)): (0.0, NO)}
    assert told(gains, "kd", "") == (
        "kd gains 10 points from pixels to fourier with 3 labels per class and 1 to 25 % of the labels."
    )
    gains |= {("kd", few(PF, 0.025)): (9.0, NO)}
    assert "3 labels per class and 1, 5, and 25 % of the labels" in told(gains, "kd", "")


def test_directions_with_the_same_methods_share_a_clause_and_many_are_counted() -> None:
    columns = [Column("mfeat", "pixels", f"view{i}") for i in range(5)]
    two: Gains = {("kd", column): (10.0 + i, YES) for i, column in enumerate(columns[:2])}
    assert told(two, "kd", "") == "kd gains 10 to 11 points from pixels to view0 and from pixels to view1."
    five: Gains = {("kd", column): (10.0 + i, YES) for i, column in enumerate(columns)}
    five |= {("crd", column): (2.0, YES if i == 3 else NO) for i, column in enumerate(columns)}
    assert told(five, "kd crd", "") == "of 5 directions, kd gains 10 to 14 points in 5 and crd 2.0 in 1."
    none: Gains = {("kd", column): (1.0, YES if column == columns[0] else NO) for column in columns}
    assert told(none, "kd", "").endswith("; kd does not gain significantly in 4 of 5 directions.")


def test_what_is_not_tested_is_not_denied() -> None:
    gains: Gains = {("kd", PF): (10.0, YES), ("crd", PF): (1.0, NO), ("crd", FP): (9.0, None), ("kd", FP): (2.0, NO)}
    assert "no method gains significantly from fourier to pixels as far as tested" in told(gains, "kd crd", "")
    gains |= {("kd", FP): (2.0, None), ("smooth", PF): (0.0, NO), ("smooth", FP): (50.0, None)}
    assert told(gains, "kd crd") == (
        "kd gains 10 points from pixels to fourier; no control gains significantly as far as tested; "
        "nothing is tested from fourier to pixels."
    )
    without: Gains = {("kd", PF): (10.0, YES), ("smooth", PF): (50.0, None)}
    assert "control" not in told(without, "kd")


def test_a_method_that_is_not_defined_leaves_nothing_open() -> None:
    scores = made_scores({("kd", PF): (0.1, NO)})
    scores["aside", PF] = made_score("aside", PF, 0.0, None, problem="not defined")
    assert sentence(scores, [PF], ["kd", "aside"], []) == "no method gains significantly from pixels to fourier."


@pytest.mark.parametrize(
    ("gain", "words"), [(0.04, "0.04 points"), (0.949, "0.95 points"), (0.96, "1.0 points"), (9.5, "10 points")]
)
def test_a_number_has_the_digits_that_it_needs(gain: float, words: str) -> None:
    assert told({("kd", PF): (gain, YES)}, "kd", "").startswith(f"kd gains {words} ")


def test_names_are_listed_as_in_a_sentence() -> None:
    assert [listed(list("abc"[:count]), "or") for count in (1, 2, 3)] == ["a", "a or b", "a, b, or c"]
    assert [in_short(budget) for budget in (0.025, 1.0, "6pc")] == ["2.5 %", "100 %", "6 per class"]
