from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from cmkd_bench.method import NetworkShape, Pair
from cmkd_bench.methods import crd
from cmkd_bench.methods.crd import CRD, CRDParameters

SAMPLES = 20  # of 4 classes with 5 each


@pytest.fixture
def method(toys):
    return toys.method("crd", toys.pair(samples=SAMPLES), dimension=8)


@pytest.fixture
def drawn(monkeypatch):
    """The negatives of every step."""
    draws = []

    def recording(*args, function=crd.sample_negatives):
        draws.append(function(*args))
        return draws[-1]

    monkeypatch.setattr(crd, "sample_negatives", recording)
    return draws


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def side(embedding, bank, index, negatives, temperature):
    """The released code's equations, sample by sample, with Z of this very batch."""
    rows = np.concatenate([index[:, None], negatives], axis=1)
    scores = np.exp(np.einsum("bd,bkd->bk", embedding, bank[rows]) / temperature)
    p, c = scores / (scores.mean() * len(bank)), negatives.shape[1] / len(bank)
    return -np.mean(np.log(p[:, 0] / (p[:, 0] + c)) + np.log(c / (p[:, 1:] + c)).sum(1))


@pytest.mark.oracle("crd", "equal scores: 0.8 (log 16 + 15 log(1 + 1/15))")
def test_equal_scores_give_the_value_of_chance(toys, method):
    with torch.no_grad():
        for projection in (method.student_projection, method.teacher_projection):
            projection.weight.zero_()
            projection.bias.copy_(torch.eye(8)[0])
        method.student_bank.copy_(torch.eye(8)[0].expand(SAMPLES, 8))
        method.teacher_bank.copy_(method.student_bank)
    losses = method(toys.outputs(), toys.outputs(width=7), toys.batch())
    expected = 0.8 * (math.log(16) + 15 * math.log(1 + 1 / 15))
    assert losses["student_side"].item() == pytest.approx(expected, rel=1e-5)
    assert losses["teacher_side"].item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.oracle("crd", "the equations in NumPy, sample by sample, with all negatives and with drawn ones")
@pytest.mark.parametrize("asked", [16384, 4], ids=["all", "drawn"])
def test_each_side_meets_the_others_bank(toys, drawn, asked):
    pair = toys.pair(samples=SAMPLES)
    method = toys.method("crd", pair, dimension=8, negatives=asked)
    student, teacher = (toys.outputs(width=width, seed=width) for width in (5, 7))
    batch = toys.batch(index=torch.tensor([7, 3, 19, 0, 4, 12]))
    losses = method(student, teacher, batch)
    others = np.stack([np.flatnonzero(pair.train_labels.numpy() != label) for label in batch.labels.numpy()])
    negatives = others if asked > SAMPLES else drawn[0].numpy()
    values = {}
    for ours, theirs, outputs in (("student", "teacher", student), ("teacher", "student", teacher)):
        projection = getattr(method, f"{ours}_projection")
        embedding = unit(projection(outputs.embedding).detach().numpy())
        bank = getattr(method, f"{theirs}_bank").numpy()
        values[f"{ours}_side"] = 0.8 * side(embedding, bank, batch.index.numpy(), negatives, 0.07)
    assert {name: losses[name].item() for name in values} == pytest.approx(values, rel=1e-4)


@pytest.mark.oracle("crd", "a table of what each side trains, by automatic differentiation")
def test_each_side_trains_its_own_projection(toys, method):
    student, teacher = toys.outputs(grad=True), toys.outputs(width=7)
    losses = method(student, teacher, toys.batch())
    leaves = [student.embedding, method.student_projection.weight, method.teacher_projection.weight]
    reached = {}
    for name in ("student_side", "teacher_side"):
        gradients = torch.autograd.grad(losses[name], leaves, retain_graph=True, allow_unused=True)
        reached[name] = [gradient is not None and bool(gradient.any()) for gradient in gradients]
    assert reached == {"student_side": [True, True, False], "teacher_side": [False, False, True]}


