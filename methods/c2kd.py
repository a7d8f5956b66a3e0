"""C2KD: two proxies bridge the modality gap, on samples whose rankings agree (Huo et al., CVPR 2024)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F

from cmkd_bench import Batch, Losses, Method, NetworkShape, Outputs, Pair, Paper, parameter, register_method
from cmkd_bench.losses import kendall_tau, mutual_kl, mutual_nontarget_kl
from cmkd_bench.search import LogUniform, Uniform


@dataclass(frozen=True)
class C2KDParameters:
    # The released code uses 1 for all three weights; they are searched a decade to either side. Thresholds beyond 0.3
    # keep almost all samples, or almost none.
    teacher_weight: float = parameter(
        1.0, "lambda_1: teacher and its proxy", source="released code", minimum=0, search=LogUniform(0.1, 10)
    )
    student_weight: float = parameter(
        1.0, "lambda_2: student and its proxy", source="released code", minimum=0, search=LogUniform(0.1, 10)
    )
    cross_weight: float = parameter(
        1.0, "lambda_3: proxy and proxy", source="released code", minimum=0, search=LogUniform(0.1, 10)
    )
    krc_threshold: float = parameter(
        0.0, "omega: samples above are kept", source="released code", minimum=-1, maximum=1, search=Uniform(-0.3, 0.3)
    )
    nontarget: Literal["renormalized", "zeroed"] = parameter(
        "renormalized", "how the target class is excluded", source="paper", choices=("renormalized", "zeroed")
    )
    krc_variant: Literal["a", "b"] = parameter("a", "Kendall's tau-a or tau-b", source="paper", choices=("a", "b"))
    krc_on: str = parameter("main", "whose logits are ranked", source="paper", choices=("main", "proxy"))
    krc_per: str = parameter(
        "row",
        "in segmentation, select each position, or an image by the mean over its positions",
        source="ours; sample is MST-Distill's code for segmentation",
        choices=("row", "sample"),
    )
    nontarget_reduction: Literal["batch", "kept"] = parameter(
        "batch", "divide by all samples, or by the kept ones", source="released code", choices=("batch", "kept")
    )
    proxy_tap: str = parameter(
        "pooled", "proxies read the embedding, or the last layer but one", source="paper", choices=("pooled", "stage")
    )
    proxy_activation: str = parameter("relu", "of the proxies", source="paper", choices=("relu", "leaky_relu"))


@register_method("c2kd")
class C2KD(Method[C2KDParameters]):
    """L = H(y, z_S) + H(y, z_T) + l1 [D(z_T, p_T) + D(p_T, z_T)] + l2 [D(z_S, p_S) + D(p_S, z_S)]
    + l3 mean_b k_b [N(p_T, p_S) + N(p_S, p_T)].

    z are the logits of the networks and p those of their proxies. D(a, b) = KL(softmax a || softmax b) with a detached,
    so each term trains only its second argument. N is the same divergence over the classes other than the label. k_b is
    1 if Kendall's rank correlation of teacher and student exceeds the threshold (on-the-fly selection, OFSD). The
    teacher is trained too, with the student's optimizer. The proxies are not used at inference.
    """

    category = "cross-modal"
    paper = Paper(
        title="C2KD: Bridging the Modality Gap for Cross-Modal Knowledge Distillation",
        authors="Huo, Xu, Guo, Wang, Guo",
        venue="CVPR 2024, pp. 16006-16015",
        url="https://github.com/huofushuo/C2KD",
    )
    deviations = (
        "The equations come from a published note on the paper and from the released code, and the weights lambda and "
        "the threshold omega from the code.",
        "Optimizer and schedule are those of the protocol, the same for all methods, instead of the paper's SGD.",
    )
    updates_teacher = True
    unlabelled = (
        "both cross-entropies skip it; the class that the cross term leaves out is the teacher's class of largest "
        "probability, while the teacher is trained too; docs/labels.md compares this choice with another"
    )
    unpaired = "learns from its label only; proxies and teacher see pairs only"
    presets = {
        "official_code": {
            "nontarget": "zeroed",
            "krc_variant": "b",
            "krc_on": "proxy",
            "nontarget_reduction": "batch",
            "proxy_tap": "stage",
            "proxy_activation": "leaky_relu",
        }
    }
    without_distillation = {"teacher_weight": 0.0, "student_weight": 0.0, "cross_weight": 0.0}

    def __init__(self, hyperparameters: C2KDParameters, pair: Pair) -> None:
        super().__init__(hyperparameters, pair)
        self.student_proxy = self._proxy(pair.student, pair.classes)
        self.teacher_proxy = self._proxy(pair.teacher, pair.classes)

    @classmethod
    def unsupported(cls, hyperparameters: C2KDParameters, pair: Pair) -> str | None:
        if hyperparameters.proxy_tap == "stage" and pair.is_dense:
            return "proxy_tap=stage is not defined for segmentation; use proxy_tap=pooled, which reads every position"
        if hyperparameters.proxy_tap == "stage" and min(len(pair.student.layers), len(pair.teacher.layers)) < 2:
            return "proxy_tap=stage needs two layers in student and teacher; use proxy_tap=pooled"
        return None

    def student_layers(self) -> tuple[int, ...]:
        return self._tapped(self.pair.student)

    def teacher_layers(self) -> tuple[int, ...]:
        return self._tapped(self.pair.teacher)

    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
        paired, pairs = batch.paired(student)
        if len(pairs.index) < 2:
            raise ValueError(
                "C2KD normalizes its proxies over the batch and needs at least 2 samples with a partner per batch"
            )
        given = self.hyperparameters
        student_proxy = self.student_proxy(self._features(paired, self.pair.student))
        teacher_proxy = self.teacher_proxy(self._features(teacher, self.pair.teacher))
        on_main = given.krc_on == "main"
        ranked = (teacher.logits if on_main else teacher_proxy, paired.logits if on_main else student_proxy)
        keep = self._select(*ranked, pairs.sample)
        # in each pair, the first divergence trains the second argument, and the second one the first
        z_to_p_teacher, p_to_z_teacher = mutual_kl(teacher.logits, teacher_proxy)
        z_to_p_student, p_to_z_student = mutual_kl(paired.logits, student_proxy)
        to_student, to_teacher = mutual_nontarget_kl(
            teacher_proxy,
            student_proxy,
            pairs.classes(teacher.logits),
            keep,
            given.nontarget,
            given.nontarget_reduction,
        )
        return {
            "cross_entropy": F.cross_entropy(student.logits, batch.labels),
            "teacher_cross_entropy": F.cross_entropy(teacher.logits, pairs.labels),
            "teacher_and_proxy": given.teacher_weight * (z_to_p_teacher + p_to_z_teacher),
            "student_and_proxy": given.student_weight * (z_to_p_student + p_to_z_student),
            "cross": given.cross_weight * (to_student + to_teacher),
        }

    def _select(self, teacher_logits: Tensor, student_logits: Tensor, sample: Tensor | None) -> Tensor:
        """Select samples by OFSD: (B,) bool; a sample with constant logits has no rank correlation and is excluded."""
        correlation = kendall_tau(teacher_logits, student_logits, self.hyperparameters.krc_variant)
        if sample is not None and self.hyperparameters.krc_per == "sample":
            correlation = _mean_by_sample(correlation.nan_to_num(), sample)
        keep = correlation > self.hyperparameters.krc_threshold
        self.log(keep_rate=keep.float().mean(), rank_correlation=correlation.nan_to_num().mean())
        return keep

    def _proxy(self, shape: NetworkShape, classes: int) -> nn.Sequential:
        """Build an adaptation layer, the paper's 1 x 1 convolution on a pooled vector, and a classifier."""
        tapped = self._tapped(shape)
        width = shape.layers[tapped[0]][0] if tapped else shape.embedding
        adapt = nn.Linear(width, width, bias=False)
        nn.init.kaiming_normal_(adapt.weight, mode="fan_out")
        leaky = self.hyperparameters.proxy_activation == "leaky_relu"
        activation = nn.LeakyReLU(0.1) if leaky else nn.ReLU()
        return nn.Sequential(adapt, nn.BatchNorm1d(width), activation, nn.Linear(width, classes))

    def _tapped(self, shape: NetworkShape) -> tuple[int, ...]:
        return (len(shape.layers) - 2,) if self.hyperparameters.proxy_tap == "stage" else ()

    def _features(self, outputs: Outputs, shape: NetworkShape) -> Tensor:
        tapped = self._tapped(shape)
        return outputs.pooled(tapped[0]) if tapped else outputs.embedding


def _mean_by_sample(values: Tensor, sample: Tensor) -> Tensor:
    """Replace the value of each position by the mean over its sample: (P,) and (P,) int64 -> (P,)."""
    sums = values.new_zeros(int(sample.max()) + 1).index_add(0, sample, values)
    return (sums / sample.bincount(minlength=len(sums)))[sample]
