"""Losses between the relations of samples, against values computed in float64 without this package."""

from __future__ import annotations

import pytest
import torch
from paper_fixture import STUDENT_EMBEDDING, TEACHER_EMBEDDING

from cmkd_bench.losses import rkd_terms, sp_loss

LOSSES = {
    "sp": sp_loss,
    "distance": lambda s, t: rkd_terms(s, t)[0],
    "angle": lambda s, t: rkd_terms(s, t)[1],
}
ROTATION = torch.linalg.qr(torch.randn(3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)))[0]


@pytest.mark.oracle("sp_loss", "the value on three samples, computed in float64 elsewhere")
def test_sp():
    assert sp_loss(STUDENT_EMBEDDING, TEACHER_EMBEDDING).item() == pytest.approx(0.0291968468, abs=5e-11)


@pytest.mark.oracle("rkd_terms", "the values on three samples, computed in float64 elsewhere")
def test_rkd():
    terms = rkd_terms(STUDENT_EMBEDDING, TEACHER_EMBEDDING)
    assert [term.item() for term in terms] == pytest.approx([0.0158848068, 0.0314378414], abs=5e-11)


@pytest.mark.oracle("rkd_terms", "the definition by loops over pairs and triplets")
def test_rkd_by_loops():
    generator = torch.Generator().manual_seed(1)
    student, teacher = (torch.randn(5, d, generator=generator, dtype=torch.float64) for d in (3, 6))

    def relations(points):
        distances = [[float((a - b).norm()) for b in points] for a in points]
        mean = sum(map(sum, distances)) / 20
        cosines = [
            float((points[j] - points[i]) @ (points[k] - points[i])) / (distances[i][j] * distances[i][k])
            if i not in (j, k)
            else 0.0
            for i in range(5)
            for j in range(5)
            for k in range(5)
        ]
        return [d / mean for row in distances for d in row], cosines

    def smooth_l1(ours, theirs):
        gaps = [abs(a - b) for a, b in zip(ours, theirs, strict=True)]
        return sum(g * g / 2 if g < 1 else g - 0.5 for g in gaps) / len(gaps)

    expected = [smooth_l1(*both) for both in zip(relations(student), relations(teacher), strict=True)]
    assert [term.item() for term in rkd_terms(student, teacher)] == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("name", LOSSES)
def test_rotation_and_scale_of_either_side_change_nothing(name):
    expected = LOSSES[name](STUDENT_EMBEDDING, TEACHER_EMBEDDING).item()
    turned = LOSSES[name](3 * STUDENT_EMBEDDING @ ROTATION[:2, :2].new_tensor([[0, 1], [-1, 0]]), TEACHER_EMBEDDING)
    assert turned.item() == pytest.approx(expected, rel=1e-9)
    assert LOSSES[name](STUDENT_EMBEDDING, 2 * TEACHER_EMBEDDING @ ROTATION).item() == pytest.approx(expected, rel=1e-9)


def test_translation_of_either_side_does_not_change_rkd():
    expected = [term.item() for term in rkd_terms(STUDENT_EMBEDDING, TEACHER_EMBEDDING)]
    moved = [term.item() for term in rkd_terms(STUDENT_EMBEDDING + 7, TEACHER_EMBEDDING - 3)]
    assert moved == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("name", LOSSES)
def test_gradients(name):
    student, teacher = (one.clone().requires_grad_() for one in (STUDENT_EMBEDDING, TEACHER_EMBEDDING))
    LOSSES[name](student, teacher).backward()
    assert teacher.grad is None
    assert torch.autograd.gradcheck(lambda s: LOSSES[name](s, TEACHER_EMBEDDING), [student])


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("samples", [1, 2])
def test_tiny_batches_and_samples_that_coincide_are_finite(name, samples):
    for rows in (torch.ones(samples, 4), torch.zeros(samples, 4), torch.randn(samples, 4)):
        student = rows.clone().requires_grad_()
        loss = LOSSES[name](student, torch.randn(samples, 3))
        loss.backward()
        assert loss.isfinite()
        assert student.grad.isfinite().all()


def test_a_duplicate_stays_out_of_the_mean_distance():
    points = torch.tensor([[0.0, 0.0], [0.0, 0.0], [1.0, 2.0]], dtype=torch.float64)
    apart = torch.tensor([[0.0, 0.0], [0.0, 0.0], [2.0, 4.0]], dtype=torch.float64)
    assert rkd_terms(points, apart)[0].item() == pytest.approx(0, abs=1e-15)
