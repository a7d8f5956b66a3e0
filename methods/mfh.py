"""MFH: distillation from a modality-general teacher, whose own channels are neutralised (Xue et al., ICLR 2023)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cmkd_bench.losses import kd_loss
from cmkd_bench.method import Batch, Implementation, Losses, Method, Pair, Paper, Phase
from cmkd_bench.outputs import Outputs
from cmkd_bench.parameters import parameter
from cmkd_bench.registry import register_method
from cmkd_bench.search import LogUniform, Uniform


@dataclass(frozen=True)
class MFHParameters:
    keep: float = parameter(
        0.25,
        "share of the teacher's channels that are kept",
        source="released code (RAVDESS)",
        minimum=0,
        maximum=1,
        search=Uniform(0.1, 0.9),
    )
    label_weight: float = parameter(1.0, "of cross-entropy", source="released code (synthetic); 0 elsewhere", minimum=0)
    distillation_weight: float = parameter(
        1.0,
        "of distillation",
        source="released code",
        minimum=0,
        search=LogUniform(0.1, 100),  # wide, because the divergence is divided by the number of classes
    )
    temperature: float = parameter(
        1.0, "divides the logits", source="released code", minimum=0.01, search=LogUniform(1, 10)
    )
    joint_share: float = parameter(
        0.3,
        "share of the epochs in which salience is learnt",
        source="ours",
        minimum=0,
        maximum=1,
        search=Uniform(0.1, 0.6),  # no paper says it, so it is searched
    )
    general_share: float = parameter(
        0.0,
        "share of the epochs in which a classifier is trained on the kept channels; 0 keeps the joint one",
        source="0: released code (RAVDESS, VGGSound); its synthetic experiments train one",
        minimum=0,
        maximum=1,
    )


@register_method("mfh")
class MFH(Method[MFHParameters]):
    """Algorithm 1 finds the teacher's channels that the student's modality knows of, then silences the others.

    Joint: H(y, p_T) + H(y, p_S) + MSE(z_T, z_S), z_T and z_S linear in both embeddings. The salience of a channel of
    the teacher is the mean MSE(z_T, z_S) after permuting it over the samples: where agreement needs the channel, it
    grows. The `keep` most salient channels stay, the others become their mean. Training:
    L = w_y H(y, p_S) + w t^2 KL(p_general^t || p_S^t) / C.
    """

    paper = Paper(
        title="The Modality Focusing Hypothesis: Towards Understanding Crossmodal Knowledge Distillation",
        authors="Xue, Gao, Ren, Zhao",
        venue="ICLR 2023",
        url="https://arxiv.org/abs/2206.06487",
    )
    departures = (
        "The teacher's backbone stays as it was trained and channels are those of its embedding; of a linear "
        "classifier, as in the paper's synthetic experiments, they are the inputs and nothing departs.",
        "The student's backbone goes on from the joint training with a fresh head, where the paper starts a fresh one.",
        "Salience is the mean over all permutations in closed form, within batches, where the paper draws 10 or 100, "
        "averaged over the last joint epoch, where the released RAVDESS code keeps the last batch alone.",
        "Channels are kept by the rank of their salience; the released VGGSound code compares channel numbers instead.",
    )
    presets = {"table2": {"joint_share": 1 / 3, "general_share": 1 / 3}}
    without_distillation = {"joint_share": 0.0, "label_weight": 1.0, "distillation_weight": 0.0}
    salience: Tensor
    centre: Tensor
    seen: Tensor

    def __init__(self, hyperparameters: MFHParameters, pair: Pair) -> None:
        super().__init__(hyperparameters, pair)
        width = pair.teacher.embedding
        self.student_classifier = nn.Linear(pair.student.embedding, pair.classes)
        self.teacher_classifier = nn.Linear(width, pair.classes)
        self.general_classifier = nn.Linear(width, pair.classes) if hyperparameters.general_share else None
        # sums over the last joint epoch, and over how many samples
        self.register_buffer("salience", torch.zeros(width))
        self.register_buffer("centre", torch.zeros(width))
        self.register_buffer("seen", torch.zeros(()))

    @classmethod
    def unsupported(cls, hyperparameters: MFHParameters, pair: Pair) -> str | None:
        if hyperparameters.joint_share + hyperparameters.general_share > 1:
            return "joint_share and general_share add up to more than 1"
        return None

    def phases(self) -> tuple[Phase, ...]:
        joint, general = self.hyperparameters.joint_share, self.hyperparameters.general_share
        phases = [Phase("joint", self.joint, share=joint)]
        if self.general_classifier is not None:
            phases.append(Phase("general", self.general, share=general, trains="head"))
        return (*phases, Phase("train", self.forward, share=1 - joint - general, extras=False))

    def joint(self, student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
        """Algorithm 1; the last epoch measures the salience."""
        student_logits = self.student_classifier(student.embedding)
        teacher_logits = self.teacher_classifier(teacher.embedding)
        if batch.epoch == batch.epochs:
            self._measure(teacher.embedding, teacher_logits - student_logits)
        return {
            "student": F.cross_entropy(student_logits, batch.labels),
            "teacher": F.cross_entropy(teacher_logits, batch.labels),
            "agreement": F.mse_loss(teacher_logits, student_logits),
        }

    def general(self, student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
        """A teacher of its own on the kept channels."""
        return {"general": F.cross_entropy(self.general_logits(teacher.embedding), batch.labels)}

    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
        given = self.hyperparameters
        divergence = kd_loss(student.logits, self.general_logits(teacher.embedding), given.temperature)
        return {
            "cross_entropy": given.label_weight * F.cross_entropy(student.logits, batch.labels),
            "distillation": given.distillation_weight / self.pair.classes * divergence,
        }

    def general_logits(self, embedding: Tensor) -> Tensor:
        """(B, C) of the modality-general teacher."""
        classifier = self.teacher_classifier if self.general_classifier is None else self.general_classifier
        logits: Tensor = classifier(torch.where(self.kept(), embedding, self.centre / self.seen.clamp(min=1)))
        return logits

    def kept(self) -> Tensor:
        """(D,) bool, the channels that stay."""
        count = max(1, round(self.hyperparameters.keep * len(self.salience)))
        return torch.zeros_like(self.salience, dtype=torch.bool).index_fill(0, self.salience.topk(count).indices, True)

    @torch.no_grad()
    def _measure(self, embedding: Tensor, gap: Tensor) -> None:
        distance = permuted_distance(embedding.float(), self.teacher_classifier.weight, gap.float())
        self.salience += len(embedding) * distance
        self.centre += embedding.float().sum(0)
        self.seen += len(embedding)


def permuted_distance(embedding: Tensor, weight: Tensor, gap: Tensor) -> Tensor:
    """The mean squared gap between two linear classifiers after one channel of one of them is permuted over the batch.

    It is the mean over all permutations: sample i gets channel d of sample j with equal probability for all j, so the
    gap g_i becomes g_i + (e_jd - e_id) w_d, and E|g'|^2 = E|g|^2 - 2 cov(e_d, g) w_d + 2 var(e_d) |w_d|^2.

    Args:
        embedding: (B, D).
        weight: (C, D), of the classifier on it.
        gap: (B, C), its logits minus the other's.

    Returns:
        (D,), averaged over the batch and the classes.
    """
    centred = embedding - embedding.mean(0)
    covariance = (centred.T @ gap * weight.T).sum(1) / len(gap)
    grown = 2 * centred.square().mean(0) * weight.square().sum(0) - 2 * covariance
    return (gap.square().sum(1).mean() + grown) / gap.shape[1]


MFH.implementations = (
    Implementation(
        "zihuixue/MFH",
        "e6e4e85",
        "ravdess/utils/helper.py:344",
        does="assigns the salience instead of adding to it: the last batch alone counts.",
        ours="the mean over all batches of the last joint epoch.",
    ),
    Implementation(
        "zihuixue/MFH",
        "e6e4e85",
        "vggsound/mfh_kd/main.py:44-49",
        does="compares channel numbers, not ranks, with 256: channels 256 to 511 are zeroed whatever their "
        "salience is.",
        ours="channels are kept by the rank of their salience.",
        paper="the most salient channels stay.",
        by_numbers=True,
    ),
    Implementation(
        "zihuixue/MFH",
        "e6e4e85",
        "gauss/main_modify_gamma.py",
        does="swaps the first two arguments of the call for regular distillation: the student is trained on the "
        "teacher's view and tested on its own.",
        ours="the student sees its own view; see the reproduction `mfh-table2`.",
    ),
    Implementation(
        "Gray-OREO/MST-Distill",
        "093b2fe",
        "KD_methods/MGDFR.py:50-60",
        does="knows the modes zero and permute, but is asked to freeze (main-MGDFR.py:273): nothing is silenced, "
        "and the row called MGDFR is plain KD from the jointly trained teacher.",
        ours="silenced channels are their mean, and a test holds that they tell nothing.",
        by_numbers=True,
    ),
)
