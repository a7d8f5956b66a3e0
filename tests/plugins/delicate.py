"""A network that is slow, fails or leaves a trace where the environment says so; its numbers are those of `mlp`."""

from __future__ import annotations

import os
import time
from pathlib import Path

import torch
from torch import Tensor

from cmkd_bench import register_method
from cmkd_bench.methods.kd import KD
from cmkd_bench.network import Features
from cmkd_bench.networks.mlp import MLP
from cmkd_bench.registry import register_network


def is_on(brake: Path) -> bool:
    """Whether the file exists and as many runs beside it are done as it says."""
    try:
        number = int(brake.read_text() or 0)
    except FileNotFoundError:
        return False
    return sum(1 for _ in brake.parent.rglob("result.json")) >= number


@register_method("delicate")
class DelicateKD(KD):
    """KD under another name: a file that registers nothing but a network is no plug-in."""


@register_network("delicate")
class Delicate(MLP):
    """Two hidden layers of 64 units.

    Environment:
        DELICATE_BRAKE: as long as this file exists, a training step takes DELICATE_SLEEP seconds longer; with a number
            in it only once so many runs in its folder are done.
        DELICATE_INPUTS: an input of so many numbers makes the loss of a training step NaN.
        DELICATE_TRACE: a file that gets a line each time that a network is trained, from its beginning or a checkpoint.
    """

    def features(self, inputs: Tensor) -> Features:
        features = super().features(inputs)
        if not (self.training and torch.is_grad_enabled()):
            return features
        self.steps = getattr(self, "steps", 0) + 1
        if (trace := os.environ.get("DELICATE_TRACE")) and self.steps == 3:  # further than a rehearsal goes
            with Path(trace).open("a") as file:
                file.write("trained\n")
        if (brake := os.environ.get("DELICATE_BRAKE")) and is_on(Path(brake)):
            time.sleep(float(os.environ["DELICATE_SLEEP"]))
        if str(inputs[0].numel()) == os.environ.get("DELICATE_INPUTS"):
            return Features(features.embedding * float("nan"), features.layers)
        return features
