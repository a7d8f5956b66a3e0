"""Synthetic Gaussian pairs of the Modality Focusing Hypothesis: how much two modalities share is set exactly.

Xue, Gao, Ren, Zhao: The Modality Focusing Hypothesis. ICLR 2023, arXiv 2206.06487. The arrays are those of the
official code (gauss/main.py), number for number: draw s takes the hyperplane and the 200 training samples from
`RandomState(s)` and the 1000 test samples from `RandomState(s + 1)`. x1 is the paper's teacher, x2 its student.

- gamma: the label depends on 20 features; x2 sees the first 10, x1 sees 10 that overlap with those in o of them;
  gamma = o / (20 - o) is the shared part. 0: distillation has nothing to carry over; 1: everything.
- alpha: the label depends on 50 features; x2 sees the first 10, x1 the first s + 10; alpha = s / (s + 10) is the
  part that only x1 sees. The greater it is, the better the teacher and the less its student gains.

The paper has draws 0 to 9; there are 100 here, so that its curves get intervals. The test stream of draw s is the
training stream of draw s + 1: the draws are not quite independent.

Deviation: the paper selects nothing and has no validation part. Here 200 further samples from
`RandomState(1_000_000 + s)` are one, so that selection never reads the test part. Inputs are not normalised, as there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cmkd_bench.dataset import PARTS, Dataset, Modality, PairedData, Source
from cmkd_bench.errors import UserError
from cmkd_bench.parameters import parameter
from cmkd_bench.registry import register_dataset

SIZES = {"train": 200, "validation": 200, "test": 1000}
SHARES = {
    "gamma": {overlap / (20 - overlap): overlap for overlap in (0, 2, 4, 6, 8, 10)},
    "alpha": {extra / (extra + 10): extra for extra in (0, 10, 20, 30, 40)},
}


UNSET = -1.0


@dataclass(frozen=True)
class Options:
    """gamma and alpha belong to two experiments of the paper, so at most one is set; gamma=1 where neither is."""

    gamma: float = parameter(
        UNSET,
        "shared part of the decisive features: 0 0.11 0.25 0.43 0.67 1, within 0.005; -1: unset",
        source="experiment 1 of gauss/main.py; 1 where the hypothesis expects the greatest gain",
        minimum=UNSET,
        maximum=1.0,
    )
    alpha: float = parameter(
        UNSET,
        "part that only the teacher's view has: 0 0.5 0.67 0.75 0.8, within 0.005; -1: unset",
        source="experiment 2 of gauss/main.py",
        minimum=UNSET,
        maximum=1.0,
    )


@register_dataset("gaussian")
class Gaussian(Dataset[Options]):
    """200 / 200 / 1000 samples of two classes; the fold is the draw."""

    modalities = (
        Modality("x1", "vector", "the teacher's view: 25 features (gamma) or 50 (alpha), the rest is noise"),
        Modality("x2", "vector", "the student's view: 50 features, 10 of them decisive"),
    )
    classes = ("0", "1")
    default_pairs = (("x1", "x2"),)
    folds = 100
    standardise = False
    sources = (
        Source(
            file="none, drawn when loaded",
            origin="written anew; equal to what github.com/zihuixue/MFH, gauss/main.py, draws",
            license="ours",
            citation="Xue, Gao, Ren, Zhao: The Modality Focusing Hypothesis: Towards Understanding Crossmodal "
            "Knowledge Distillation. ICLR 2023",
        ),
    )
    task = "on which side of a random hyperplane a point lies"

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        if UNSET not in (options.gamma, options.alpha):
            raise UserError("dataset.gaussian: gamma and alpha belong to two experiments; set one of them.")
        self.experiment = "gamma" if options.alpha == UNSET else "alpha"
        given = 1.0 if options.gamma == options.alpha else getattr(options, self.experiment)
        near = [steps for share, steps in SHARES[self.experiment].items() if abs(share - given) <= 0.005]
        if not near:
            allowed = ", ".join(f"{share:.3g}" for share in SHARES[self.experiment])
            raise UserError(
                f"dataset.gaussian.{self.experiment}={given}: the paper has no such value. Available: {allowed}."
            )
        self.steps = near[0]

    def load(self, fold: int) -> PairedData:
        """Draw number `fold`."""
        train = np.random.RandomState(fold)
        plane = train.randn(500)
        streams = {
            "train": train,
            "validation": np.random.RandomState(1_000_000 + fold),
            "test": np.random.RandomState(fold + 1),
        }
        drawn = [self._draw(streams[part], plane, SIZES[part]) for part in PARTS]
        x1, x2, labels = (np.concatenate(arrays) for arrays in zip(*drawn, strict=True))
        ends = np.cumsum([0, *SIZES.values()])
        return PairedData(
            inputs={"x1": x1.astype(np.float32), "x2": x2.astype(np.float32)},
            labels=labels.astype(np.int64),
            parts={part: np.arange(ends[number], ends[number + 1]) for number, part in enumerate(PARTS)},
            sample_ids=np.array([f"d{fold}-{part}-{row:04d}" for part in PARTS for row in range(SIZES[part])]),
        )

    def _draw(
        self, rng: np.random.RandomState, plane: np.ndarray, samples: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """x1 (samples, 25 or 50), x2 (samples, 50) and labels; the order of the draws is the official code's."""
        gamma = self.experiment == "gamma"
        decisive = rng.randn(samples, 20 if gamma else 50)
        labels = decisive @ plane[: decisive.shape[1]] > 0
        x2 = rng.randn(samples, 50)
        x2[:, :10] = decisive[:, :10]
        x1 = rng.randn(samples, 25 if gamma else 50)
        seen = slice(10 - self.steps, 20 - self.steps) if gamma else slice(0, self.steps + 10)
        x1[:, seen] = decisive[:, seen]
        return x1, x2, labels
