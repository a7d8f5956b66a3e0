"""Methods with two views, on the arrays of which the values were worked out elsewhere."""

from __future__ import annotations

import dataclasses

import paper_fixture as given
import pytest
import torch

from cmkd_bench.losses import confident_rows, kd_loss, masked_kd_loss, pseudo_label_loss
from cmkd_bench.method import HIDDEN, Batch
from cmkd_bench.outputs import Outputs

CROSS_ENTROPY = 1.2838590677
TEACHER = Outputs(given.TEACHER, given.TEACHER_EMBEDDING)
STUDENT = Outputs(given.STUDENT, given.STUDENT_EMBEDDING)
# the two views are identical, as in the worked-out values
BATCH = Batch(torch.arange(3), 1, 1, given.LABELS, further=((STUDENT, TEACHER),))


def losses(toys, name, batch=BATCH, student=STUDENT, teacher=TEACHER, **hyperparameters):
    method = toys.method(name, toys.pair(student=2, teacher=3, classes=4), **hyperparameters).double()
    return method(student, teacher, batch)


@pytest.mark.oracle("masked_kd_loss", "the divergence of each row, computed in float64 elsewhere")
def test_masked_rows_count_as_zero():
    rows = [0.3825070987, 0.6336578197, 0.4974120071]
    for row, expected in enumerate(rows):
        kept = torch.arange(3) == row
        assert masked_kd_loss(given.STUDENT, given.TEACHER, 4.0, kept).item() == pytest.approx(expected / 3, abs=1e-9)
    assert masked_kd_loss(given.STUDENT, given.TEACHER, 4.0, torch.ones(3)).item() == pytest.approx(0.5045256418)


@pytest.mark.oracle("pseudo_label_loss", "cross-entropy of all rows, of one row and of none, computed elsewhere")
@pytest.mark.parametrize(("threshold", "expected"), [(0.0, CROSS_ENTROPY), (0.7, 0.3058585985), (1.1, 0.0)])
def test_pseudo_labels(threshold, expected):
    kept = confident_rows(given.TEACHER, threshold)
    assert pseudo_label_loss(given.STUDENT, given.TEACHER, kept).item() == pytest.approx(expected, abs=1e-9)


@pytest.mark.oracle("crld", "both masks on two identical views: no row, one row and every row kept")
@pytest.mark.parametrize(
    ("thresholds", "within", "across"),
    [((0.9, 0.2), 0.0, 1.0090512836), ((0.7, 0.2), 0.4224385465, 1.0090512836), ((0.7, 0.9), 0.4224385465, 0.0)],
)
def test_crld_on_the_fixture(toys, thresholds, within, across):
    weak, strong = thresholds
    found = losses(toys, "crld", weak_threshold=weak, strong_threshold=strong)
    assert found["within_views"].item() == pytest.approx(2 * within, abs=1e-8)
    assert found["across_views"].item() == pytest.approx(0.5 * across, abs=1e-8)
    assert found["cross_entropy"].item() == found["strong_cross_entropy"].item() == pytest.approx(CROSS_ENTROPY)


@pytest.mark.parametrize("masks", ["code", "target"])
def test_crld_masks_as_the_code_or_by_the_view_of_the_target(toys, masks):
    # the teacher is sure of the strong view only; 0.25 of each class is enough for the strong threshold of 0.2
    unsure = Outputs(torch.zeros_like(given.TEACHER), given.TEACHER_EMBEDDING)
    sure = Outputs(10 * given.TEACHER, given.TEACHER_EMBEDDING)
    batch = dataclasses.replace(BATCH, further=((STUDENT, sure),))
    weights = {"weak_threshold": 0.5, "within": 1.0, "across": 1.0}
    found = losses(toys, "crld", batch, teacher=unsure, masks=masks, **weights)
    of_sure, of_unsure = (kd_loss(given.STUDENT, one.logits, 4.0).item() for one in (sure, unsure))
    expected = {"code": (0.0, of_sure + of_unsure), "target": (of_sure, of_sure)}[masks]
    assert (found["within_views"].item(), found["across_views"].item()) == pytest.approx(expected, abs=1e-8)


