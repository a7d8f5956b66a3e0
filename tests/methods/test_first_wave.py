"""Whole losses of the logit and relational methods, on arrays whose values were computed without this package."""

from __future__ import annotations

from dataclasses import replace

import paper_fixture as given
import pytest
import torch
from torch.nn import functional as F

from cmkd_bench.method import Batch
from cmkd_bench.outputs import Outputs
from cmkd_bench.registry import methods

CROSS_ENTROPY = 1.2838590677


def outputs(logits, embedding):
    return Outputs(logits.clone().requires_grad_(), embedding.clone().requires_grad_(), {})


STUDENT = outputs(given.STUDENT, given.STUDENT_EMBEDDING)
TEACHER = outputs(given.TEACHER, given.TEACHER_EMBEDDING)
BATCH = Batch(torch.arange(3), epoch=20, epochs=20, labels_or_none=given.LABELS)


def losses(toys, name, **hyperparameters):
    pair = toys.pair(student=2, teacher=3, classes=4)
    return toys.method(name, pair, **hyperparameters)(STUDENT, TEACHER, BATCH)


@pytest.mark.oracle("dist", "both terms at temperature 4, times the square of the temperature")
@pytest.mark.oracle("lskd", "nine times the divergence of z-scores, and a tenth of cross-entropy")
@pytest.mark.oracle("rld", "the sum of all terms at the defaults, after the warm-up")
@pytest.mark.oracle("wttm", "four times the weighted divergence, and TTM's at its preset")
@pytest.mark.oracle("mlld", "the sums over five temperatures")
@pytest.mark.oracle("rkd", "25 times the distance term and 50 times the angle term")
@pytest.mark.oracle("sp", "3000 times the difference of similarities")
@pytest.mark.oracle("dml", "both divergences at temperature 1")
@pytest.mark.oracle("pseudo_label", "thresholds that keep every row, one row and no row")
@pytest.mark.parametrize(
    ("name", "hyperparameters", "expected"),
    [
        ("dist", {}, {"inter": 0.6150071547, "intra": 1.0705756730}),
        ("dist", {"temperature": 4.0, "inter": 2.0}, {"inter": 32 * 0.3335312557, "intra": 16 * 0.7491742795}),
        ("lskd", {}, {"distillation": 2.0274697021, "cross_entropy": 0.1 * CROSS_ENTROPY}),
        ("kd", {"logits": "standardized", "temperature": 2.0, "alpha": 1.0}, {"distillation": 0.2252744113}),
        ("rld", {}, {"confidence": 0.3948211542, "correlation": 2.0093822020 - 0.3948211542}),
        ("wttm", {}, {"distillation": 4 * 0.7196519331}),
        ("wttm", {"samples": "equal", "weight": 1.0}, {"distillation": 0.2617755695}),
        ("mlld", {}, {"instance": 2.5101204155, "batch": 0.0116666898, "classes": 0.0109735309}),
        ("rkd", {}, {"distance": 25 * 0.0158848068, "angle": 50 * 0.0314378414}),
        ("sp", {}, {"similarity": 3000 * 0.0291968468}),
        ("dml", {}, {"distillation": 0.4350560505, "peer_distillation": 0.4633005619}),
        ("pseudo_label", {"threshold": 0.0}, {"pseudo_labels": CROSS_ENTROPY}),
        ("pseudo_label", {"threshold": 0.7}, {"pseudo_labels": 0.3058585985}),
        ("pseudo_label", {"threshold": 1.1, "weight": 3.0}, {"pseudo_labels": 0.0}),
        ("ofa", {"layers": "last"}, {"logits": 1.9060800948}),
        ("ofa", {"classes": "all"}, {"logits": 1.6540973835}),
    ],
)
def test_values_on_the_fixture(toys, name, hyperparameters, expected):
    pair = toys.pair(student=2, teacher=3, classes=4)
    method = toys.method(name, pair, **hyperparameters).double()
    student = outputs(given.STUDENT, given.STUDENT_EMBEDDING)
    student.feature_maps.update(dict.fromkeys(method.student_layers(), student.embedding))
    found = {term: value.item() for term, value in method(student, TEACHER, BATCH).items()}
    assert {term: found[term] for term in expected} == pytest.approx(expected, rel=2e-6, abs=1e-9)
    if "cross_entropy" not in expected and name != "kd":
        assert found["cross_entropy"] == pytest.approx(CROSS_ENTROPY, abs=1e-9)


