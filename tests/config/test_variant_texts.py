"""Rows as text: what stands for a variant of a method, and what its row is called."""

from __future__ import annotations

from typing import Any

import pytest

from cmkd_bench.config.overrides import Malformed, parse_overrides, split_at_commas
from cmkd_bench.config.variants import LONGEST, Variant, definition, parse_variant, problem_with_name


@pytest.mark.parametrize(
    ("text", "given", "name"),
    [
        ("kd", {}, ""),
        ("kd(temperature=1)", {"temperature": 1}, "kd(temperature=1)"),
        (" kd ( b = 2 , a = 1.0 ) ", {"a": 1.0, "b": 2}, "kd(a=1,b=2)"),
        ("kd(a=1e-3)=soft, or not", {"a": 0.001}, "soft, or not"),
        ("kd(a='x,)',b=true)", {"a": "x,)", "b": True}, "kd(a='x,)',b=true)"),
        ("kd(a=1)=kd (sharp = hard)", {"a": 1}, "kd (sharp = hard)"),
    ],
)
def test_a_row_is_read_and_written_back(text: str, given: dict[str, Any], name: str) -> None:
    found = parse_variant(text)
    assert found == Variant("kd", given, name)
    assert parse_variant(definition("kd", given, name)) == found


def test_the_order_and_notation_of_values_do_not_make_another_row() -> None:
    assert parse_variant("kd(a=1,b=0.50)").name == parse_variant("kd(b=0.5,a=1.0)").name


@pytest.mark.parametrize("text", ["kd(", "kd()", "kd(a)", "kd(a=)", "kd(a=1)x", "kd(a=1)=", "kd(a=1,a=2)", "kd(a=[)"])
def test_what_is_no_row_is_refused_with_the_form(text: str) -> None:
    with pytest.raises(Malformed, match=r"kd"):
        parse_variant(text)


def test_commas_within_parentheses_and_quotation_marks_do_not_separate() -> None:
    assert split_at_commas("kd,kd(a=1,b=[2,3]),c(d='),')=it's, x") == ["kd", "kd(a=1,b=[2,3])", "c(d='),')=it's", " x"]


@pytest.mark.parametrize("name", ["", " x", "a\nb", "\x1b[31mred", "a,b", "a)", "(a", ")(", "x" * (LONGEST + 1)])
def test_what_cannot_name_a_row_is_refused(name: str) -> None:
    assert problem_with_name(name) is not None


@pytest.mark.parametrize("name", ["without selection", "ω > 0 & <b>", "a (b, c)", "=1+1", "x" * LONGEST])
def test_other_names_are_allowed(name: str) -> None:
    assert problem_with_name(name) is None


def test_several_values_of_a_hyper_parameter_are_listed() -> None:
    found = parse_overrides(["method.kd.temperature=1, 2.5", "method.kd.labels='a,b'", "dataset.mfeat.fold=1,2"])
    assert found.listed == {"kd": {"temperature": [1, 2.5]}}
    assert found.methods == {"kd": {"labels": "a,b"}}
    assert len(found.problems) == 1
    assert "dataset.mfeat.fold=1,2" in found.problems[0]
