"""FitNet: a hint from the middle of the teacher, then distillation of the whole student (Romero et al., ICLR 2015)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional as F

from cmkd_bench.losses import hint_loss, kd_loss
from cmkd_bench.method import Batch, Implementation, Losses, Method, NetworkShape, Pair, Paper, Phase
from cmkd_bench.outputs import Outputs
from cmkd_bench.parameters import parameter
from cmkd_bench.registry import register_method
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
        search=Uniform(0.1, 0.6),  # no paper says it, so it is searched
    )
    weight_start: float = parameter(
        4.0,
        "of distillation, in the first epoch (two_stage)",
        source="paper",
        minimum=0,
        search=LogUniform(0.4, 40),  # the paper's value and a decade to either side, as below
    )
    weight_end: float = parameter(
        1.0,
        "of distillation, in the last epoch (two_stage)",
        source="paper",
        minimum=0,
        search=LogUniform(0.1, 10),
    )
    temperature: float = parameter(
        3.0, "divides the logits (two_stage)", source="paper", minimum=0.01, search=LogUniform(1, 10)
    )
    # Of form=joint alone: searched, it would fill draws of the other form with values that change nothing.
    hint_weight: float = parameter(
        200.0,
        "of half the mean squared error (joint)",
        source="RepDistiller and mdistiller: 100 on the mean squared error",
        minimum=0,
    )


@register_method("fitnet")
class FitNet(Method[FitNetParameters]):
    """Two phases, each with an optimizer of its own.

    Hint, equation 3: min 1/2 || u_T(x_T) - r(v_S(x_S)) ||^2 over the student up to its guided layer and the regressor
    r; the layers above get no gradient. Training, equation 2: L = H(y, p_S) + w(e) H(p_T^t, p_S^t), w falling linearly
    over the epochs, without the factor t^2; the regressor is gone. `form=joint` is the zoos' single phase,
    L = H(y, p_S) + w_hint 1/2 MSE.
    """

    paper = Paper(
        title="FitNets: Hints for Thin Deep Nets",
        authors="Romero, Ballas, Ebrahimi Kahou, Chassang, Gatta, Bengio",
        venue="ICLR 2015",
        url="https://arxiv.org/abs/1412.6550",
    )
    departures = (
        "The regressor is linear without the teacher's nonlinearity, on features pooled over space, time or tokens.",
        "The squared error is averaged over elements, where the paper sums them.",
        "Both phases share the epochs of one training, and the hint phase keeps its last epoch.",
        "H(p_T, p_S) is written as KL(p_T || p_S): the same gradient, a value lower by the teacher's entropy.",
    )
    without_distillation = {"form": "joint", "hint_weight": 0.0}

    def __init__(self, hyperparameters: FitNetParameters, pair: Pair) -> None:
        super().__init__(hyperparameters, pair)
        self._guided, self._hint = (_layer_at(hyperparameters.depth, shape) for shape in (pair.student, pair.teacher))
        student, teacher = pair.student.layers[self._guided], pair.teacher.layers[self._hint]
        # On maps this is applied along the channels at each position: a convolution with a kernel of one.
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
        guided, hint = self._features(student, teacher)
        return {"hint": hint_loss(self.regressor(guided), hint)}

    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
        temperature = self.hyperparameters.temperature
        softened = kd_loss(student.logits, teacher.logits, temperature) / temperature**2
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
        """Guided and hint features, channels last: (B, D) each, or (B, ..., D) of a common size."""
        if self.hyperparameters.geometry == "pooled":
            return student.pooled(self._guided), teacher.pooled(self._hint)
        guided, hint = student.feature_maps[self._guided], teacher.feature_maps[self._hint]
        size = tuple(map(min, guided.shape[2:], hint.shape[2:]))
        return _resize(guided, size), _resize(hint, size)

    def _weight(self, batch: Batch) -> float:
        start, end = self.hyperparameters.weight_start, self.hyperparameters.weight_end
        return start + (end - start) * (batch.epoch - 1) / max(batch.epochs - 1, 1)


# By the number of axes of a map beside its channels: time, image, video.
_POOLS: dict[int, Callable[..., Tensor]] = {
    1: F.adaptive_avg_pool1d,
    2: F.adaptive_avg_pool2d,
    3: F.adaptive_avg_pool3d,
}


def _layer_at(depth: float, shape: NetworkShape) -> int:
    """The layer at a share of the depth; the middle of four layers is the second."""
    return max(math.ceil(depth * len(shape.layers)) - 1, 0)


def _resize(features: Tensor, size: tuple[int, ...]) -> Tensor:
    pooled = _POOLS[len(size)](features, size) if size else features
    return pooled.movedim(1, -1)


FitNet.implementations = (
    Implementation(
        "adri-romsor/FitNets",
        "0f633b1",
        "KDCost.py:121-123",
        does="has no factor t^2 in the second phase.",
        ours="none either: the weights of 4 to 1 belong to that form.",
    ),
    Implementation(
        "adri-romsor/FitNets",
        "0f633b1",
        "HintCost.py:77-80",
        does="sums the squared error over one axis and averages over the others.",
        ours="the mean over all elements, times 1/2.",
        paper="half the sum over all elements of a sample.",
    ),
    Implementation(
        "HobbitLong/RepDistiller",
        "b84f547",
        "train_student.py:185-189",
        does="trains once, with cross-entropy and 100 times the mean squared error.",
        ours="two phases; `form=joint` is the single one, with 200 times half of it.",
        paper="two phases.",
    ),
    Implementation(
        "HobbitLong/RepDistiller",
        "b84f547",
        "ConvReg, in mdistiller too",
        does="chooses the regressor by the maps' height alone: a teacher's 7 x 20 against a student's 7 x 7 asks "
        "for a kernel of negative width.",
        ours="`geometry=spatial` pools both to a common size; by default features are pooled to vectors.",
        by_numbers=True,
    ),
    Implementation(
        "huofushuo/C2KD",
        "f22bb52",
        "ave/utils/module.py:205-252",
        does="stretches the student's map to the teacher's size, weighs one of five levels by 100 and the others "
        "by 0, and leaves the teacher's map attached.",
        ours="one level, and the teacher's features are detached.",
        paper="one hint, from the middle.",
    ),
    Implementation(
        "Gray-OREO/MST-Distill",
        "093b2fe",
        "FitNets.py:131-133",
        does="trains, in the hint phase, only the parameters whose name contains that of the guided layer.",
        ours="all layers up to the guided one, and none above.",
        paper="all layers up to the guided one.",
    ),
    Implementation(
        "Gray-OREO/MST-Distill",
        "093b2fe",
        "main-FitNets.py:243-256",
        does="selects the checkpoint by a loss whose weights change at epochs 30, 60 and 90.",
        ours="selection is the protocol's, by the validation part's metric, for all methods.",
    ),
)
