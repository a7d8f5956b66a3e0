"""SimKD: a projection of the student's features, read by the teacher's own head (Chen et al., CVPR 2022)."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from torch import nn

from cmkd_bench import Batch, Extended, Losses, Method, Network, Outputs, Pair, Paper, Phase, parameter, register_method
from cmkd_bench.losses import hint_loss
from cmkd_bench.search import Among, LogUniform


@dataclass(frozen=True)
class SimKDParameters:
    weight: float = parameter(1.0, "of the squared error", source="paper", minimum=0, search=LogUniform(0.1, 10))
    narrowing: int = parameter(
        2, "the teacher's width over that inside the projection", source="paper", minimum=1, search=Among((1, 2))
    )
    output: str = parameter(
        "relu",
        "end of the projection; linear for a teacher whose embedding can be negative",
        source="released code",
        choices=("relu", "linear"),
    )


@register_method("simkd")
class SimKD(Method[SimKDParameters]):
    """L = w MSE(P e_S, e_T), without labels; the prediction is W P e_S + b, with the head of the teacher.

    P is three linear layers with batch normalization and ReLU, the middle one `width / narrowing` wide. It is deployed
    with the student, together with the teacher's head, so compare its parameters at inference with those of other rows
    (`leaderboard --metric student_parameters`). The student's own head is not trained, and not deployed.
    """

    category = "features"
    paper = Paper(
        title="Knowledge Distillation with the Reused Teacher Classifier",
        authors="Chen, Mei, Zhang, Wang, Feng, Chen",
        venue="CVPR 2022",
        url="https://arxiv.org/abs/2203.14001",
    )
    deviations = (
        "Pooled embeddings are matched through linear layers, not last feature maps through 1 x 1 and 3 x 3 "
        "convolutions: two modalities share no geometry.",
    )
    trains_embedding = True
    unlabelled = "is used as any other: no label is read"
    unpaired = "is left out"

    def __init__(self, hyperparameters: SimKDParameters, pair: Pair) -> None:
        super().__init__(hyperparameters, pair)
        width = pair.teacher.embedding
        inner = max(width // hyperparameters.narrowing, 1)
        widths = (pair.student.embedding, inner, inner, width)
        self.projection = nn.Sequential(*(layer for pair in itertools.pairwise(widths) for layer in _block(*pair)))
        self._is_checked = hyperparameters.output == "linear"
        if hyperparameters.output == "linear":
            del self.projection[-1]

    @classmethod
    def unsupported(cls, hyperparameters: SimKDParameters, pair: Pair) -> str | None:
        if pair.is_dense:
            return "not defined for segmentation here: the projection that it deploys maps the pooled embedding"
        if hyperparameters.output == "relu" and not pair.teacher.layers:
            return "the embedding of a linear teacher is its input, which can be negative; output=linear allows that"
        return super().unsupported(hyperparameters, pair)

    def phases(self) -> tuple[Phase, ...]:
        return (Phase("train", self.forward, labels=False),)

    def deployed(self, student: nn.Module) -> nn.Module:
        head = self.pair.teacher_head.module
        assert isinstance(student, Network)
        assert isinstance(head, nn.Linear)
        return Extended(student, self.projection, head)

    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
        self._check(teacher)
        projected = self.projection(batch.paired(student)[0].embedding)
        return {"features": 2 * self.hyperparameters.weight * hint_loss(projected, teacher.embedding)}

    def _check(self, teacher: Outputs) -> None:
        """Refuse a target that ReLU cannot reach, in the first step, because a check synchronizes the device."""
        if not self._is_checked and bool((teacher.embedding < 0).any()):
            raise ValueError(
                "the teacher's embedding has negative values, which the ReLU at the end of the projection cannot "
                "match; use method.simkd.output=linear"
            )
        self._is_checked = True


def _block(before: int, after: int) -> tuple[nn.Module, ...]:
    return nn.Linear(before, after, bias=False), nn.BatchNorm1d(after), nn.ReLU()
