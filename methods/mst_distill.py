"""MST-Distill: a router chooses among specialized teachers (Li et al., ACM MM 2025)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cmkd_bench import Batch, Losses, Method, Outputs, Pair, Paper, Phase, parameter, register_method
from cmkd_bench.losses import balance_loss, joint_kd, kd_loss, mixture_kd, top_weights
from cmkd_bench.search import LogUniform, Uniform

HEADS = 3


@dataclass(frozen=True)
class MSTDistillParameters:
    temperature: float = parameter(
        4.0, "divides all logits", source="released code", minimum=0.01, search=LogUniform(1, 10)
    )
    distillation_weight: float = parameter(
        1.0, "of distillation", source="released code", minimum=0, search=LogUniform(0.1, 10)
    )
    balance_weight: float = parameter(
        1.0, "of the balance among the masks", source="released code", minimum=0, search=LogUniform(0.1, 10)
    )
    masks: int = parameter(2, "of each teacher", source="paper", minimum=1)
    chosen: int = parameter(1, "masks that teach a sample", source="released code", minimum=1)
    mask_width: int = parameter(
        12, "of a channel's token in a mask; a multiple of 3", source="ours: half the channels, released", minimum=3
    )
    mutual: str = parameter(
        "undetached",
        "whether a divergence of the joint phase trains both networks, or (detached) the second one",
        source="released code",
        choices=("undetached", "detached"),
    )
    routing: str = parameter(
        "distillation",
        "whether the router learns from distillation and balance, or from balance only, which then trains the student "
        "too",
        source="ours: balance, released",
        choices=("distillation", "balance"),
    )
    stacked: bool = parameter(
        False,
        "whether a mask acts on what the teacher's masks before it have left, once the student is trained",
        source="ours: true, released",
    )
    joint_share: float = parameter(
        0.1,
        "share of the epochs that train all networks together",
        source="ours: 1 of 102 epochs, released",
        minimum=0,
        maximum=1,
        search=Uniform(0, 0.3),
    )
    mask_share: float = parameter(
        0.1,
        "share of the epochs that train the masks",
        source="ours: 1 of 102 epochs, released",
        minimum=0,
        maximum=1,
        search=Uniform(0.1, 0.3),
    )


class ChannelMask(nn.Module):
    """A factor from 0 to 1 for each channel, by self-attention among the channels."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.embed = nn.Linear(channels, channels * width)
        self.attention = nn.MultiheadAttention(width, HEADS, batch_first=True)
        self.gate = nn.Linear(width, 1)

    def forward(self, embedding: Tensor) -> Tensor:
        """Return the factors, (B, D), of (B, D) embeddings."""
        tokens = self.embed(embedding).unflatten(1, (embedding.shape[1], -1))
        attended, _ = self.attention(tokens, tokens, tokens, need_weights=False)
        factors: Tensor = self.gate(attended).squeeze(2).sigmoid()
        return factors


