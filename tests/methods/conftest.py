"""Outputs and pairs of any shape, without a network."""

from __future__ import annotations

import pytest
import torch

from cmkd_bench.method import Batch, Head, NetworkShape, Pair
from cmkd_bench.outputs import Outputs
from cmkd_bench.parameters import build
from cmkd_bench.registry import methods


class Toys:
    """Builders of what a method is given, all with seeded noise in them."""

    @staticmethod
    def outputs(samples=6, classes=4, width=5, seed=0, grad=False, dtype=torch.float32, maps=None):
        generator = torch.Generator().manual_seed(seed)

        def noise(*shape):
            return torch.randn(*shape, generator=generator, dtype=dtype).requires_grad_(grad)

        feature_maps = {layer: noise(samples, *shape) for layer, shape in (maps or {}).items()}
        return Outputs(noise(samples, classes), noise(samples, width), feature_maps)

    @staticmethod
    def batch(samples=6, classes=4, epoch=1, epochs=1, index=None, labels=True):
        index = torch.arange(samples) if index is None else index
        return Batch(index, epoch, epochs, index % classes if labels else None)

    @staticmethod
    def pair(student=5, teacher=7, classes=4, samples=20, student_layers=None, teacher_layers=None):
        return Pair(
            student=NetworkShape(student, student_layers or ((student,), (student,))),
            teacher=NetworkShape(teacher, teacher_layers or ((teacher,), (teacher,))),
            classes=classes,
            train_labels=torch.arange(samples) % classes,
            teacher_head_or_none=Head(torch.nn.Linear(teacher, classes).requires_grad_(False)),
            student_network=torch.nn.Linear(student, classes),
        )

    @staticmethod
    def method(name, pair, **hyperparameters):
        cls = methods.get(name)
        torch.manual_seed(0)
        return cls(build(cls.HyperParameters, hyperparameters), pair)

    @staticmethod
    def after_step(method, student=None):
        with torch.no_grad():
            method.after_step(student or torch.nn.Identity())


@pytest.fixture
def toys():
    return Toys
