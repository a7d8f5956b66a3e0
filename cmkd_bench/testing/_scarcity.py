"""Conformance where labels or pairs are scarce: what is hidden changes no bit of a run."""

from __future__ import annotations

from typing import Any

import pytest
from torch import Tensor

from cmkd_bench.registry import methods
from cmkd_bench.testing._case import MethodCase, both_directions, differing, part_of
from cmkd_bench.testing._tiny_run import Direction, build_tiny_run

ADVICE = (
    "A hidden label is HIDDEN: use batch.labelled or batch.classes(logits). The teacher's outputs have "
    "no row for an unpaired sample: use batch.paired(student). If it is not supported, declare unlabelled = None or "
    "unpaired = None."
)


class ScarcityTests(MethodCase):
    """Tests with samples that have no label, or no partner."""

    @property
    def name(self) -> str:
        """The method's name in messages."""
        cls = self.method_class()
        return f"'{vars(cls).get('registry_name', cls.__name__)}'"

    def test_says_what_it_does_with_scarce_samples(self) -> None:
        cls = self.method_class()
        for attribute in ("unlabelled", "unpaired"):
            text = getattr(cls, attribute)
            assert text is None or text.strip(), f"{self.name}: {attribute} must be a text, or None if it is refused"

    @both_directions
    def test_hidden_labels_change_nothing(self, direction: Direction) -> None:
        if self.method_class().unlabelled is None:
            pytest.skip("the method declares that it cannot be run with hidden labels")
        plain, permuted = (self._trained(direction, labelled=6, permuted=permuted) for permuted in (False, True))
        wrong = differing(plain, permuted)
        assert not wrong, f"{self.name} reads hidden labels: permuting them changes {wrong}"

    @both_directions
    def test_unpaired_samples_of_the_teacher_change_nothing(self, direction: Direction) -> None:
        if self.method_class().unpaired is None and self.method_class().teacher != "none":
            pytest.skip("the method does not declare that it can be run with unpaired samples")
        known, unknown = (self._trained(direction, pairs_share=0.5, damaged=damaged) for damaged in (False, True))
        wrong = differing(known, unknown)
        assert not wrong, f"{self.name} reads the teacher's inputs of unpaired samples: these change {wrong}"

    @both_directions
    def test_without_distillation_it_is_the_student_alone_with_scarce_samples(self, direction: Direction) -> None:
        cls = self.method_class()
        if cls.without_distillation is None or cls.unlabelled is None:
            pytest.skip("the method declares no hyper-parameters under which it is the student alone, or refuses this")
        share = 1.0 if cls.unpaired is None else 0.5
        cell = self.cell(direction, cls.without_distillation, labelled=6, pairs_share=share)
        alone = build_tiny_run(methods.get("none"), {}, direction, labelled=6, pairs_share=share)
        assert not isinstance(alone, str)
        cell.run()
        alone.run()
        wrong = differing(part_of(cell.state(), "student"), part_of(alone.state(), "student"))
        assert not wrong, f"{self.name} without distillation differs from the student alone in {wrong}"

    def _trained(self, direction: Direction, **scarce: Any) -> dict[str, Tensor]:
        """Return the state after a training; an error names the method and says what to do."""
        cell = self.cell(direction, **scarce)
        try:
            cell.run()
        except Exception as error:
            raise AssertionError(
                f"{self.name} fails with {scarce}: {type(error).__name__}: {error}. {ADVICE}"
            ) from error
        return cell.state()
