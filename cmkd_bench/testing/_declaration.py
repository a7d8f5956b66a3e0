"""Conformance of what a method declares: name, hyper-parameters, presets, phases."""

from __future__ import annotations

import dataclasses
import math

import pytest

from cmkd_bench.method import Method
from cmkd_bench.parameters import describe, problems_of
from cmkd_bench.registry import methods
from cmkd_bench.testing._case import MethodCase
from cmkd_bench.testing._tiny_run import DIRECTIONS, build_tiny_run

# Types that a run's spec can store and a command line can express.
SCALARS = ("str", "int", "float", "bool")


class DeclarationTests(MethodCase):
    """Tests that train nothing, except with linear networks."""

    def test_is_registered_under_its_name(self) -> None:
        cls = self.method_class()
        name = getattr(cls, "registry_name", None)
        assert name is not None, f"{cls.__name__} is not registered: put @register_method('NAME') above the class"
        assert methods.get(name) is cls, f"the registry knows another class as '{name}': {methods.get(name)}"
        if isinstance(self.method, str):
            assert name == self.method, f"'{self.method}' is registered as '{name}'"
        assert methods.summary(name), f"'{name}' needs a docstring: `cmkd-bench list` shows its first line"

    def test_hyperparameters_are_described(self) -> None:
        parameters = self.method_class().HyperParameters
        assert dataclasses.is_dataclass(parameters), f"{parameters} is not a dataclass"
        frozen = parameters.__dataclass_params__.frozen  # type: ignore[attr-defined]
        assert frozen, f"{parameters.__name__} must be @dataclass(frozen=True), because its values identify runs"
        built_in = self.method_class().__module__.startswith("cmkd_bench.")
        for parameter in describe(parameters):
            assert parameter.type in SCALARS, f"'{parameter.name}' is {parameter.type}, expected one of {SCALARS}"
            assert parameter.meaning, f"'{parameter.name}' has no meaning: declare it with parameter(default, meaning)"
            assert parameter.source or not built_in, f"'{parameter.name}' has no source for its default"

    def test_every_set_of_values_is_valid(self) -> None:
        cls = self.method_class()
        sets = {
            "the defaults": dataclasses.asdict(cls.HyperParameters()),
            "without_distillation": cls.without_distillation or {},
            "hyperparameters of the test class": self.hyperparameters,
            **{f"preset '{name}'": values for name, values in cls.presets.items()},
        }
        for name, values in sets.items():
            problems = problems_of(cls.HyperParameters, values, "method")
            assert not problems, f"{name}: {problems}"

    def test_it_has_one_teacher(self) -> None:
        cls = self.method_class()
        if cls.own_teacher is not Method.own_teacher:
            assert cls.teacher == "none", f"own_teacher() is not asked, because the teacher is '{cls.teacher}'"
        if cls.further_teachers:
            assert cls.teacher != "none", f"further_teachers = {cls.further_teachers}, but there is no first teacher"

    def test_is_defined_for_some_direction(self) -> None:
        cells = [build_tiny_run(self.method_class(), self.hyperparameters, direction) for direction in DIRECTIONS]
        reasons = [cell for cell in cells if isinstance(cell, str)]
        assert all(reasons), "unsupported() must give a reason, or None; an empty string is neither"
        assert len(reasons) < len(cells), f"unsupported() refuses every pair: {reasons}"

    def test_phases_share_the_epochs(self) -> None:
        for direction in DIRECTIONS:
            cell = build_tiny_run(self.method_class(), self.hyperparameters, direction)
            if isinstance(cell, str):
                continue
            phases = cell.method.phases()
            shares = {phase.name: phase.share for phase in phases}
            assert len(shares) == len(phases), "phases need unique names, which also name their random streams"
            assert math.isclose(sum(shares.values()), 1), (
                f"the shares add up to {sum(shares.values())}, not 1: {shares}"
            )
            assert min(shares.values()) >= 0, f"a share is below 0: {shares}"

    @pytest.mark.parametrize("linear", ["student", "teacher", "both"])
    def test_linear_networks_are_supported_or_refused(self, linear: str) -> None:
        for direction in DIRECTIONS:
            modalities = {"student": (direction.student,), "teacher": (direction.teacher,)}
            chosen = modalities.get(linear, (direction.student, direction.teacher))
            cell = build_tiny_run(self.method_class(), self.hyperparameters, direction, linear=chosen)
            if isinstance(cell, str):
                assert cell, "unsupported() must give a reason"
            else:
                # An error here means that unsupported() should have refused the pair.
                cell.run()
