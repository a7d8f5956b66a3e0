"""Conformance in segmentation, where each labeled position is a row: a method supports it, or refuses it."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from cmkd_bench.method import HIDDEN, Batch, Head, NetworkShape, Pair
from cmkd_bench.outputs import Outputs
from cmkd_bench.parameters import build
from cmkd_bench.testing._case import MethodCase, not_finite
from cmkd_bench.training.seeding import random_stream

IMAGES, ROWS, CLASSES = 3, 20, 4
STUDENT = NetworkShape(6, ((4, 8, 8), (5, 4, 4), (6, 2, 2)), positions=(4, 4))
TEACHER = NetworkShape(9, ((4, 8, 8), (7, 4, 4), (9, 2, 2)), positions=(4, 4))


class SegmentationTests(MethodCase):
    """Tests with rows of positions, and with fewer images than rows."""

    def test_segmentation_works_or_is_refused(self) -> None:
        cls = self.method_class()
        given: Any = build(cls.HyperParameters, self.hyperparameters)
        shape, head = STUDENT, None
        if cls.teacher != "none":
            shape, head = TEACHER, Head(nn.Conv2d(TEACHER.embedding, CLASSES, 1))
        roles: tuple[str, ...] = cls.further_teachers
        student_network = nn.Linear(STUDENT.embedding, CLASSES)
        heads = {role: Head(nn.Conv2d(TEACHER.embedding, CLASSES, 1)) for role in roles}
        none = torch.zeros(30, dtype=torch.int64)
        pair = Pair(STUDENT, shape, CLASSES, none, head, student_network, dict.fromkeys(roles, TEACHER), heads)
        if (reason := cls.unsupported(given, pair)) is not None:
            assert reason.strip(), "unsupported() gives no reason"
            return
        with random_stream(0):
            method = cls(given, pair)
            student, teacher = _rows(STUDENT), _rows(pair.teacher)
            teachers = {role: _rows(TEACHER).detach() for role in roles}
            labels = torch.randint(CLASSES, (ROWS,))
        if cls.unlabelled is not None:
            labels[torch.arange(ROWS) % IMAGES == 0] = HIDDEN  # all positions of an image
        reached = False
        for phase in method.phases():
            sample, seen = torch.arange(ROWS) % IMAGES, teacher if cls.updates_teacher else teacher.detach()
            further = tuple((student, seen) for _ in method.further_views(given)) if phase.views else ()
            known = labels if phase.labels else None
            batch = Batch(torch.tensor([7, 2, 29]), 1, 2, known, sample, further=further, teachers=teachers)
            losses = {name: value for loss in phase.losses for name, value in loss(student, seen, batch).items()}
            wrong = not_finite({name: value.item() for name, value in losses.items()})
            assert not wrong, f"phase '{phase.name}': {wrong}"
            total = torch.stack(list(losses.values())).sum()
            leaves = [student.logits, student.embedding, *student.feature_maps.values()]
            leaves += [] if student.positions is None else [student.positions]
            if total.requires_grad:
                gradients = torch.autograd.grad(total, leaves, allow_unused=True)
                reached |= any(gradient is not None and bool(gradient.any()) for gradient in gradients)
        assert reached, "no phase trains the student"


def _rows(shape: NetworkShape) -> Outputs:
    return Outputs(
        logits=torch.randn(ROWS, CLASSES, requires_grad=True),
        embedding=torch.randn(ROWS, shape.embedding, requires_grad=True),
        feature_maps={i: torch.randn(IMAGES, *layer, requires_grad=True) for i, layer in enumerate(shape.layers)},
        positions=torch.randn(IMAGES, shape.embedding, *shape.positions, requires_grad=True),
    )
