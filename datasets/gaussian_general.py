"""Synthetic Gaussian pairs of the Modality Focusing Hypothesis' Table 2: a teacher with and without its own features.

Xue, Gao, Ren, Zhao: The Modality Focusing Hypothesis. ICLR 2023, arXiv 2206.06487. x1 is the teacher's view, x2 the
student's, 50 features each; the label depends on the sum of `own` features that x1 alone sees and `shared` ones that
both see, gamma = shared / (own + shared); the rest is noise. `view=general` leaves x1 with its shared features alone:
what a perfect selection of modality-general channels would leave.

The arrays are those of the released code (gauss/main_modify_gamma.py), number for number: draw s comes from
`RandomState(42 + s)`. That code trains the regular teacher on a first set of 200 samples and all else on a third,
after the test part; here all are trained on the third.

Deviations: the code has no gamma = 0.25, so 9 own and 3 shared features are ours; and 200 further samples from
`RandomState(1_000_000 + s)` are a validation part.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cmkd_bench.dataset import PARTS, Dataset, Modality, PairedData, Source
from cmkd_bench.errors import UserError
from cmkd_bench.parameters import parameter
from cmkd_bench.registry import register_dataset

FEATURES = 50
SIZES = {"train": 200, "validation": 200, "test": 1000}
# gamma: own, shared
DECISIVE = {0.25: (9, 3), 1 / 3: (10, 5), 0.5: (10, 10), 2 / 3: (10, 20), 0.75: (10, 30)}


@dataclass(frozen=True)
class Options:
    """The row of the table, and what the teacher sees."""

    gamma: float = parameter(
        0.5,
        "shared part of the decisive features: 0.25 0.33 0.5 0.66 0.75, within 0.01",
        source="Table 2",
        minimum=0,
        maximum=1,
    )
    view: str = parameter(
        "all",
        "all features of x1, or its modality-general ones alone",
        source="gauss/main_modify_gamma.py, mode gt",
        choices=("all", "general"),
    )


@register_dataset("gaussian_general")
class GaussianGeneral(Dataset[Options]):
    """200 / 200 / 1000 samples of two classes; the fold is the draw."""

    modalities = (
        Modality("x1", "vector", "the teacher's view: its own features, shared ones, noise"),
        Modality("x2", "vector", "the student's view: shared features, noise"),
    )
    classes = ("0", "1")
    default_pairs = (("x1", "x2"),)
    folds = 100
    standardise = False
    sources = (
        Source(
            file="none, drawn when loaded",
            origin="written anew; equal to what github.com/zihuixue/MFH, gauss/main_modify_gamma.py, draws",
            license="ours",
            citation="Xue, Gao, Ren, Zhao: The Modality Focusing Hypothesis: Towards Understanding Crossmodal "
            "Knowledge Distillation. ICLR 2023",
        ),
    )
    task = "whether the sum of the decisive features is above 0"

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        near = [numbers for gamma, numbers in DECISIVE.items() if abs(gamma - options.gamma) <= 0.01]
        if not near:
            allowed = ", ".join(f"{gamma:.2f}" for gamma in DECISIVE)
            raise UserError(
                f"dataset.gaussian_general.gamma={options.gamma}: the table has no such row. Available: {allowed}."
            )
        self.own, self.shared = near[0]

    def load(self, fold: int) -> PairedData:
        """Draw number `fold`."""
        rng = np.random.RandomState(42 + fold)
        self._draw(rng, SIZES["train"])  # the released code's set for the regular teacher alone
        test = self._draw(rng, SIZES["test"])
        train = self._draw(rng, SIZES["train"])
        validation = self._draw(np.random.RandomState(1_000_000 + fold), SIZES["validation"])
        x1, x2, labels = (np.concatenate(arrays) for arrays in zip(train, validation, test, strict=True))
        seen = self.shared if self.options.view == "general" else FEATURES
        ends = np.cumsum([0, *SIZES.values()])
        return PairedData(
            inputs={"x1": x1[:, :seen].astype(np.float32), "x2": x2.astype(np.float32)},
            labels=labels.astype(np.int64),
            parts={part: np.arange(ends[number], ends[number + 1]) for number, part in enumerate(PARTS)},
            sample_ids=np.array([f"d{fold}-{part}-{row:04d}" for part in PARTS for row in range(SIZES[part])]),
        )

    def _draw(self, rng: np.random.RandomState, samples: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """x1 (samples, 50), x2 (samples, 50) and labels; the order of the draws is the released code's."""
        decisive = rng.randn(samples, self.own + self.shared)
        x1, x2 = rng.randn(samples, FEATURES), rng.randn(samples, FEATURES)
        x1[:, : self.own + self.shared] = decisive
        x2[:, : self.shared] = decisive[:, : self.shared]
        return x1, x2, decisive.sum(1) > 0
