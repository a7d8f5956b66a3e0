"""Label budgets: one form for equal ones, and one message for all others."""

from __future__ import annotations

import math

import pytest

from cmkd_bench.experiment.label_budget import as_option, block_name, block_stem, in_words, order, parse_budget


@pytest.mark.parametrize(
    ("given", "budget"),
    [
        (0.05, 0.05), ("0.05", 0.05), ("5e-2", 0.05), (" .05", 0.05), (1, 1.0), ("1", 1.0), ("1.000", 1.0),
        ("6pc", "6pc"), ("006pc", "6pc"),
    ],
)  # fmt: skip
def test_equal_budgets_have_one_form(given: object, budget: object) -> None:
    found = parse_budget(given)
    assert found == budget
    assert type(found) is type(budget)
    assert parse_budget(as_option(found)) == found


@pytest.mark.parametrize(
    "given", [0, -0.5, 1.01, math.nan, math.inf, "nan", "", "many", "0pc", "-3pc", "1.5pc", "pc", True, None, "5%"]
)
def test_others_are_refused_with_what_is_expected(given: object) -> None:
    with pytest.raises(ValueError, match=r"above 0 and up to 1.*6pc"):
        parse_budget(given)


def test_words_and_order() -> None:
    assert in_words(0.025) == "2.5 % of labels"
    assert in_words("1pc") == "1 label per class"
    assert sorted([1.0, "6pc", 0.05, "1pc"], key=order) == ["1pc", "6pc", 0.05, 1.0]


def test_only_hidden_labels_are_part_of_a_name() -> None:
    assert (block_name("mfeat", 1.0), block_stem("mfeat", 1.0)) == ("mfeat", "mfeat")
    assert (block_name("mfeat", 0.05), block_stem("mfeat", 0.05)) == ("mfeat, 5 % of labels", "mfeat_0.05")