@pytest.mark.oracle("fixmatch", "cross-entropy of all rows, of one row and of none on the strong view")
@pytest.mark.parametrize(("threshold", "expected"), [(0.0, CROSS_ENTROPY), (0.7, 0.3058585985), (1.1, 0.0)])
def test_fixmatch_on_the_fixture(toys, threshold, expected):
    # on the weak view the student predicts what the fixture's teacher does, on the strong view what its student does
    found = losses(toys, "fixmatch", student=TEACHER, threshold=threshold, weight=2.0)
    assert found["pseudo_labels"].item() == pytest.approx(2 * expected, abs=1e-9)


def test_pseudo_labels_of_fixmatch_train_the_strong_view_only(toys):
    weak = Outputs(given.TEACHER.clone().requires_grad_(), given.TEACHER_EMBEDDING)
    strong = Outputs(given.STUDENT.clone().requires_grad_(), given.STUDENT_EMBEDDING)
    batch = dataclasses.replace(BATCH, further=((strong, strong.detach()),))
    losses(toys, "fixmatch", batch, student=weak, threshold=0.7)["pseudo_labels"].backward()
    assert weak.logits.grad is None
    assert (strong.logits.grad.abs().sum(1) > 0).tolist() == [False, True, False]


def test_fixmatch_learns_from_samples_without_a_label(toys):
    hidden = dataclasses.replace(BATCH, labels_or_none=torch.tensor([0, HIDDEN, HIDDEN]))
    found = losses(toys, "fixmatch", hidden, student=TEACHER, threshold=0.7)
    assert found["pseudo_labels"].item() == pytest.approx(0.3058585985, abs=1e-9)


@pytest.mark.oracle("mlld", "twice the sums over five temperatures on two identical views")
def test_mlld_adds_the_losses_of_two_views(toys):
    found = {name: value.item() for name, value in losses(toys, "mlld").items()}
    assert found == pytest.approx(
        {
            "cross_entropy": CROSS_ENTROPY,
            "strong_cross_entropy": CROSS_ENTROPY,
            "instance": 2 * 2.5101204155,
            "batch": 2 * 0.0116666898,
            "classes": 2 * 0.0109735309,
        },
        rel=2e-6,
    )


@pytest.mark.parametrize("name", ["crld", "fixmatch", "mlld"])
@pytest.mark.parametrize(("samples", "classes"), [(1, 4), (3, 2)])
def test_small_and_constant_batches_have_finite_gradients(toys, name, samples, classes):
    constant = Outputs(torch.ones(samples, classes, requires_grad=True), torch.ones(samples, 5, requires_grad=True))
    other = toys.outputs(samples, classes, seed=1)
    for target in (other, Outputs(torch.zeros(samples, classes), other.embedding)):
        batch = dataclasses.replace(toys.batch(samples, classes), further=((constant, target),))
        terms = toys.method(name, toys.pair(classes=classes))(constant, target, batch)
        torch.stack(list(terms.values())).sum().backward()
        assert constant.logits.grad.isfinite().all()


def test_pairs_are_selected_in_every_view(toys):
    student, strong = toys.outputs(seed=1), toys.outputs(seed=2)
    pairs = torch.tensor([1, 4])
    teachers = [toys.outputs(2, width=7, seed=seed) for seed in (3, 4)]
    batch = dataclasses.replace(toys.batch(), pairs=pairs, further=((strong, teachers[1]),))
    few = dataclasses.replace(toys.batch(2), further=((strong.select(pairs), teachers[1]),))
    for name in ("crld", "mlld"):
        method = toys.method(name, toys.pair(), **({"weak_threshold": 0.0} if name == "crld" else {}))
        some, all_ = (
            method(student, teachers[0], batch),
            method(student.select(pairs), teachers[0], few),
        )
        for term in some.keys() - {"cross_entropy", "strong_cross_entropy"}:
            torch.testing.assert_close(some[term], all_[term])
