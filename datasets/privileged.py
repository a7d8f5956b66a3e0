"""Four kinds of privileged information, drawn anew: what a teacher may know that helps its student, and what not.

Lopez-Paz, Bottou, Schoelkopf, Vapnik: Unifying distillation and privileged information. ICLR 2016, arXiv 1511.03643,
section 5, experiments 1 to 4. x (50 features) is what the student sees, x* what the teacher sees; a ~ N(0, I) is drawn
with each fold, which is a repetition of the paper's 100.

- clean_labels: x ~ N(0, I), x* = <a, x>, y = 1[x* + e > 0], e ~ N(0, 1).
- clean_features: x* ~ N(0, I), x = x* + e, e ~ N(0, I), y = 1[<a, x*> > 0].
- relevant_features: x ~ N(0, I), x* = three coordinates J of x, the same for all samples, y = 1[<a_J, x*> > 0].
- sample_features: J another one for each sample. The paper calls y linear in x*, which holds where x* keeps the
  places of its coordinates: x* = x with 0 outside J.

The released code (github.com/lopezpaz/distillation_privileged_information, code/synthetic.py) has another fourth:
one J for each call, so another one in test than in training; the first three coefficients of a, whatever J; and
y = 1[<a_123, x*> > median]. A line that is commented out in it takes the three largest features of each sample in
falling order instead. Both are here, as `code_features` and `largest_features`.

Deviations: 200 further samples are a validation part. The paper's test part has 10,000 samples, that of its code and of
this file 1000.
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
    # the features are exchangeable, so the first three are as good as any, and are those of every part
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
    """Which of the experiments."""

    experiment: str = parameter(
        "clean_labels",
        "what the teacher knows; the last two are the released code's instead of sample_features",
        source="section 5, experiments 1 to 4",
        choices=tuple(EXPERIMENTS),
    )


@register_dataset("privileged")
class Privileged(Dataset[Options]):
    """200 / 200 / 1000 samples of two classes; the fold is the repetition."""

    modalities = (
        Modality("privileged", "vector", "x*, what is known in training alone"),
        Modality("regular", "vector", "x, 50 features"),
    )
    classes = ("0", "1")
    default_pairs = (("privileged", "regular"),)
    folds = 100
    sources = (
        Source(
            file="none, drawn when loaded",
            origin="written anew from section 5 of the paper",
            license="ours",
            citation="Lopez-Paz, Bottou, Schoelkopf, Vapnik: Unifying distillation and privileged information. "
            "ICLR 2016",
        ),
    )
    task = "on which side of a random hyperplane a point lies"

    def load(self, fold: int) -> PairedData:
        """Repetition number `fold`."""
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
