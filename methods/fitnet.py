"""FitNet: a hint from the middle of the teacher, then distillation of the whole student (Romero et al., ICLR 2015)."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional as F

from cmkd_bench import Batch, Losses, Method, NetworkShape, Outputs, Pair, Paper, Phase, parameter, register_method
from cmkd_bench.losses import hint_loss, kd_loss
from cmkd_bench.search import LogUniform, Uniform


@dataclass(frozen=True)
class FitNetParameters:
    form: str = parameter("two_stage", "of the training", source="paper, section 2.3", choices=("two_stage", "joint"))
    depth: float = parameter(
        0.5,
        "where the hint and the guided layer lie, as a share of the depth",
        source="paper: the middle",
        minimum=0,
        maximum=1,
    )
    geometry: str = parameter(
        "pooled",
        "compare features as vectors, or as maps of a common size",
        source="ours: two modalities share no geometry",
        choices=("pooled", "spatial"),
    )
    hint_share: float = parameter(
        0.3,
        "share of the epochs for the hint (two_stage)",
        source="ours",
        minimum=0,
        maximum=0.9,
        search=Uniform(0.1, 0.6),  # the paper gives no value
    )
    # The paper's weights, searched a decade to either side.
    weight_start: float = parameter(
        4.0, "of distillation, in the first epoch (two_stage)", source="paper", minimum=0, search=LogUniform(0.4, 40)
    )
    weight_end: float = parameter(
        1.0, "of distillation, in the last epoch (two_stage)", source="paper", minimum=0, search=LogUniform(0.1, 10)
    )
    temperature: float = parameter(
        3.0, "divides the logits (two_stage)", source="paper", minimum=0.01, search=LogUniform(1, 10)
    )
    # Not searched: only form=joint uses it, and the trials of the other form would vary a value without effect.
    hint_weight: float = parameter(
        200.0,
        "of half the mean squared error (joint)",
        source="RepDistiller, mdistiller: 100 times all of it",
        minimum=0,
    )


@register_method("fitnet")
class FitNet(Method[FitNetParameters]):
    """Two phases, each with an optimizer of its own.

    Hint, equation 3: min 1/2 || u_T(x_T) - r(v_S(x_S)) ||^2 over the student up to its guided layer and the regressor
    r; the layers above get no gradient. Training, equation 2: L = H(y, p_S) + w(e) H(p_T^t, p_S^t), w falling linearly
    over the epochs, without the factor t^2; the regressor is gone. `form=joint` is the zoos' single phase,
    L = H(y, p_S) + w_hint 1/2 MSE. `preset=gupta` is supervision transfer (Gupta, Hoffman, Malik, CVPR 2016):
    half of the epochs match features without labels, half train with labels alone.
    """

    category = "features"
    paper = Paper(
        title="FitNets: Hints for Thin Deep Nets",
        authors="Romero, Ballas, Ebrahimi Kahou, Chassang, Gatta, Bengio",
        venue="ICLR 2015",
        url="https://arxiv.org/abs/1412.6550",
    )
    deviations = (
        "The regressor is linear, without the teacher's nonlinearity, on features pooled over space, time or tokens.",
        "The squared error is averaged over elements, where the paper sums them.",
        "Both phases share the epochs of one training, and the hint phase keeps its last epoch.",
        "H(p_T, p_S) is computed as KL(p_T || p_S): the same gradient, but a value lower by the teacher's entropy.",
    )
    unpaired = "has no hint and learns from its label only"
    presets = {"gupta": {"hint_share": 0.5, "weight_start": 0.0, "weight_end": 0.0}}
    without_distillation = {"form": "joint", "hint_weight": 0.0}

    def __init__(self, hyperparameters: FitNetParameters, pair: Pair) -> None:
        super().__init__(hyperparameters, pair)
        self._guided, self._hint = (_layer_at(hyperparameters.depth, shape) for shape in (pair.student, pair.teacher))
        student, teacher = pair.student.layers[self._guided], pair.teacher.layers[self._hint]
        # On maps it acts on the channels of each position, as a 1 x 1 convolution does.
        self.regressor = nn.Linear(student[0], teacher[0])

    @classmethod
    def unsupported(cls, hyperparameters: FitNetParameters, pair: Pair) -> str | None:
        if not pair.student.layers or not pair.teacher.layers:
            return "FitNet needs a hidden layer in student and teacher, and a linear classifier has none"
        student, teacher = (
            shape.layers[_layer_at(hyperparameters.depth, shape)] for shape in (pair.student, pair.teacher)
        )
        if hyperparameters.geometry == "spatial" and len(student) != len(teacher):
            return f"geometry=spatial needs maps with as many axes; student {student}, teacher {teacher}"
        return None

    def phases(self) -> tuple[Phase, ...]:
        if self.hyperparameters.form == "joint":
            return (Phase("train", self.joint),)
        share = self.hyperparameters.hint_share
        return (
            Phase("hint", self.hint, share=share, labels=False),
            Phase("train", self.forward, share=1 - share, extras=False),
        )

    def student_layers(self) -> tuple[int, ...]:
        return (self._guided,)

    def teacher_layers(self) -> tuple[int, ...]:
        return (self._hint,)

    def hint(self, student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
        """Equation 3."""
        guided, hint = self._features(batch.paired(student)[0], teacher)
        return {"hint": hint_loss(self.regressor(guided), hint)}

    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
        temperature = self.hyperparameters.temperature
        softened = kd_loss(batch.paired(student)[0].logits, teacher.logits, temperature) / temperature**2
        return {
            "cross_entropy": F.cross_entropy(student.logits, batch.labels),
            "distillation": self._weight(batch) * softened,
        }

    def joint(self, student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
        """The single phase of RepDistiller and mdistiller."""
        hint = self.hint(student, teacher, batch)["hint"]
        return {
            "cross_entropy": F.cross_entropy(student.logits, batch.labels),
            "hint": self.hyperparameters.hint_weight * hint,
        }

    def _features(self, student: Outputs, teacher: Outputs) -> tuple[Tensor, Tensor]:
        """Return guided and hint features, channels last: (B, D) each, or (B, ..., D) of a common size."""
        if self.hyperparameters.geometry == "pooled":
            return student.pooled(self._guided), teacher.pooled(self._hint)
        guided, hint = student.feature_maps[self._guided], teacher.feature_maps[self._hint]
        size = tuple(map(min, guided.shape[2:], hint.shape[2:]))
        return _resize(guided, size), _resize(hint, size)

    def _weight(self, batch: Batch) -> float:
        start, end = self.hyperparameters.weight_start, self.hyperparameters.weight_end
        return start + (end - start) * (batch.epoch - 1) / max(batch.epochs - 1, 1)


def _layer_at(depth: float, shape: NetworkShape) -> int:
    """The layer at a share of the depth; the middle of four layers is the second."""
    return max(math.ceil(depth * len(shape.layers)) - 1, 0)


def _resize(features: Tensor, size: tuple[int, ...]) -> Tensor:
    """Pool maps over time, images or videos to a size: (B, D, ...) -> (B, ..., D)."""
    pooled: Tensor = getattr(F, f"adaptive_avg_pool{len(size)}d")(features, size) if size else features
    return pooled.movedim(1, -1)
