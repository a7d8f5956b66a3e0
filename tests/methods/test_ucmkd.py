"""UCMKD: its two forms, what the inner steps move, and what remains without pairs, labels, or equal widths."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from cmkd_bench.method import HIDDEN
from cmkd_bench.methods.ucmkd import UCMKD
from cmkd_bench.registry import methods
from cmkd_bench.testing import MethodConformance
from cmkd_bench.testing._case import differing, part_of
from cmkd_bench.testing._tiny_run import DIRECTIONS, RECIPE, build_tiny_run


class TestUCMKDSum(MethodConformance):
    method = "ucmkd"
    hyperparameters = {"form": "sum", "alignment": "kl"}


class TestUCMKDOfficialCode(MethodConformance):
    method = "ucmkd"
    hyperparameters = methods.get("ucmkd").presets["official_code"]


@pytest.mark.oracle("ucmkd", "the sum: cross-entropy of torch, plus both weighted terms")
def test_the_sum_of_all_losses(toys):
    pair = toys.pair(student=5, teacher=5)
    student, teacher, batch = toys.outputs(), toys.outputs(seed=1), toys.batch()
    single, double = (
        toys.method("ucmkd", pair, form="sum", feature_weight=weight, label_weight=3 * weight).summed(
            student, teacher, batch
        )
        for weight in (1.0, 2.0)
    )
    assert single["cross_entropy"].item() == pytest.approx(F.cross_entropy(student.logits, batch.labels).item())
    for name in ("features", "labels"):
        assert double[name].item() == pytest.approx(2 * single[name].item())
    read = pair.teacher_head(student.embedding)
    known = F.log_softmax(read, 1).gather(1, batch.labels[:, None])
    expected = F.cross_entropy(student.logits, batch.labels) + (known.exp() * known).mean()
    assert single["labels"].item() == pytest.approx(3 * expected.item(), rel=1e-5)


@pytest.mark.parametrize(("alignment", "reaches"), [("paper", True), ("student", False), ("kl", True)])
def test_the_gradient_of_label_alignment(toys, alignment, reaches):
    """Through the teacher's head it reaches the features, but in the released code; never the head's weights."""
    pair = toys.pair(student=5, teacher=5)
    student = toys.outputs(grad=True)
    method = toys.method("ucmkd", pair, alignment=alignment)
    method.align(student, toys.outputs(seed=1), toys.batch())["labels"].backward()
    assert student.logits.grad.any()
    assert (student.embedding.grad is not None) is reaches
    assert pair.teacher_head.weight.grad is None


def test_hidden_labels_have_no_alignment(toys):
    method = toys.method("ucmkd", toys.pair(student=5, teacher=5))
    student, teacher, batch = toys.outputs(), toys.outputs(seed=1), toys.batch()
    hidden = dataclasses.replace(batch, labels_or_none=torch.tensor([0, 1, 2, *[HIDDEN] * 3]))
    known = torch.arange(3)
    expected = method.align(student.select(known), teacher.select(known), toys.batch(3))["labels"]
    assert method.align(student, teacher, hidden)["labels"].item() == pytest.approx(expected.item(), rel=1e-6)
    none = dataclasses.replace(batch, labels_or_none=torch.full((6,), HIDDEN))
    assert method.align(student, teacher, none)["labels"].item() == 0


def test_the_steps_of_each_form(toys):
    def steps(**given):
        (phase,) = toys.method("ucmkd", toys.pair(student=5, teacher=given.pop("teacher", 5)), **given).phases()
        return [(step.loss.__name__, sorted(step.trains), step.undone) for step in phase.before]

    inner = [("transport", ["student"], True), ("align", ["student"], True)]
    assert steps() == inner
    assert steps(teacher=7) == [("fit_map", ["map"], False), *inner]
    assert steps(alignment="none") == inner[:1]
    assert steps(form="sum") == []


def test_equal_widths_need_no_map(toys):
    assert isinstance(toys.method("ucmkd", toys.pair(student=5, teacher=5)).map, nn.Identity)
    assert toys.method("ucmkd", toys.pair(student=5, teacher=7)).map.weight.shape == (7, 5)


@pytest.mark.parametrize("weight", ["feature_weight", "label_weight"])
def test_each_weight_changes_the_student(weight):
    """The released code ignores both in its bilevel form."""
    states = []
    for value in (1.0, 2.0):
        cell = build_tiny_run(UCMKD, {weight: value, "inner_rate": 10.0}, DIRECTIONS[2])
        cell.run(dataclasses.replace(RECIPE, epochs=1))
        states.append(part_of(cell.state(), "student"))
    assert differing(*states)


def test_the_map_learns_to_bring_the_student_to_the_teacher():
    cell = build_tiny_run(UCMKD, {}, DIRECTIONS[2])
    history = cell.run(dataclasses.replace(RECIPE, epochs=20)).progress.history
    assert history[-1]["losses"]["map"] < 0.9 * history[0]["losses"]["map"]


def test_a_segmentation_batch_transports_some_rows_of_each_image(toys):
    method = toys.method("ucmkd", toys.pair(student=5, teacher=5), rows_per_image=2)
    student, teacher = toys.outputs(12), toys.outputs(12, seed=1)
    batch = dataclasses.replace(toys.batch(12, index=torch.arange(12)), index=torch.arange(3))
    dense = dataclasses.replace(batch, sample=torch.arange(12) % 3)
    torch.manual_seed(0)
    rows = dataclasses.replace(dense, sample=dense.sample.sort().values).draw_rows(2)
    torch.manual_seed(0)
    found = method.transport(student, teacher, dataclasses.replace(dense, sample=dense.sample.sort().values))
    expected = method.transport(student.select(rows), teacher.select(rows), toys.batch(6))
    assert found["features"].item() == pytest.approx(expected["features"].item())


def test_the_unpaired_row_differs_in_its_pairs_alone():
    cls = methods.get("ucmkd_unpaired")
    assert issubclass(cls, UCMKD)
    assert cls.pairing == "shuffled"
    assert cls.presets == UCMKD.presets
