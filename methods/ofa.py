"""OFA-KD: every layer of the student gets a branch that predicts classes (Hao et al., NeurIPS 2023)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cmkd_bench import Batch, Losses, Method, Outputs, Pair, Paper, parameter, register_method
from cmkd_bench.losses import ofa_loss
from cmkd_bench.search import Among, LogUniform, Uniform


@dataclass(frozen=True)
class OFAParameters:
    weight: float = parameter(1.0, "of the branches' mean loss", source="paper", minimum=0, search=LogUniform(0.1, 3))
    logit_weight: float = parameter(
        1.0, "of the loss of the final logits", source="paper", minimum=0, search=LogUniform(0.1, 3)
    )
    exponent: float = parameter(1.5, "strengthens the label", source="paper", minimum=0.1, search=Uniform(1, 2))
    layers: str = parameter(
        "all", "with a branch", source="paper", choices=("all", "last"), search=Among(("all", "last"))
    )
    classes: str = parameter(
        "label", "raised to the exponent: the label's, or all", source="paper", choices=("label", "all")
    )


@register_method("ofa")
class OFA(Method[OFAParameters]):
    """L = H(y, p_S) + w_logit L_OFA(final logits) + w mean over branches of L_OFA(branch).

    L_OFA = -((1 + p_T(y))^g - 1) log p_S(y) - sum over the other classes of p_T log p_S: cross-entropy with a teacher
    that is strengthened at the label. Features become class predictions before they are compared, so networks of
    different modalities need no common feature space. `preset=official_code` raises all classes to the exponent.
    """

    category = "logits"
    paper = Paper(
        title="One-for-All: Bridge the Gap Between Heterogeneous Architectures in Knowledge Distillation",
        authors="Hao, Guo, Han, Tang, Hu, Wang, Xu",
        venue="NeurIPS 2023",
        url="https://arxiv.org/abs/2310.19444",
    )
    deviations = (
        "A branch is two linear layers on pooled features, not a stack of convolutions or transformer blocks.",
        "The losses of the branches are averaged, so the weight does not depend on the network's depth.",
        "The branches are left out for segmentation, where feature maps belong to images and labels to positions.",
    )
    presets = {"official_code": {"classes": "all"}}
    unlabelled = "cross-entropy skips it; everywhere else, its class is the teacher's class of largest probability"
    needs_pairs = False
    unpaired = "learns from its label only"
    without_distillation = {"weight": 0.0, "logit_weight": 0.0}

    def __init__(self, hyperparameters: OFAParameters, pair: Pair) -> None:
        super().__init__(hyperparameters, pair)
        count = 0 if pair.is_dense else len(pair.student.layers)
        self._layers = tuple(range(count)) if hyperparameters.layers == "all" else tuple(range(count)[-1:])
        width = max(pair.student.embedding, pair.teacher.embedding)
        self.branches = nn.ModuleList(
            nn.Sequential(nn.Linear(pair.student.layers[layer][0], width), nn.ReLU(), nn.Linear(width, pair.classes))
            for layer in self._layers
        )

    def student_layers(self) -> tuple[int, ...]:
        return self._layers

    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
        given, (ours, pairs) = self.hyperparameters, batch.paired(student)
        losses = {
            "cross_entropy": F.cross_entropy(student.logits, batch.labels),
            "logits": given.logit_weight * self._loss(ours.logits, teacher, pairs),
        }
        if self._layers:
            branches = [
                self._loss(branch(ours.pooled(layer)), teacher, pairs)
                for layer, branch in zip(self._layers, self.branches, strict=True)
            ]
            losses["branches"] = given.weight * torch.stack(branches).mean()
        return losses

    def _loss(self, logits: Tensor, teacher: Outputs, batch: Batch) -> Tensor:
        given = self.hyperparameters
        return ofa_loss(logits, teacher.logits, batch.classes(teacher.logits), given.exponent, given.classes == "all")
