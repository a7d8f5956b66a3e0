"""UCMKD: optimal transport of features and alignment of labels, without pairs (Tran et al., ICML 2026)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn
from torch.nn import functional as F

from cmkd_bench import Batch, Losses, Method, Outputs, Pair, Paper, Phase, Step, parameter, register_method
from cmkd_bench.losses import label_alignment, mutual_kl, transport_cost
from cmkd_bench.search import LogUniform


@dataclass(frozen=True)
class UCMKDParameters:
    form: str = parameter(
        "bilevel", "inner steps on a copy, or a sum of losses", source="paper", choices=("bilevel", "sum")
    )
    feature_weight: float = parameter(
        1.0, "of the transport of features", source="paper", minimum=0, search=LogUniform(0.1, 10)
    )
    label_weight: float = parameter(
        1.0, "of the alignment of labels", source="paper", minimum=0, search=LogUniform(0.1, 10)
    )
    alignment: str = parameter(
        "paper",
        "of labels: equation 15; its first term, which remains in the released code; the divergences between the "
        "student's head and the teacher's; or none",
        source="paper",
        choices=("paper", "student", "kl", "none"),
    )
    cost: str = parameter("euclidean", "of transport", source="paper", choices=("euclidean", "cosine"))
    epsilon: float = parameter(
        0.1,
        "weight of the plan's entropy (euclidean: times the mean cost)",
        source="paper",
        minimum=1e-4,
        search=LogUniform(0.02, 1),
    )
    iterations: int = parameter(50, "of Sinkhorn's algorithm", source="ours", minimum=1)
    inner_rate: float = parameter(
        2.0,
        "factor of the learning rate in the inner steps, which are plain gradient descent (bilevel)",
        source="ours: at the default protocol, the paper's 0.01",
        minimum=0,
        search=LogUniform(0.2, 200),
    )
    rows_per_image: int = parameter(
        16, "random positions that are transported (segmentation)", source="ours", minimum=1
    )


@register_method("ucmkd")
class UCMKD(Method[UCMKDParameters]):
    """The student's error is bounded by the teacher's, the distance of features, and the disagreement on labels.

    FA: the entropic optimal transport between the embeddings of a batch, which does not know pairs. LA: the mean of
    -log p_S(y) + k log p_T(y), k = p_T(y), where p_T is the teacher's head on the student's embedding. `bilevel`: for
    each batch one step on w_F FA, one on w_L LA, both on a copy of the student; the gradient of cross-entropy at the
    copy is applied to the student (first-order MAML). `sum`: L = H(y, p_S) + w_F FA + w_L LA.
    """

    category = "cross-modal"
    paper = Paper(
        title="Cross-Modal Knowledge Distillation without Paired Data",
        authors="Tran et al.",
        venue="ICML 2026",
        url="https://arxiv.org/abs/2606.10504",
    )
    deviations = (
        "Sinkhorn's algorithm runs in the log domain, and with the Euclidean cost epsilon is a share of the mean cost: "
        "as stated, loss and gradient vanish at the distances that networks have.",
        "Embeddings of different widths are compared through a linear map of the student's, which is trained to "
        "minimize the same losses; equal widths need none, as in the paper.",
    )
    presets = {"official_code": {"alignment": "student", "cost": "cosine"}}
    trains_embedding = True
    unlabelled = "has no alignment of labels, except with alignment=kl; its features are transported"
    unpaired = "has no transport of features; labels are aligned, since that takes only the teacher's head"
    without_distillation = {"feature_weight": 0.0, "label_weight": 0.0}

    def __init__(self, hyperparameters: UCMKDParameters, pair: Pair) -> None:
        super().__init__(hyperparameters, pair)
        ours, theirs = pair.student.embedding, pair.teacher.embedding
        self.map = nn.Identity() if ours == theirs else nn.Linear(ours, theirs)

    def phases(self) -> tuple[Phase, ...]:
        given = self.hyperparameters
        if given.form == "sum":
            return (Phase("train", self.summed),)
        rates = {"student": given.inner_rate}
        steps = [Step(self.transport, {"student"}, rates, undone=True)]
        if given.alignment != "none":
            steps.append(Step(self.align, {"student"}, rates, undone=True))
        if any(True for _ in self.map.parameters()):
            steps.insert(0, Step(self.fit_map, {"map"}))
        return (Phase("train", self.forward, extras=False, before=tuple(steps)),)

    def summed(self, student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
        """The sum of all losses."""
        aligned = {} if self.hyperparameters.alignment == "none" else self.align(student, teacher, batch)
        return {
            **self.forward(student, teacher, batch),
            **self.transport(student, teacher, batch),
            **aligned,
        }

    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
        return {"cross_entropy": F.cross_entropy(student.logits, batch.labels)}

    def transport(self, student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
        """FA."""
        given, (ours, pairs) = self.hyperparameters, batch.paired(student)
        rows = pairs.draw_rows(given.rows_per_image)
        moved = transport_cost(
            self.map(ours.embedding[rows]), teacher.embedding[rows], given.cost, given.epsilon, given.iterations
        )
        return {"features": given.feature_weight * moved}

    def align(self, student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
        """LA."""
        given, read = self.hyperparameters, self.pair.teacher_head(self.map(student.embedding))
        if given.alignment == "kl":
            one, other = mutual_kl(student.logits, read)
            return {"labels": given.label_weight * (one + other)}
        own, theirs = label_alignment(student.logits, read, batch.labels)
        return {"labels": given.label_weight * (own + theirs if given.alignment == "paper" else own)}

    def fit_map(self, student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
        """Let the map between unequal widths follow the student."""
        return {"map": self.transport(student, teacher, batch)["features"]}
