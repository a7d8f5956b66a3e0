"""What a batch tells of the samples that the teacher is shown, under every form of pairing."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch.nn import functional as F

from cmkd_bench.method import HIDDEN, Phase
from cmkd_bench.registry import methods
from cmkd_bench.testing import MethodConformance
from cmkd_bench.testing._tiny_run import DIRECTIONS, build_tiny_run


class Watching(methods.get("kd")):
    """KD that also reads the labels of the teacher's samples, and keeps what it was given."""

    def __init__(self, hyperparameters, pair):
        super().__init__(hyperparameters, pair)
        self.seen = []

    def forward(self, student, teacher, batch):
        self.seen.append((teacher, batch))
        known = batch.teacher_labels != HIDDEN
        agreement = F.cross_entropy(
            student.select(batch.pairs).logits if batch.pairs is not None else student.logits,
            batch.teacher_labels,
            reduction="none",
        )
        losses = super().forward(student, teacher, batch)
        return losses | {"agreement": 0.1 * self.hyperparameters.alpha * (agreement * known).mean()}


class WatchingShuffled(Watching):
    pairing = "shuffled"


class WatchingUnpaired(Watching):
    pairing = "unpaired"


class WatchingSameClass(Watching):
    pairing = "same_class"


FORMS = {cls.pairing: cls for cls in (Watching, WatchingShuffled, WatchingUnpaired, WatchingSameClass)}


def watched(form, **scarce):
    """Return the run and what its method saw in two epochs of two steps."""
    cell = build_tiny_run(FORMS[form], {}, DIRECTIONS[2], **scarce)
    cell.run()
    return cell, cell.method.seen


@pytest.mark.parametrize("form", FORMS)
def test_the_teachers_outputs_are_those_of_its_index(form):
    cell, seen = watched(form)
    everything = cell.teacher(cell.every_label.evaluation_view(cell.direction.teacher, torch.arange(16)))
    for teacher, batch in seen:
        torch.testing.assert_close(teacher.logits, everything.logits[batch.teacher_index])
        assert torch.equal(batch.teacher_labels, cell.every_label.labels[batch.teacher_index])
        assert torch.equal(batch.teacher_index == batch.index, torch.full((8,), form == "paired"))
        assert torch.equal(batch.teacher_labels, batch.labels) or form in ("shuffled", "unpaired")


def test_steps_are_counted_over_the_phase():
    assert [batch.step for _, batch in watched("paired")[1]] == [0, 1, 2, 3]


@pytest.mark.parametrize("form", FORMS)
def test_hidden_labels_of_the_teachers_samples_stay_hidden(form):
    _, seen = watched(form, labelled=6)
    for _, batch in seen:
        hidden = batch.teacher_index >= 6
        assert torch.equal(batch.teacher_labels == HIDDEN, hidden)
        if form == "same_class":
            assert not hidden.any()
            assert torch.equal(batch.pairs, batch.labelled.nonzero().flatten())


@pytest.mark.parametrize("form", ["paired", "unpaired"])
def test_rows_without_a_partner_have_no_teacher_index(form):
    _, seen = watched(form, pairs_share=0.5)
    assert all(len(teacher.logits) == len(batch.teacher_index) == len(batch.pairs) < 8 for teacher, batch in seen)


def test_a_label_free_phase_knows_no_label_of_the_teacher():
    cell = build_tiny_run(Watching, {}, DIRECTIONS[2])
    with pytest.raises(RuntimeError, match="label-free"):
        cell.run(only=Phase("train", cell.method.forward, labels=False))


def test_samples_of_one_class_are_not_paired_in_segmentation(toys):
    dense = dataclasses.replace(toys.pair(), student=dataclasses.replace(toys.pair().student, positions=(4, 4)))
    assert "class" in WatchingSameClass.unsupported(methods.get("kd").HyperParameters(), dense)
    assert WatchingUnpaired.unsupported(methods.get("kd").HyperParameters(), dense) is None


class _Unregistered(MethodConformance):
    def test_is_registered_under_its_name(self):
        """These are methods of this file alone."""

    def test_segmentation_works_or_is_refused(self):
        """A label map has no label per sample."""


class TestUnpaired(_Unregistered):
    method = WatchingUnpaired


class TestSameClass(_Unregistered):
    method = WatchingSameClass
