"""What the loss terms do with samples that have no label, or no partner: numbers by hand, and by leaving them out."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import softmax
from scipy.stats import entropy

from cmkd_bench.method import HIDDEN, Batch, Pair
from cmkd_bench.outputs import Outputs

# Probabilities of three classes for three samples; the second has no label.
P = torch.tensor([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8], [0.25, 0.5, 0.25]])
LABELS = torch.tensor([0, HIDDEN, 1])


def few_labels(samples: int = 3) -> Batch:
    return Batch(torch.arange(samples), 1, 1, LABELS)


def losses_of(toys, name, batch, **hyperparameters):
    outputs = Outputs(P.log(), torch.zeros(3, 5))
    pair = toys.pair(student=5, teacher=5, classes=3)
    losses = toys.method(name, pair, **hyperparameters)(outputs, outputs, batch)
    return {term: value.item() for term, value in losses.items()}


@pytest.mark.oracle("none", "the mean over the labeled samples by hand, where one of three has no label")
def test_cross_entropy_is_the_mean_over_labelled_samples(toys):
    assert losses_of(toys, "none", few_labels())["cross_entropy"] == pytest.approx(-math.log(0.7 * 0.5) / 2)


@pytest.mark.oracle("label_smoothing", "the mean over the labeled samples by hand, where one of three has no label")
def test_smoothing_adds_nothing_for_a_hidden_label(toys):
    first, third = (sum(math.log(p) for p in row) / 3 for row in ([0.7, 0.2, 0.1], [0.25, 0.5, 0.25]))
    expected = -(0.7 * (math.log(0.7) + math.log(0.5)) + 0.3 * (first + third)) / 2
    found = losses_of(toys, "label_smoothing", few_labels(), smoothing=0.3)
    assert found["cross_entropy"] == pytest.approx(expected)


def test_the_class_of_a_row_is_its_label_or_the_largest_logit():
    batch = few_labels()
    assert batch.labelled.tolist() == [True, False, True]
    assert batch.classes(P).tolist() == [0, 2, 1]
    assert batch.classes(P.flip(1)).tolist() == [0, 0, 1], "labels come first"


@pytest.mark.parametrize("read", [lambda b: b.labelled, lambda b: b.classes(P), lambda b: b.labels])
def test_a_label_free_phase_has_no_classes(read):
    with pytest.raises(RuntimeError, match="label-free"):
        read(replace(few_labels(), labels_or_none=None))


@pytest.mark.oracle("dkd", "row by row: DKD's terms where the label is known, alpha t^2 KL in SciPy elsewhere")
def test_dkd_does_not_decompose_where_the_label_is_hidden(toys):
    student, teacher = toys.outputs(seed=1), toys.outputs(seed=2, width=7)
    hidden = torch.tensor([0, HIDDEN, 2, HIDDEN, HIDDEN, 1])
    pair = toys.pair()
    given = {"warmup_share": 0.0, "alpha": 1.5, "beta": 6.0, "temperature": 2.0}
    method = toys.method("dkd", Pair(pair.student, pair.teacher, 4, torch.cat([hidden] * 4)[:20]), **given)
    p, q = (softmax(outputs.logits.double().numpy() / 2, axis=1) for outputs in (teacher, student))
    total = 0.0
    for ours, theirs, label in zip(q, p, hidden.tolist(), strict=True):
        if label == HIDDEN:
            total += 1.5 * entropy(theirs, ours)
            continue
        halves = [[row[label], 1 - row[label]] for row in (theirs, ours)]
        others = [np.delete(row, label) / (1 - row[label]) for row in (theirs, ours)]
        total += 1.5 * entropy(*halves) + 6.0 * entropy(*others)
    found = method(student, teacher, Batch(torch.arange(6), 1, 1, hidden))["distillation"].item()
    assert found == pytest.approx(4 * total / 6, rel=1e-5)


def crd(toys, labels, **hyperparameters):
    pair = toys.pair()
    return toys.method("crd", Pair(pair.student, pair.teacher, 4, labels), dimension=6, **hyperparameters)


@pytest.mark.parametrize("negatives", [16384, 5])
def test_crd_learns_classes_of_hidden_rows_from_the_teacher(toys, negatives):
    labels = torch.arange(20) % 4
    labels[8:] = HIDDEN
    method = crd(toys, labels, negatives=negatives)
    index = torch.tensor([1, 9, 12])
    student, teacher = toys.outputs(3, seed=3), toys.outputs(3, seed=4, width=7)
    method(student, teacher, Batch(index, 1, 1, labels[index]))
    classes = teacher.logits.argmax(1)
    assert method.labels[index].tolist() == [1, classes[1], classes[2]]
    assert (method.labels[torch.tensor([8, 10, 11])] == HIDDEN).all()
    counts = method._negatives(index, method.labels[index])
    same = method.labels == method.labels[index][:, None]
    assert (counts[same] == 0).all(), "no sample of its own class, and not the sample itself"
    if negatives > 20:
        assert counts.sum(1).tolist() == [(method.labels != c).sum() for c in method.labels[index]]


def test_crd_keeps_the_first_row_of_a_sample_that_a_batch_repeats(toys):
    method = crd(toys, torch.arange(20) % 4)
    index = torch.tensor([3, 7, 3])
    student, teacher = toys.outputs(3, seed=5), toys.outputs(3, seed=6, width=7)
    batch = Batch(index, 1, 1, index % 4)
    once = crd(toys, torch.arange(20) % 4)
    once.load_state_dict(method.state_dict())
    method(student, teacher, batch)
    toys.after_step(method)
    kept = torch.tensor([0, 1])
    once(student.select(kept), teacher.select(kept), Batch(index[kept], 1, 1, index[kept] % 4))
    toys.after_step(once)
    assert torch.allclose(method.teacher_bank, once.teacher_bank)
    assert torch.allclose(method.student_bank, once.student_bank)


@pytest.mark.parametrize("name", ["kd", "dkd", "c2kd", "crd", "fitnet", "mfh", "cmcd"])
def test_an_unpaired_sample_is_as_if_it_were_not_there_for_distillation(toys, name):
    maps = {0: (5,)} if name == "fitnet" else {}
    student, teacher = toys.outputs(6, seed=1, maps=maps), toys.outputs(4, seed=2, width=7, maps={0: (7,)})
    rows, index = torch.tensor([0, 2, 3, 5]), torch.arange(6)
    whole = Batch(index, 1, 2, index % 4, pairs=rows)
    part = Batch(index[rows], 1, 2, index[rows] % 4)
    for number in range(len(toys.method(name, toys.pair()).phases())):
        one, other = (toys.method(name, toys.pair()) for _ in range(2))
        found = one.phases()[number].loss(student, teacher, whole)
        alone = other.phases()[number].loss(student.select(rows), teacher, part)
        ours = {"cross_entropy", "student"}  # the student's cross-entropy reads unpaired samples too
        assert {term: found[term].item() for term in found if term not in ours} == pytest.approx(
            {term: alone[term].item() for term in alone if term not in ours}
        )
        assert all(found[term].item() != pytest.approx(alone[term].item()) for term in ours & set(found))