@register_method("mst_distill")
class MSTDistill(Method[MSTDistillParameters]):
    """Two teachers, one of them multimodal, with M masks each, are 2M specialized teachers.

    Joint: the sum over student and teachers m of H(y, p_m) + sum over the others n of t^2 KL(p_n^t || p_m^t). Masks:
    t^2 KL(p_S^t || p_e^t) for each masked teacher e, which trains its mask only. Training: L = H(y, p_S) + w t^2
    KL(p_e^t || p_S^t) + b KL(u || mean of g) / 2M, where g, the softmax of the router on the student's logits, chooses
    the masked teacher e of each sample, and u is uniform.
    """

    category = "cross-modal"
    paper = Paper(
        title="MST-Distill: Mixture of Specialized Teachers for Cross-Modal Knowledge Distillation",
        authors="Li, Yang, Chen, Dong, Chen, Wang",
        venue="ACM MM 2025",
        url="https://arxiv.org/abs/2507.07015",
    )
    further_teachers = ("composite",)
    updates_teacher = True
    deviations = (
        "All masks of a teacher act on its embedding, and not each on another layer.",
        "The teachers are those of all other rows, trained before. The joint phase goes on with them, and they lose "
        "accuracy beside a student that has learned nothing yet; joint_share=0 leaves the phase out.",
        "The router learns which masked teacher is close to the student: the choice is passed with the gradient of the "
        "gate. In the released code no gradient of distillation reaches it.",
        "Each masked teacher has only its own mask. In the released code the masks before it stay on.",
        "The router reads detached logits, so that balance trains the router only.",
        "The masks of the last epoch are kept, and not those of the best one on the validation part.",
        "In segmentation, a mask is computed for each image, and the router chooses for each position.",
    )
    presets = {"official_code": {"routing": "balance", "stacked": True}}
    without_distillation = {"joint_share": 0.0, "mask_share": 0.0, "distillation_weight": 0.0, "balance_weight": 0.0}

    def __init__(self, hyperparameters: MSTDistillParameters, pair: Pair) -> None:
        super().__init__(hyperparameters, pair)
        given = hyperparameters
        widths = {"teacher": pair.teacher.embedding} | {
            role: shape.embedding for role, shape in pair.further_teachers.items()
        }
        self.masks = nn.ModuleDict(
            {
                role: nn.ModuleList(ChannelMask(channels, given.mask_width) for _ in range(given.masks))
                for role, channels in widths.items()
            }
        )
        hidden = 2 * pair.classes
        self.router = nn.Sequential(nn.Linear(pair.classes, hidden), nn.Linear(hidden, given.masks * len(widths)))

    @classmethod
    def unsupported(cls, hyperparameters: MSTDistillParameters, pair: Pair) -> str | None:
        given = hyperparameters
        if given.joint_share + given.mask_share > 1:
            return "joint_share and mask_share add up to more than 1"
        if given.mask_width % HEADS:
            return f"mask_width={given.mask_width} is not a multiple of {HEADS}, the heads of a mask's attention"
        if given.chosen > 2 * given.masks:
            return f"chosen={given.chosen} is more than there are masks, {2 * given.masks}"
        return super().unsupported(given, pair)

    def phases(self) -> tuple[Phase, ...]:
        joint, masks = self.hyperparameters.joint_share, self.hyperparameters.mask_share
        return (
            Phase("joint", self.joint, share=joint, extras=False),
            Phase(
                "masks", self.specialize, share=masks, trains="nothing", extras=("masks",), labels=False, teacher=False
            ),
            Phase("train", self.forward, share=1 - joint - masks, extras=("router",), teacher=False),
        )

    def joint(self, student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
        """The phase that trains all networks together."""
        given = self.hyperparameters
        logits = torch.stack([one.logits for one in (student, teacher, *batch.teachers.values())])
        task = torch.stack([F.cross_entropy(one, batch.labels) for one in logits]).sum()
        return {"task": task, "mutual": joint_kd(logits, given.temperature, given.mutual == "detached")}

    def specialize(self, student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
        """The phase that trains the masks."""
        temperature, masked = self.hyperparameters.temperature, self._masked(teacher, batch, stacked=False)
        return {"masks": torch.stack([kd_loss(one, student.logits, temperature) for one in masked]).sum()}

    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
        given, released = self.hyperparameters, self.hyperparameters.routing == "balance"
        with torch.no_grad():
            masked = torch.stack(list(self._masked(teacher, batch, given.stacked)))
        routes: Tensor = self.router(student.logits if released else student.logits.detach())
        weights = top_weights(routes, given.chosen)
        self.log(composite_share=weights[:, given.masks :].sum(dim=1).mean())
        distilled = mixture_kd(student.logits, masked, weights.detach() if released else weights, given.temperature)
        return {
            "cross_entropy": F.cross_entropy(student.logits, batch.labels),
            "distillation": given.distillation_weight * distilled,
            "balance": given.balance_weight * balance_loss(routes),
        }

    def _masked(self, teacher: Outputs, batch: Batch, stacked: bool) -> Iterator[Tensor]:
        """Yield the logits, (B, C), of each masked teacher."""
        heads = {"teacher": self.pair.teacher_head, **self.pair.further_heads}
        for role, outputs in {"teacher": teacher, **batch.teachers}.items():
            pooled = outputs.sample_embedding
            factors = torch.ones_like(pooled)
            for mask in self._masks_of(role):
                factors = factors * mask(factors * pooled) if stacked else mask(pooled)
                rows = factors if batch.sample is None else factors.index_select(0, batch.sample)
                yield heads[role](rows * outputs.embedding)

    def _masks_of(self, role: str) -> nn.ModuleList:
        masks = self.masks[role]
        assert isinstance(masks, nn.ModuleList)
        return masks
