"""A method whose loss stays finite while its last gradient does not, and a network that fails when it is measured."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from cmkd_bench import Batch, Losses, Method, Outputs, register_method
from cmkd_bench.network import Features
from cmkd_bench.networks.linear import Linear
from cmkd_bench.registry import register_network

SAMPLES = 1152  # of mfeat's 1200 in an epoch of batches of 64


@register_method("last_gradient")
class LastGradient(Method):
    """Has a gradient of NaN in the last step, which no later loss shows."""

    teacher = "none"
    seen = 0

    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
        self.seen += len(batch.index)
        is_last = self.seen >= SAMPLES * batch.epochs
        zero = (student.logits * 0).square().sum()
        # The slope of a square root is infinite at 0, and infinity times 0 is NaN.
        return {
            "cross_entropy": F.cross_entropy(student.logits, batch.labels),
            "zero": zero.sqrt() if is_last else zero,
        }


@register_network("fails_when_measured")
class FailsWhenMeasured(Linear):
    """Is finite in training only."""

    def features(self, inputs: Tensor) -> Features:
        found = super().features(inputs)
        return found if self.training else Features(found.embedding * torch.nan, ())