@pytest.mark.oracle("crd", "the banks' update in NumPy; rows that were not seen keep their bytes")
def test_only_seen_rows_of_the_banks_move_and_have_unit_length(toys, method):
    student, teacher = toys.outputs(), toys.outputs(width=7)
    index = torch.tensor([7, 3, 19, 0, 4, 12])
    unseen = [row for row in range(SAMPLES) if row not in index.tolist()]
    before = {"student": method.student_bank.numpy().copy(), "teacher": method.teacher_bank.numpy().copy()}
    method(student, teacher, toys.batch(index=index))
    # until the step the backward pass needs the banks as they were
    assert np.array_equal(method.teacher_bank.numpy(), before["teacher"])
    toys.after_step(method)
    for name, outputs in (("student", student), ("teacher", teacher)):
        bank = getattr(method, f"{name}_bank").numpy()
        embedding = unit(getattr(method, f"{name}_projection")(outputs.embedding).detach().numpy())
        assert np.array_equal(bank[unseen], before[name][unseen])
        assert bank[index] == pytest.approx(unit(0.5 * before[name][index] + 0.5 * embedding), rel=1e-4, abs=1e-6)


def test_banks_start_with_rows_of_about_unit_length(toys):
    method = toys.method("crd", toys.pair(samples=200))
    for bank in (method.student_bank, method.teacher_bank):
        assert bank.norm(dim=1).mean().item() == pytest.approx(1, abs=0.02)
        assert bank.abs().max().item() <= 1 / math.sqrt(128 / 3)


def test_the_normalisers_are_set_once_and_kept_in_checkpoints(toys, method):
    def step(method, seed):
        method(toys.outputs(seed=seed), toys.outputs(width=7, seed=seed), toys.batch())
        toys.after_step(method)

    assert not method.normalizers.any()
    step(method, 0)
    first = method.normalizers.clone()
    assert (first > 0).all()
    step(method, 1)
    restored = toys.method("crd", toys.pair(samples=SAMPLES), dimension=8)
    restored.load_state_dict(method.state_dict())
    step(restored, 2)
    assert torch.equal(method.normalizers, first)
    assert torch.equal(restored.normalizers, first)


@pytest.mark.oracle("crd", "the number of other classes' samples, by hand")
@pytest.mark.parametrize(
    ("sizes", "asked", "expected"),
    [
        ((5, 5, 5, 5), 16384, [15, 15, 15]),  # all there are, each once
        ((14, 6), 16384, [6, 14, 6]),
        ((14, 6), 6, [6, 14, 6]),
        ((14, 6), 5, [5, 5, 5]),  # drawn: some may come twice
    ],
)
def test_negatives_come_from_other_classes(toys, sizes, asked, expected):
    shape = NetworkShape(5, ((5,), (5,)))
    labels = torch.arange(len(sizes)).repeat_interleave(torch.tensor(sizes))
    method = toys.method("crd", Pair(shape, shape, len(sizes), labels), negatives=asked)
    index = torch.tensor([0, 19, 8])
    counts = method._negatives(index, labels[index])
    assert counts.sum(1).tolist() == expected
    own = labels == labels[index][:, None]
    assert not counts[own].any()
    if asked > 5:
        assert torch.equal(counts, (~own).float())


def test_one_class_and_a_linear_student_are_refused(toys):
    shape, linear = NetworkShape(5, ((5,),)), NetworkShape(5, ())
    labels = torch.tensor([0, 1, 0])
    given = CRDParameters()
    assert "one class" in CRD.unsupported(given, Pair(shape, shape, 2, torch.ones(3, dtype=torch.int64)))
    assert "linear" in CRD.unsupported(given, Pair(linear, shape, 2, labels))
    assert CRD.unsupported(given, Pair(shape, linear, 2, labels)) is None
