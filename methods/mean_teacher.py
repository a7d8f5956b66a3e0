"""Mean teacher: the student follows a moving average of its own weights (Tarvainen and Valpola, NeurIPS 2017)."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass

from torch import nn
from torch.nn import functional as F

from cmkd_bench import Batch, Losses, Method, Outputs, Pair, Paper, ViewKind, parameter, register_method
from cmkd_bench.losses import consistency_loss
from cmkd_bench.search import Among, LogUniform, Uniform

PAPER = "paper, on CIFAR-10"


@dataclass(frozen=True)
class MeanTeacherParameters:
    weight: float = parameter(
        100.0, "of consistency, after the ramp", source=PAPER, minimum=0, search=LogUniform(1, 1000)
    )
    ramp: float = parameter(
        0.27, "share of the epochs over which the weight grows", source=PAPER, minimum=0, maximum=1,
        search=Uniform(0, 0.8),
    )  # fmt: skip
    rate: float = parameter(
        0.99, "weight of the past in the average", source=PAPER, minimum=0, maximum=1, search=Among((0.9, 0.99, 0.999))
    )
    start: str = parameter(
        "mean", "of the average: the mean of all weights so far, or `rate` at once", source="released code",
        choices=("mean", "rate"),
    )  # fmt: skip
    deployed: str = parameter("average", "what is selected and tested", source="paper", choices=("average", "student"))


@register_method("mean_teacher")
class MeanTeacher(Method[MeanTeacherParameters]):
    """L = H(y, p_w) + c(e) mean of (p_s - q_w)^2, p of the student on its weak and strong view, q of its average.

    The average has the weights m a + (1 - m) v after each step, v the student's, and the student's running statistics.
    c(e) = c exp(-5 (1 - e / E)^2) until epoch E. It has no other teacher and sees one modality: it tells what unlabeled
    samples give without the other modality. All samples of a batch take part in the second term.
    """

    category = "semi-supervised"
    paper = Paper(
        title="Mean teachers are better role models: Weight-averaged consistency targets improve semi-supervised deep "
        "learning results",
        authors="Tarvainen, Valpola",
        venue="NeurIPS 2017",
        url="https://arxiv.org/abs/1703.01780",
    )
    deviations = (
        "The student is compared on a strong view with the average on the training view; in the paper, both get noise "
        "of the same strength, and the view of the student is that of cross-entropy.",
        "The average's weight of the past is constant after the start; in the paper it grows from 0.99 to 0.999 at the "
        "end of the ramp.",
    )
    teacher = "none"
    without_distillation = {"weight": 0.0, "deployed": "student"}

    def __init__(self, hyperparameters: MeanTeacherParameters, pair: Pair) -> None:
        super().__init__(hyperparameters, pair)
        assert pair.student_network is not None, "a method is built with the student's network"
        self.average = copy.deepcopy(pair.student_network).requires_grad_(False)
        self._step = 0

    @classmethod
    def further_views(cls, hyperparameters: MeanTeacherParameters) -> tuple[ViewKind, ...]:
        return ("strong",)

    def own_teacher(self) -> nn.Module:
        return self.average

    def deployed(self, student: nn.Module) -> nn.Module:
        return self.average if self.hyperparameters.deployed == "average" else student

    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
        given, ((strong, _),) = self.hyperparameters, batch.further
        self._step = batch.step
        weight = given.weight * math.exp(-5 * (1 - batch.ramp(given.ramp)) ** 2)
        return {
            "cross_entropy": F.cross_entropy(student.logits, batch.labels),
            "consistency": weight * consistency_loss(strong.logits, teacher.logits),
        }

    def after_step(self, student: nn.Module) -> None:
        rate = self.hyperparameters.rate
        if self.hyperparameters.start == "mean":
            rate = min(rate, 1 - 1 / (self._step + 2))
        for own, new in zip(self.average.parameters(), student.parameters(), strict=True):
            own.lerp_(new, 1 - rate)
        for held, now in zip(self.average.buffers(), student.buffers(), strict=True):
            held.copy_(now)
