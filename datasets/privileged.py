"""Four kinds of privileged information: which knowledge of a teacher helps its student, and which does not.

Lopez-Paz, Bottou, Schoelkopf, Vapnik: Unifying distillation and privileged information. ICLR 2016, arXiv 1511.03643,
section 5, experiments 1 to 4. The student sees x (50 features), and the teacher sees x*; a ~ N(0, I) is drawn in each
fold. Each fold is one of the paper's 100 repetitions.

- clean_labels: x ~ N(0, I), x* = <a, x>, y = 1[x* + e > 0], e ~ N(0, 1).
- clean_features: x* ~ N(0, I), x = x* + e, e ~ N(0, I), y = 1[<a, x*> > 0].
- relevant_features: x ~ N(0, I), x* = three coordinates J of x, the same for all samples, y = 1[<a_J, x*> > 0].
- sample_features: a different J for each sample. The paper calls y linear in x*, which holds if the coordinates of x*
  keep their positions: x* = x with 0 outside J.

The released code (github.com/lopezpaz/distillation_privileged_information, code/synthetic.py) implements the fourth
experiment differently: it draws one J per call, so training and testing use different ones; it uses the first three
coefficients of a, whatever J is; and y = 1[<a_123, x*> > median]. A line that is commented out takes the three largest
features of each sample in descending order instead. Both are available as `code_features` and `largest_features`.

Deviations: 200 additional samples form a validation part. The paper's test part has 10,000 samples; the test part of
its code and of this file has 1000.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from cmkd_bench.dataset import PARTS, Dataset, Modality, PairedData, Source
from cmkd_bench.parameters import parameter
from cmkd_bench.registry import register_dataset

FEATURES, RELEVANT = 50, 3
SIZES = {"train": 200, "validation": 200, "test": 1000}
Drawn = tuple[np.ndarray, np.ndarray, np.ndarray]
"""x* (samples, any), x (samples, 50), labels (samples,)."""


def _clean_labels(rng: np.random.Generator, plane: np.ndarray, samples: int) -> Drawn:
    x = rng.standard_normal((samples, FEATURES))
    distance = x @ plane
    return distance[:, None], x, distance + rng.standard_normal(samples) > 0


def _clean_features(rng: np.random.Generator, plane: np.ndarray, samples: int) -> Drawn:
    clean = rng.standard_normal((samples, FEATURES))
    return clean, clean + rng.standard_normal((samples, FEATURES)), clean @ plane > 0


def _relevant_features(rng: np.random.Generator, plane: np.ndarray, samples: int) -> Drawn:
    # the features are exchangeable, so the first three are as good as any; all parts use them
    x = rng.standard_normal((samples, FEATURES))
    relevant = x[:, :RELEVANT]
    return relevant, x, relevant @ plane[:RELEVANT] > 0


def _sample_features(rng: np.random.Generator, plane: np.ndarray, samples: int) -> Drawn:
    x = rng.standard_normal((samples, FEATURES))
    ranks = rng.random((samples, FEATURES)).argsort(1).argsort(1)
    relevant = np.where(ranks < RELEVANT, x, 0)
    return relevant, x, relevant @ plane > 0


def _code_features(rng: np.random.Generator, plane: np.ndarray, samples: int) -> Drawn:
    x = rng.standard_normal((samples, FEATURES))
    return _above_median(x[:, rng.permutation(FEATURES)[:RELEVANT]], x, plane)


def _largest_features(rng: np.random.Generator, plane: np.ndarray, samples: int) -> Drawn:
    x = rng.standard_normal((samples, FEATURES))
    return _above_median(np.sort(x, axis=1)[:, : -RELEVANT - 1 : -1], x, plane)


def _above_median(relevant: np.ndarray, x: np.ndarray, plane: np.ndarray) -> Drawn:
    score = relevant @ plane[:RELEVANT]
    return relevant, x, score > np.median(score)


EXPERIMENTS: dict[str, Callable[[np.random.Generator, np.ndarray, int], Drawn]] = {
    "clean_labels": _clean_labels,
    "clean_features": _clean_features,
    "relevant_features": _relevant_features,
    "sample_features": _sample_features,
    "code_features": _code_features,
    "largest_features": _largest_features,
}


@dataclass(frozen=True)
class Options:
    """Options that select the experiment."""

    experiment: str = parameter(
        "clean_labels",
        "what the teacher knows; the last two are the released code's versions of sample_features",
        source="section 5, experiments 1 to 4",
        choices=tuple(EXPERIMENTS),
    )


@register_dataset("privileged")
class Privileged(Dataset[Options]):
    """200 / 200 / 1000 samples of two classes; each fold is a repetition."""

    modalities = (
        Modality("privileged", "vector", "x*, which is known only during training"),
        Modality("regular", "vector", "x, 50 features"),
    )
    classes = ("0", "1")
    default_pairs = (("privileged", "regular"),)
    folds = 100
    sources = (
        Source(
            file="none, drawn when loaded",
            origin="our code, written from section 5 of the paper",
            license="ours",
            citation="Lopez-Paz, Bottou, Schoelkopf, Vapnik: Unifying distillation and privileged information. "
            "ICLR 2016",
        ),
    )
    task = "recognize on which side of a random hyperplane a point lies"

    def load(self, fold: int) -> PairedData:
        """Generate repetition number `fold`."""
        rng = np.random.default_rng([20160502, fold])
        plane = rng.standard_normal(FEATURES)
        drawn = [EXPERIMENTS[self.options.experiment](rng, plane, SIZES[part]) for part in PARTS]
        privileged, regular, labels = (np.concatenate(arrays) for arrays in zip(*drawn, strict=True))
        ends = np.cumsum([0, *SIZES.values()])
        return PairedData(
            inputs={"privileged": privileged.astype(np.float32), "regular": regular.astype(np.float32)},
            labels=labels.astype(np.int64),
            parts={part: np.arange(ends[number], ends[number + 1]) for number, part in enumerate(PARTS)},
            sample_ids=np.array([f"r{fold}-{part}-{row:04d}" for part in PARTS for row in range(SIZES[part])]),
        )
