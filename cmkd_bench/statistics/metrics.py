"""The metrics of a run's test predictions: accuracy, macro F1, top-5, calibration, and mean IoU for segmentation.

Every metric here is a function of a sum over the test samples, so any of them can be resampled: a bootstrap draw is a
matrix product of how often each sample was drawn with what each sample contributes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Predictions = Mapping[str, Array]  # logits (M, C) and labels (M,), or confusion (M, C, C); rows are labels
BINS = 15
TOP = 5
TOP_FROM = 20  # top-5 is not informative for fewer classes


@dataclass(frozen=True)
class Metric:
    """One metric, in percent."""

    contributions: Callable[[Predictions], Array]  # the contributions of each sample, (M, K), from the predictions
    # the metric from the sums over samples (..., K) and the number of samples M, of shape (...)
    value: Callable[[Array, int], Array]
    # the sums of the contributions, (K,), if there is a faster way to compute them
    sums: Callable[[Predictions], Array] | None = None

    def __call__(self, predictions: Predictions) -> float:
        """Return the metric of a run's predictions."""
        sums = self.sums(predictions) if self.sums else self.contributions(predictions).sum(0)
        return float(self.value(sums, len(next(iter(predictions.values())))))


def metrics_of(predictions: Predictions) -> dict[str, Metric]:
    """Return the metrics that are defined for a run's predictions; the first is the one in tables."""
    if "confusion" in predictions:
        return {name: METRICS[name] for name in ("miou", "pixel_accuracy")}
    names = ["accuracy", "macro_f1", "ece"]
    if predictions["logits"].shape[1] > TOP_FROM:
        names.append("top5")
    return {name: METRICS[name] for name in names}


def _correct(predictions: Predictions) -> Array:
    """Return (M, 1): whether the largest logit is the label's; the first of equal logits counts."""
    found: Array = predictions["logits"].argmax(1) == predictions["labels"]
    return found[:, None]


def _in_top(predictions: Predictions) -> Array:
    """Return (M, 1): whether the label is among the five largest logits; the first of equal logits count."""
    logits, labels = predictions["logits"], predictions["labels"]
    own = np.take_along_axis(logits, labels[:, None], 1)
    earlier = np.arange(logits.shape[1]) < labels[:, None]
    found: Array = ((logits > own) | ((logits == own) & earlier)).sum(1) < TOP
    return found[:, None]


def _share(sums: Array, samples: int) -> Array:
    return 100.0 * sums[..., 0] / samples


def _labels_and_found(predictions: Predictions) -> Array:
    """Return (M, 2C): by class, whether the sample is a hit, and how often (0 to 2) its label or prediction is it."""
    identity = np.eye(predictions["logits"].shape[1], dtype=np.int32)
    labels, found = identity[predictions["labels"]], identity[predictions["logits"].argmax(1)]
    return np.concatenate([labels * found, labels + found], 1)


def _labels_and_found_sums(predictions: Predictions) -> Array:
    labels, found = predictions["labels"], predictions["logits"].argmax(1)
    classes = predictions["logits"].shape[1]
    hits, real, guessed = (np.bincount(one, minlength=classes) for one in (labels[labels == found], labels, found))
    return np.concatenate([hits, real + guessed])


def _macro_f1(sums: Array, samples: int) -> Array:
    """Return the mean over classes of 2 hits / (labels + predictions), without classes that do not occur at all."""
    hits, occurrences = np.split(sums, 2, axis=-1)
    return _mean_ratio(2.0 * hits, occurrences)


def _gaps(predictions: Predictions) -> Array:
    """Return (M, BINS): correctness minus confidence, in the bin of the confidence."""
    bins, distances = _binned(predictions)
    gaps: Array = np.zeros((len(bins), BINS))
    gaps[np.arange(len(bins)), bins] = distances
    return gaps


def _gaps_sums(predictions: Predictions) -> Array:
    bins, distances = _binned(predictions)
    return np.bincount(bins, distances, BINS)


def _binned(predictions: Predictions) -> tuple[Array, Array]:
    """Return (M,) and (M,): the bin of each sample's confidence, and its correctness minus its confidence."""
    logits = predictions["logits"].astype(np.float64)
    odds = np.exp(logits - logits.max(1, keepdims=True))
    confidence = 1.0 / odds.sum(1)  # the largest probability
    bins = np.clip(np.ceil(confidence * BINS).astype(np.int64) - 1, 0, BINS - 1)
    return bins, _correct(predictions)[:, 0] - confidence


def _calibration_error(sums: Array, samples: int) -> Array:
    """Return the expected calibration error, equation 3 of Guo et al. 2017 (On Calibration of Modern Neural Networks).

    The confidence is the largest probability; 15 bins of equal width, each open below and closed above; the absolute
    difference between accuracy and mean confidence of a bin, weighted by its share of the samples.
    """
    error: Array = 100.0 * np.abs(sums).sum(-1) / samples
    return error


def _hits_and_union(predictions: Predictions) -> Array:
    """Return (M, 2C): by class, the correct pixels, and those that have the class as label or prediction."""
    matrices = predictions["confusion"]
    hits = np.diagonal(matrices, axis1=1, axis2=2)
    return np.concatenate([hits, matrices.sum(1) + matrices.sum(2) - hits], 1)


def _mean_iou(sums: Array, samples: int) -> Array:
    """Return the mean over classes of intersection over union, without classes that do not occur at all."""
    hits, union = np.split(sums, 2, axis=-1)
    return _mean_ratio(hits, union)


def _hits_and_pixels(predictions: Predictions) -> Array:
    """Return (M, 2): correct pixels and labeled pixels."""
    matrices = predictions["confusion"]
    return np.stack([np.trace(matrices, axis1=1, axis2=2), matrices.sum((1, 2))], 1)


def _pixel_accuracy(sums: Array, samples: int) -> Array:
    return 100.0 * sums[..., 0] / np.maximum(sums[..., 1], 1)


def _mean_ratio(parts: Array, wholes: Array) -> Array:
    """Return the mean ratio in percent, over the last axis, of the places where the whole is not 0."""
    present = wholes > 0
    ratios = np.divide(parts, wholes, out=np.zeros(wholes.shape), where=present)
    mean: Array = 100.0 * ratios.sum(-1) / np.maximum(present.sum(-1), 1)
    return mean


METRICS = {
    "accuracy": Metric(_correct, _share),
    "macro_f1": Metric(_labels_and_found, _macro_f1, _labels_and_found_sums),
    "ece": Metric(_gaps, _calibration_error, _gaps_sums),
    "top5": Metric(_in_top, _share),
    "miou": Metric(_hits_and_union, _mean_iou),
    "pixel_accuracy": Metric(_hits_and_pixels, _pixel_accuracy),
}
