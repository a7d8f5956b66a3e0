"""Metrics of saved predictions: by hand, against loops over samples, and against torchmetrics."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torchmetrics import functional

from cmkd_bench.statistics.metrics import METRICS, metrics_of
from cmkd_bench.training.evaluation import accuracy

GENERATOR = np.random.default_rng(11)
LOGITS = GENERATOR.normal(0, 2, (400, 25)).astype(np.float32)
LABELS = np.where(GENERATOR.random(400) < 0.5, LOGITS.argmax(1), GENERATOR.integers(0, 24, 400))
PREDICTIONS = {"logits": LOGITS, "labels": LABELS}
CONFUSION = GENERATOR.integers(0, 50, (6, 4, 4)) * np.array([1, 1, 1, 0])[:, None] * np.array([1, 1, 1, 0])


def test_accuracy_is_that_of_the_evaluation() -> None:
    expected = accuracy(torch.from_numpy(LOGITS), torch.from_numpy(LABELS))
    assert METRICS["accuracy"](PREDICTIONS) == pytest.approx(expected, rel=1e-12)


def test_macro_f1_by_hand() -> None:
    # labels 0 0 0 1 1 2, found 0 0 1 1 1 0: F1 of 0 is 2*2/(3+3), of 1 is 2*2/(2+3), of 2 is 0; class 3 is nowhere
    logits = np.eye(4, dtype=np.float32)[[0, 0, 1, 1, 1, 0]]
    labels = np.array([0, 0, 0, 1, 1, 2])
    assert METRICS["macro_f1"]({"logits": logits, "labels": labels}) == pytest.approx(100 * (2 / 3 + 4 / 5 + 0) / 3)


def test_macro_f1_is_that_of_precision_and_recall() -> None:
    found, scores = LOGITS.argmax(1), []
    for label in set(LABELS.tolist()) | set(found.tolist()):
        hits = int(((found == label) & (label == LABELS)).sum())
        precision = hits / max(int((found == label).sum()), 1)
        recall = hits / max(int((label == LABELS).sum()), 1)
        scores.append(2 * precision * recall / (precision + recall) if hits else 0.0)
    assert METRICS["macro_f1"](PREDICTIONS) == pytest.approx(100 * sum(scores) / len(scores))


def test_top5_is_that_of_sorting() -> None:
    hits = sum(label in np.argsort(-row, kind="stable")[:5] for row, label in zip(LOGITS, LABELS, strict=True))
    assert METRICS["top5"](PREDICTIONS) == pytest.approx(100 * hits / 400)
    assert 0 < hits < 400


def test_top5_does_not_count_ties_as_hits() -> None:
    logits = np.zeros((25, 25), dtype=np.float32)
    assert METRICS["top5"]({"logits": logits, "labels": np.arange(25)}) == pytest.approx(100 * 5 / 25)


def test_calibration_error_by_hand() -> None:
    # confidences 0.9, 0.9, 0.6, 0.6 with two classes; bins (13/15, 14/15] and (8/15, 9/15]
    logits = np.log(np.array([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6], [0.4, 0.6]]))
    labels = np.array([0, 1, 1, 1])
    # accuracy 0.5 against 0.9, and 1 against 0.6, each half of the samples
    assert METRICS["ece"]({"logits": logits, "labels": labels}) == pytest.approx(100 * (0.5 * 0.4 + 0.5 * 0.4))


def test_calibration_error_is_that_of_a_loop_over_bins() -> None:
    odds = np.exp(LOGITS.astype(np.float64))
    probabilities = odds / odds.sum(1, keepdims=True)
    confidence, correct, error = probabilities.max(1), LOGITS.argmax(1) == LABELS, 0.0
    for i in range(15):
        inside = (confidence > i / 15) & (confidence <= (i + 1) / 15)
        if inside.any():
            error += inside.mean() * abs(correct[inside].mean() - confidence[inside].mean())
    assert METRICS["ece"](PREDICTIONS) == pytest.approx(100 * error)


def test_a_certain_prediction_has_a_bin() -> None:
    logits = np.array([[1000.0, 0.0], [1000.0, 0.0]])
    assert METRICS["ece"]({"logits": logits, "labels": np.array([0, 1])}) == pytest.approx(50.0)


def torchmetrics_of(name: str) -> float:
    """A metric of PREDICTIONS as torchmetrics computes it, in percent."""
    logits, labels = torch.from_numpy(LOGITS), torch.from_numpy(LABELS)
    common = {"task": "multiclass", "num_classes": LOGITS.shape[1]}
    found = {
        "accuracy": lambda: functional.accuracy(logits, labels, average="micro", **common),
        "macro_f1": lambda: functional.f1_score(logits, labels, average="macro", **common),
        "top5": lambda: functional.accuracy(logits, labels, average="micro", top_k=5, **common),
        "ece": lambda: functional.calibration_error(logits.double().softmax(1), labels, n_bins=15, **common),
    }
    return 100 * float(found[name]())


@pytest.mark.parametrize("name", ["accuracy", "macro_f1", "top5", "ece"])
def test_classification_agrees_with_torchmetrics(name: str) -> None:
    assert METRICS[name](PREDICTIONS) == pytest.approx(torchmetrics_of(name), rel=1e-5)


def test_segmentation_agrees_with_torchmetrics() -> None:
    images, labels, found = (torch.from_numpy(place) for place in np.nonzero(CONFUSION))
    counts = torch.from_numpy(CONFUSION)[images, labels, found]
    pixels = labels.repeat_interleave(counts), found.repeat_interleave(counts)
    common = {"task": "multiclass", "num_classes": 4}
    iou = functional.jaccard_index(pixels[1], pixels[0], average="macro", **common)
    accuracy = functional.accuracy(pixels[1], pixels[0], average="micro", **common)
    assert METRICS["miou"]({"confusion": CONFUSION}) == pytest.approx(100 * float(iou), rel=1e-6)
    assert METRICS["pixel_accuracy"]({"confusion": CONFUSION}) == pytest.approx(100 * float(accuracy), rel=1e-6)


def test_segmentation_by_hand() -> None:
    # class 0: 3 of 4 found, 1 falsely; class 1: 2 of 3, 1 falsely; class 2 neither occurs nor is found
    matrix = {"confusion": np.array([[[3, 1, 0], [1, 2, 0], [0, 0, 0]]])}
    assert METRICS["miou"](matrix) == pytest.approx(100 * (3 / 5 + 2 / 4) / 2)
    assert METRICS["pixel_accuracy"](matrix) == pytest.approx(100 * 5 / 7)


def test_a_class_that_is_only_predicted_counts_as_nothing_right() -> None:
    assert METRICS["miou"]({"confusion": np.array([[[2, 2], [0, 0]]])}) == pytest.approx(100 * (2 / 4 + 0) / 2)


def test_mean_iou_by_hand() -> None:
    # class 0: 3 / (3+1+2), class 1: 4 / (4+1+2); over two images
    confusion = np.array([[[1, 1], [2, 0]], [[2, 0], [0, 4]]])
    assert METRICS["miou"]({"confusion": confusion}) == pytest.approx(100 * (3 / 6 + 4 / 7) / 2)


@pytest.mark.parametrize("name", ["macro_f1", "ece"])
def test_the_fast_sums_are_those_of_the_contributions(name: str) -> None:
    metric = METRICS[name]
    assert metric.sums is not None
    assert metric.sums(PREDICTIONS) == pytest.approx(metric.contributions(PREDICTIONS).sum(0))


def test_top5_is_defined_above_20_classes_and_the_main_metric_comes_first() -> None:
    assert list(metrics_of(PREDICTIONS)) == ["accuracy", "macro_f1", "ece", "top5"]
    assert list(metrics_of({**PREDICTIONS, "logits": LOGITS[:, :20]})) == ["accuracy", "macro_f1", "ece"]
    assert list(metrics_of({"confusion": CONFUSION})) == ["miou", "pixel_accuracy"]