def test_the_share_of_kept_pseudo_labels_is_logged(toys):
    method = toys.method("pseudo_label", toys.pair(classes=4), threshold=0.7)
    method(STUDENT, TEACHER, BATCH)
    assert method.logged["keep_rate"].item() == pytest.approx(1 / 3)


def test_each_peer_of_dml_is_trained_by_its_own_terms_only(toys):
    student, teacher = (outputs(one.logits.detach(), one.embedding.detach()) for one in (STUDENT, TEACHER))
    found = toys.method("dml", toys.pair(student=2, teacher=3, classes=4))(student, teacher, BATCH)
    (found["cross_entropy"] + found["distillation"]).backward(retain_graph=True)
    assert student.logits.grad.any()
    assert teacher.logits.grad is None
    student.logits.grad = None
    (found["peer_cross_entropy"] + found["peer_distillation"]).backward()
    assert teacher.logits.grad.any()
    assert student.logits.grad is None


@pytest.mark.oracle("fd_cmkd", "four cross-entropies of shared classifiers, row by row")
def test_fd_cmkd_classifies_the_parts_of_both_sides_with_shared_classifiers(toys):
    student, teacher = toys.outputs(width=8, seed=0), toys.outputs(width=8, seed=1)
    batch = toys.batch()
    method = toys.method("fd_cmkd", toys.pair(student=8, teacher=8), alignment=2.0, low=0.0, high=0.0)
    places = torch.arange(8)
    expected = 0.0
    for head, frequencies in ((method.low_head, (1, 2)), (method.high_head, (3, 4))):
        basis = [torch.cos(2 * torch.pi * k * places / 8) for k in frequencies]
        basis += [torch.sin(2 * torch.pi * k * places / 8) for k in frequencies if k < 4]
        basis = torch.stack([wave / wave.norm() for wave in basis])  # orthonormal waves
        for side in (student, teacher):
            part = side.embedding @ basis.T @ basis
            expected += F.cross_entropy(head(part), batch.labels).item()
    assert method(student, teacher, batch)["alignment"].item() == pytest.approx(2 * expected, rel=1e-5)


def test_comodo_fills_its_queue_with_unit_rows_and_drops_the_oldest(toys):
    method = toys.method("comodo", toys.pair(student=5, teacher=5), queue=8, width=4)
    seen = []
    for seed in range(3):
        teacher = toys.outputs(samples=3, width=5, seed=seed)
        method.distil(toys.outputs(samples=3, width=5, seed=9), teacher, toys.batch(samples=3, labels=False))
        assert int(method.filled.sum()) == min(3 * seed, 8)  # the batch itself joins after the step
        toys.after_step(method)
        seen.insert(0, F.normalize(teacher.embedding, dim=1))
    torch.testing.assert_close(method.memory, torch.cat(seen)[:8])
    assert method.filled.all()


@pytest.mark.parametrize(
    ("share", "weights"), [(0.5, [0.5, 1, 1, 1]), (0.0, [1, 1, 1, 1]), (1.0, [0.25, 0.5, 0.75, 1])]
)
def test_a_ramp_reaches_one_after_its_share_of_the_epochs(share, weights):
    assert [Batch(torch.arange(3), epoch, 4, None).ramp(share) for epoch in (1, 2, 3, 4)] == weights


@pytest.mark.parametrize("name", ["sp", "crd", "fd_cmkd", "soundnet"])
def test_a_linear_student_has_no_embedding_to_train(toys, name):
    pair = toys.pair()
    linear = replace(pair, student=replace(pair.student, layers=()))
    cls = methods.get(name)
    assert cls.unsupported(cls.HyperParameters(), pair) is None
    assert "linear classifier" in cls.unsupported(cls.HyperParameters(), linear)


def test_rows_of_a_segmentation_batch_belong_to_each_image():
    sample = torch.tensor([0] * 5 + [1] * 2 + [3] * 9)
    batch = Batch(torch.arange(4), 1, 1, torch.zeros(16, dtype=torch.int64), sample)
    torch.manual_seed(0)
    rows = batch.draw_rows(50).view(4, 50)
    for image in (0, 1, 3):
        assert set(rows[image].tolist()) <= set((sample == image).nonzero().flatten().tolist())
    assert len(rows[0].unique()) == 5
    assert rows[2].max() < 16  # an image without labeled positions
