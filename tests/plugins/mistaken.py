"""Methods and networks with mistakes that training alone would show late, or never."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cmkd_bench import Batch, Losses, Method, Outputs, register_method
from cmkd_bench.method import Phase
from cmkd_bench.network import Features
from cmkd_bench.networks.mlp import MLP
from cmkd_bench.registry import register_network


class _Alone(Method):
    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
        return {"cross_entropy": F.cross_entropy(student.logits, batch.labels)}


@register_method("negative_layer")
class NegativeLayer(_Alone):
    """Python would take the last layer."""

    def student_layers(self) -> tuple[int, ...]:
        return (-1,)


@register_method("layer_beyond")
class LayerBeyond(_Alone):
    """No network has so many layers."""

    def teacher_layers(self) -> tuple[int, ...]:
        return (0, 99)


@register_method("no_gradient")
class NoGradient(Method):
    """Trains nothing for as many epochs as it is given."""

    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
        return {"cross_entropy": F.cross_entropy(student.logits.detach(), batch.labels)}


@register_method("late_no_gradient")
class LateNoGradient(_Alone):
    """Its second phase trains nothing."""

    def phases(self) -> tuple[Phase, ...]:
        return (Phase("train", self.forward, share=0.5), Phase("idle", self.idle, share=0.5))

    def idle(self, student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
        return {"nothing": torch.zeros(())}


@register_method("only_extras")
class OnlyExtras(Method):
    """Has a gradient, but none for the student."""

    def __init__(self, hyperparameters: object, pair: object) -> None:
        super().__init__(hyperparameters, pair)  # type: ignore[arg-type]  # as a user would write it
        self.extra = nn.Linear(self.pair.student.embedding, self.pair.classes)

    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
        return {"extra": F.cross_entropy(self.extra(student.embedding.detach()), batch.labels)}


@register_method("other_keys")
class OtherKeys(Method):
    """Names a term only where it applies."""

    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
        self.steps = getattr(self, "steps", 0) + 1
        terms = {"cross_entropy": F.cross_entropy(student.logits, batch.labels)}
        return terms if self.steps % 2 else {**terms, "sometimes": student.logits.square().mean()}


@register_method("vector_loss")
class VectorLoss(Method):
    """Forgets the mean."""

    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
        return {"cross_entropy": F.cross_entropy(student.logits, batch.labels, reduction="none")}


@register_method("stateful")
class Stateful(_Alone):
    """Has state of every kind, and draws random numbers; without mistakes."""

    def __init__(self, hyperparameters: object, pair: object) -> None:
        super().__init__(hyperparameters, pair)  # type: ignore[arg-type]  # as a user would write it
        self.register_buffer("bank", torch.randn(len(self.pair.train_labels)))
        self.extra = nn.Sequential(nn.Linear(self.pair.student.embedding, 4), nn.BatchNorm1d(4), nn.Dropout())
        self.steps = 0

    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
        self.steps += 1
        noise = torch.rand(()) + self.steps / 100 + self.bank[batch.index].mean()
        extra = self.extra(student.embedding).square().mean()
        return {**super().forward(student, teacher, batch), "noise": noise * extra}

    def after_step(self, student: nn.Module) -> None:
        self.bank.mul_(0.9)


@register_network("tied")
class Tied(MLP):
    """Uses one layer twice, under two names."""

    def __init__(self, *arguments: int) -> None:
        super().__init__(*arguments)
        self.one = nn.Linear(self.head.in_features, self.head.in_features)
        self.other = self.one

    def features(self, inputs: Tensor) -> Features:
        below = super().features(inputs)
        return Features(self.other(self.one(below.embedding).relu()), below.layers)


@register_network("unsaved")
class Unsaved(MLP):
    """Has state that is no tensor."""

    def get_extra_state(self) -> dict[str, int]:
        return {"calls": 1}

    def set_extra_state(self, state: dict[str, int]) -> None:
        pass
