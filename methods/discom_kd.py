"""DisCoM-KD: two peers split features into shared and specific ones, with an adversary (Ienco, Dantas, BMVC 2024)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cmkd_bench import Batch, Extended, Losses, Method, Network, Outputs, Pair, Paper, parameter, register_method
from cmkd_bench.search import Among, LogUniform


@dataclass(frozen=True)
class DisCoMKDParameters:
    width: int = parameter(
        256,
        "of shared, informative, and irrelevant features",
        source="released code",
        minimum=1,
        search=Among((64, 256)),
    )
    adversarial_weight: float = parameter(
        1.0, "of the discriminator of shared features", source="paper", minimum=0, search=LogUniform(0.01, 3)
    )
    reversal: float = parameter(
        1.0, "factor of the discriminator's reversed gradient", source="released code", minimum=0
    )
    modality_weight: float = parameter(1.0, "of telling the modality of specific features", source="paper", minimum=0)
    auxiliary_weight: float = parameter(1.0, "of the classifier that both modalities share", source="paper", minimum=0)
    orthogonality_weight: float = parameter(1.0, "of the cosine between features", source="paper", minimum=0)


class Branches(nn.Module):
    """Shared, informative and irrelevant features of one modality: Linear, batch normalization and ReLU each."""

    def __init__(self, before: int, width: int) -> None:
        super().__init__()
        self.shared = nn.Sequential(nn.Linear(before, width), nn.BatchNorm1d(width), nn.ReLU())
        self.specific = nn.Sequential(nn.Linear(before, 2 * width), nn.BatchNorm1d(2 * width), nn.ReLU())

    def split(self, embedding: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return all three, (B, width) each."""
        informative, irrelevant = self.specific(embedding).float().chunk(2, dim=1)
        return self.shared(embedding).float(), informative, irrelevant

    def forward(self, embedding: Tensor) -> Tensor:
        """Return what the class is read from."""
        shared, informative, _ = self.split(embedding)
        return torch.cat([shared, informative], dim=1)


@register_method("discom_kd")
class DisCoMKD(Method[DisCoMKDParameters]):
    """L = CL + a ADV + m MOD + u AUX + o ORT, each averaged over the rows of both modalities.

    CL: cross-entropy of [shared, informative], by a classifier for each modality. ADV: a discriminator tells the
    modality of shared features, whose gradient is reversed. MOD: two classifiers tell it from informative and from
    irrelevant features. AUX: one classifier for both modalities reads the class from shared, and from informative
    features alone. ORT: the cosine of informative with irrelevant and with shared features, which are not negative.

    There is no trained teacher: a network of the other modality learns in the same steps. The student is deployed with
    its features and classifier (`leaderboard --metric student_parameters`); its own head is not trained.
    """

    category = "cross-modal"
    paper = Paper(
        title="DisCoM-KD: Cross-Modal Knowledge Distillation via Disentanglement Representation and Adversarial "
        "Learning",
        authors="Ienco, Dantas",
        venue="BMVC 2024",
        url="https://arxiv.org/abs/2408.07080",
    )
    teacher = "untrained"
    updates_teacher = True
    deviations = (
        "Each modality has one network with two branches, not one network for shared and one for specific features: "
        "the student has the size that it has in all other rows.",
        "The peer's own head, which the method does not use, is trained on fixed features, so that tables can show "
        "what the peer has learned.",
    )
    trains_embedding = True
    unlabelled = "enters all terms but CL and AUX"
    unpaired = "enters all terms of the student's modality; the peer sees pairs only"

    def __init__(self, hyperparameters: DisCoMKDParameters, pair: Pair) -> None:
        super().__init__(hyperparameters, pair)
        width, classes = hyperparameters.width, pair.classes
        self.own, self.other = (Branches(side.embedding, width) for side in (pair.student, pair.teacher))
        self.own_classifier, self.other_classifier = (nn.Linear(2 * width, classes) for _ in range(2))
        self.common = nn.Linear(width, classes)
        self.discriminator, self.informed, self.uninformed = (nn.Linear(width, 2) for _ in range(3))

    @classmethod
    def unsupported(cls, hyperparameters: DisCoMKDParameters, pair: Pair) -> str | None:
        if pair.is_dense:
            return "not defined for segmentation here: the branches that it deploys map the pooled embedding"
        return super().unsupported(hyperparameters, pair)

    def deployed(self, student: nn.Module) -> nn.Module:
        assert isinstance(student, Network)
        return Extended(student, self.own, self.own_classifier)

    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
        given, theirs = self.hyperparameters, batch.paired(student)[1].labels
        ours, others = self.own.split(student.embedding), self.other.split(teacher.embedding)
        shared, informative, irrelevant = (torch.cat(parts) for parts in zip(ours, others, strict=True))
        labels = torch.cat([batch.labels, theirs])
        modality = torch.cat([torch.full_like(batch.labels, 0), torch.full_like(theirs, 1)])
        read = self.own_classifier(torch.cat(ours[:2], 1)), self.other_classifier(torch.cat(others[:2], 1))
        told = self.discriminator(_reversed(shared, given.reversal))
        self.log(discriminator_accuracy=(told.argmax(1) == modality).float().mean())
        told_apart = F.cross_entropy(self.informed(informative), modality)
        told_apart = told_apart + F.cross_entropy(self.uninformed(irrelevant), modality)
        common = F.cross_entropy(self.common(shared), labels) + F.cross_entropy(self.common(informative), labels)
        cosines = _cosine(informative, irrelevant) + _cosine(informative, shared)
        return {
            "cross_entropy": F.cross_entropy(torch.cat(read), labels),
            "adversarial": given.adversarial_weight * F.cross_entropy(told, modality),
            "modality": given.modality_weight * told_apart,
            "auxiliary": given.auxiliary_weight * common,
            "orthogonality": given.orthogonality_weight * cosines,
            "peer_head": F.cross_entropy(self.pair.teacher_head(teacher.embedding.detach()), theirs),
        }


def _reversed(features: Tensor, strength: float) -> Tensor:
    """Return the same values, with a gradient times -strength."""
    return (1 + strength) * features.detach() - strength * features


def _cosine(one: Tensor, other: Tensor) -> Tensor:
    """Return the mean cosine of rows; that of an all-zero row is 0."""
    return F.cosine_similarity(one, other, dim=1, eps=1e-6).mean()
