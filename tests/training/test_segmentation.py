"""Segmentation against loops over pixels, and numbers worked out by hand."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from cmkd_bench.method import Batch
from cmkd_bench.outputs import Outputs
from cmkd_bench.training.segmentation import as_positions, confusion, mean_iou, pixel_accuracy


def dense(batch: int, classes: int, width: int, size: tuple[int, int]) -> Outputs:
    positions = torch.randn(batch, width, *size)
    return Outputs(torch.randn(batch, classes, *size, requires_grad=True), positions.mean((2, 3)), positions=positions)


def test_every_labelled_position_becomes_a_row() -> None:
    torch.manual_seed(0)
    student, teacher = dense(2, 4, 5, (3, 2)), dense(2, 4, 7, (3, 2))
    labels = torch.tensor([[[0, 1], [255, 3], [2, 2]], [[255, 255], [1, 0], [3, 255]]], dtype=torch.uint8)
    batch = Batch(torch.tensor([10, 11]), 1, 2, torch.zeros(2, dtype=torch.int64))
    ours, theirs, seen = as_positions(student, teacher, batch, labels, None)
    row = 0
    for image in range(2):
        for down in range(3):
            for right in range(2):
                if (label := int(labels[image, down, right])) == 255:
                    continue
                assert seen.labels[row] == label
                assert seen.sample is not None
                assert seen.sample[row] == image
                assert torch.equal(ours.logits[row], student.logits[image, :, down, right])
                assert theirs.positions is not None
                assert torch.equal(theirs.embedding[row], theirs.positions[image, :, down, right])
                row += 1
    assert row == len(ours.logits) == len(theirs.embedding) == 8
    assert seen.index.tolist() == [10, 11]


def test_a_label_free_phase_gets_rows_without_labels() -> None:
    labels = torch.zeros(1, 2, 2, dtype=torch.uint8)
    outputs = dense(1, 3, 2, (2, 2))
    _, _, seen = as_positions(outputs, outputs, Batch(torch.tensor([0]), 1, 1, None), labels, None)
    assert seen.labels_or_none is None


def test_cross_entropy_over_rows_is_that_over_pixels_with_the_ignored_left_out() -> None:
    torch.manual_seed(1)
    outputs = dense(3, 5, 4, (6, 8))
    labels = torch.randint(5, (3, 6, 8))
    labels[torch.rand(3, 6, 8) < 0.3] = 255
    batch = Batch(torch.arange(3), 1, 1, torch.zeros(3, dtype=torch.int64))
    rows, _, seen = as_positions(outputs, outputs, batch, labels.to(torch.uint8), None)
    (ours,) = torch.autograd.grad(F.cross_entropy(rows.logits, seen.labels), outputs.logits)
    (theirs,) = torch.autograd.grad(F.cross_entropy(outputs.logits, labels, ignore_index=255), outputs.logits)
    assert torch.allclose(ours, theirs, atol=1e-7)


def test_confusion_counts_every_labelled_pixel_once() -> None:
    torch.manual_seed(2)
    logits, labels = torch.randn(3, 4, 5, 6), torch.randint(4, (3, 5, 6), dtype=torch.uint8)
    labels[0, 0, :] = 255
    counted = confusion(logits, labels, 4)
    naive = torch.zeros(3, 4, 4, dtype=torch.int64)
    for image in range(3):
        for down in range(5):
            for right in range(6):
                if labels[image, down, right] != 255:
                    naive[image, int(labels[image, down, right]), int(logits[image, :, down, right].argmax())] += 1
    assert torch.equal(counted, naive)
    assert int(counted.sum()) == 3 * 30 - 6


def test_logits_are_brought_to_the_labels_resolution() -> None:
    logits = torch.tensor([[[[4.0, -4.0]], [[-4.0, 4.0]]]])  # two classes, left and right
    labels = torch.tensor([[[0, 0, 1, 1], [0, 0, 1, 1]]], dtype=torch.uint8)
    assert confusion(logits, labels, 2).tolist() == [[[4, 0], [0, 4]]]


def test_scores_by_hand() -> None:
    # class 0: 3 of 4 found, 1 falsely; class 1: 2 of 3, 1 falsely; class 2 neither occurs nor is found
    matrix = torch.tensor([[3, 1, 0], [1, 2, 0], [0, 0, 0]])
    assert mean_iou(matrix) == pytest.approx(100 * (3 / 5 + 2 / 4) / 2)
    assert pixel_accuracy(matrix) == pytest.approx(100 * 5 / 7)


def test_a_class_that_is_only_found_counts_as_nothing_right() -> None:
    assert mean_iou(torch.tensor([[2, 2], [0, 0]])) == pytest.approx(100 * (2 / 4 + 0) / 2)
