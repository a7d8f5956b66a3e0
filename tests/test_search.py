"""Search spaces, and trials of which each hyper-parameter's depend on its own name alone."""

from __future__ import annotations

import math
import random
from collections import Counter
from dataclasses import dataclass, make_dataclass

import pytest

from cmkd_bench.parameters import parameter, problems_of, sample
from cmkd_bench.registry import methods
from cmkd_bench.search import Among, LogUniform, Uniform


@dataclass(frozen=True)
class Toy:
    weight: float = parameter(1.0, "w", search=LogUniform(0.01, 100))
    layers: int = parameter(2, "l", search=Uniform(1, 5))
    form: str = parameter("a", "f", choices=("a", "b", "c"), search=Among(("a", "b")))
    switch: str = parameter("x", "not searched", choices=("x", "y"))


DRAWS = [sample(Toy, "toy", number) for number in range(1, 1201)]


def many(name: str) -> list[object]:
    return [values[name] for values in DRAWS]


def test_draws_of_a_logarithmic_space_have_every_order_of_magnitude_alike() -> None:
    weights = [float(str(value)) for value in many("weight")]
    assert 0.01 <= min(weights) < 0.012
    assert 90 < max(weights) <= 100
    decades = Counter(min(math.floor(math.log10(value)), 1) for value in weights)
    # four decades, 300 trials expected in each with a standard deviation of 15
    assert set(decades) == {-2, -1, 0, 1}
    assert all(abs(count - 300) < 75 for count in decades.values())


def test_a_whole_number_stays_one_and_choices_are_drawn_alike() -> None:
    layers = Counter(many("layers"))
    assert set(layers) == {1, 2, 3, 4, 5}
    assert all(type(value) is int for value in layers)
    forms = Counter(many("form"))
    assert set(forms) == {"a", "b"}
    assert abs(forms["a"] - 600) < 87  # five standard deviations


def test_a_drawn_number_has_three_digits_and_stays_inside() -> None:
    space = Uniform(0.12345, 0.12349)
    assert {space.sample(random.Random(seed)) for seed in range(20)} == {0.12345}, "0.123 lies outside"
    assert all(value == float(f"{value:.3g}") for value in map(float, map(str, many("weight"))))


def test_draw_0_is_the_defaults_and_what_has_no_space_is_never_sampled() -> None:
    assert sample(Toy, "toy", 0) == {"weight": 1.0, "layers": 2, "form": "a"}
    assert "switch" not in sample(Toy, "toy", 7)


def test_what_the_user_sets_is_not_drawn_and_changes_nothing_else() -> None:
    free = sample(Toy, "toy", 3)
    assert sample(Toy, "toy", 3, fixed=["weight"]) == {name: free[name] for name in ("layers", "form")}


def test_another_hyper_parameter_changes_no_other_draw() -> None:
    fields = [("first", float, parameter(0.5, "new", search=Uniform(0, 1)))]
    larger = make_dataclass("Larger", fields, bases=(Toy,), frozen=True)
    for number in range(20):
        found = sample(larger, "toy", number)
        assert {name: found[name] for name in ("weight", "layers", "form")} == sample(Toy, "toy", number)
        assert len(found) == 4


def test_draws_differ_by_number_by_name_and_by_method() -> None:
    twins = make_dataclass(
        "Twins", [(name, float, parameter(0.5, "", search=Uniform(0, 1))) for name in ("one", "two")], frozen=True
    )
    values = [sample(twins, method, number)[name] for method in "ab" for number in (1, 2) for name in ("one", "two")]
    assert len(set(values)) == 8


def test_draws_are_those_of_every_machine() -> None:
    assert sample(methods.get("kd").HyperParameters, "kd", 1) == {"alpha": 0.381, "temperature": 4.83}


@pytest.mark.parametrize("name", methods.names())
def test_all_draws_of_a_method_are_allowed_and_only_the_baseline_has_none(name: str) -> None:
    cls = methods.get(name)
    drawn = [sample(cls.HyperParameters, name, number) for number in range(200)]
    assert [found for values in drawn for found in problems_of(cls.HyperParameters, values, name)] == []
    assert bool(drawn[1]) == (cls.role != "baseline")


def test_a_space_that_reaches_beyond_what_is_allowed_is_refused_where_it_is_declared() -> None:
    with pytest.raises(ValueError, match=r"search space -1 to 1: -1\.0: must be at least 0"):
        parameter(1.0, "w", minimum=0, search=Uniform(-1.0, 1.0))
    with pytest.raises(ValueError, match="expected one of a, b"):
        parameter("a", "f", choices=("a", "b"), search=Among(("a", "c")))
    for wrong in (lambda: Uniform(1, 1), lambda: LogUniform(0, 1), lambda: Among(("a",)), lambda: Among(("a", "a"))):
        with pytest.raises(ValueError, match=r"expected|must be less"):
            wrong()
