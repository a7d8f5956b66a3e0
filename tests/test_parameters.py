"""Typed parameters: what is refused, and how it is said."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from cmkd_bench.parameters import build, describe, parameter, problems_of


@dataclass(frozen=True)
class Example:
    temperature: float = parameter(4.0, "divides the logits", source="a paper", minimum=0.5, maximum=10)
    form: str = parameter("joint", "of training", choices=("joint", "two_stage"))
    negatives: int = parameter(8, "per sample", minimum=1)
    flag: bool = parameter(False, "a switch")


def test_defaults_and_given_values() -> None:
    assert build(Example, {}) == Example()
    assert build(Example, {"temperature": 2, "flag": True}) == Example(temperature=2.0, flag=True)
    assert isinstance(build(Example, {"temperature": 2}).temperature, float)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"temprature": 2.0}, "p.temprature=2.0: no such parameter. Did you mean 'p.temperature'?"),
        ({"temperature": "hot"}, "p.temperature=hot: expected float, got str ('hot')"),
        ({"temperature": True}, "p.temperature=True: expected float, got bool (True)"),
        ({"negatives": 1.5}, "p.negatives=1.5: expected int, got float (1.5)"),
        ({"temperature": 0.1}, "p.temperature=0.1: must be at least 0.5"),
        ({"temperature": float("nan")}, "expected a finite number"),
        ({"temperature": 11}, "must be at most 10"),
        ({"form": "joind"}, "expected one of joint, two_stage. Did you mean 'joint'?"),
        ({"flag": 1}, "p.flag=1: expected bool, got int (1)"),
    ],
)
def test_one_problem_one_message(given: dict[str, object], said: str) -> None:
    (problem,) = problems_of(Example, given, "p")
    assert said in problem


def test_all_problems_are_reported_together() -> None:
    assert len(problems_of(Example, {"form": "x", "negatives": 0, "nothing": 1}, "p")) == 3


def test_build_refuses_what_is_out_of_range() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        build(Example, {"negatives": 0})


def test_a_description_has_all_that_a_reader_wants() -> None:
    first = describe(Example)[0]
    assert (first.name, first.type, first.default, first.meaning, first.source) == (
        "temperature",
        "float",
        4.0,
        "divides the logits",
        "a paper",
    )
