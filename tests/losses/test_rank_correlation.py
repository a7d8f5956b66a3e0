from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from devices import needs_gpu
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kendalltau

from cmkd_bench.losses import kendall_tau, rank_correlation

# below and above the place where sorting takes over, and not multiples of its blocks only
SIZES = [2, 3, 6, 28, 64, 65, 80, 309]


def scipy_rows(a, b):
    with np.errstate(invalid="ignore"):
        return np.array([kendalltau(x, y).statistic for x, y in zip(a, b, strict=True)])


def naive_tau_a(a, b):
    pairs = [(i, j) for i in range(len(a)) for j in range(i)]
    signs = [((a[i] > a[j]) - (a[i] < a[j])) * ((b[i] > b[j]) - (b[i] < b[j])) for i, j in pairs]
    return sum(signs) / len(pairs)


def normal(rows, classes, seed=0):
    return torch.randn((2, rows, classes), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.oracle("kendall_tau", "three classes with ties by hand")
def test_by_hand():
    # pairs: (1,2) tied in a, (1,3) and (2,3) concordant in a; b: 1<3, 1<2, 3>2 -> one concordant, one discordant
    a, b = torch.tensor([[1.0, 1.0, 2.0], [1.0, 2.0, 3.0]]), torch.tensor([[1.0, 3.0, 2.0], [1.0, 3.0, 3.0]])
    torch.testing.assert_close(kendall_tau(a, b, "a"), torch.tensor([0.0, 2 / 3]).double(), rtol=1e-6, atol=0)
    torch.testing.assert_close(
        kendall_tau(a, b, "b"), torch.tensor([0.0, 2 / math.sqrt(6)]).double(), rtol=1e-6, atol=0
    )


@pytest.mark.oracle("kendall_tau", "SciPy's kendalltau, 2 to 309 classes, with and without ties")
@pytest.mark.parametrize("classes", SIZES)
@pytest.mark.parametrize("levels", [None, 7, 1.5])
def test_tau_b_equals_scipy(classes, levels):
    a, b = normal(8, classes)
    b = b + 0.5 * a
    if levels:
        a, b = (a * levels).round(), (b * levels).round()
    np.testing.assert_allclose(kendall_tau(a, b), scipy_rows(a, b), rtol=0, atol=1e-14)


@pytest.mark.oracle("kendall_tau", "SciPy's kendalltau on generated ties")
@given(data=st.data(), classes=st.integers(2, 90))
@settings(max_examples=120, deadline=None)
def test_tau_b_equals_scipy_for_any_ties(data, classes):
    values = st.lists(st.integers(-3, 3), min_size=classes, max_size=classes)
    a, b = (np.array([data.draw(values)], dtype=np.float32) for _ in "ab")
    np.testing.assert_allclose(kendall_tau(*map(torch.tensor, (a, b))), scipy_rows(a, b), rtol=0, atol=1e-14)


@pytest.mark.oracle("kendall_tau", "tau-a by a double loop over the pairs")
@pytest.mark.parametrize("classes", SIZES)
def test_tau_a_equals_its_definition_with_ties(classes):
    a, b = (2 * normal(3, classes)).round()
    expected = [naive_tau_a(x, y) for x, y in zip(a.tolist(), b.tolist(), strict=True)]
    np.testing.assert_allclose(kendall_tau(a, b, "a"), expected, rtol=0, atol=1e-15)


@pytest.mark.oracle("kendall_tau", "both, for the form that a GPU takes")
@pytest.mark.parametrize("block", [1, 7, 1000])
def test_comparing_by_blocks_as_on_a_gpu_counts_the_same(block):
    a, b = (2 * normal(4, 20)).round()
    score, untied = rank_correlation._block_pairs(torch.stack([a.T, b.T]), block)
    expected = [190 * naive_tau_a(x, y) for x, y in zip(a.tolist(), b.tolist(), strict=True)]
    np.testing.assert_allclose(score, expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(score / untied.prod(0).sqrt(), scipy_rows(a, b), rtol=0, atol=1e-14)


@pytest.mark.parametrize("classes", SIZES)
def test_a_row_agrees_with_itself_and_is_the_opposite_of_its_negative(classes):
    a, b = (3 * normal(4, classes)).round()
    a[:, 0], a[:, 1] = 100, -100  # never constant
    ones = torch.ones(4, dtype=torch.float64)
    assert torch.equal(kendall_tau(a, a), ones)
    assert torch.equal(kendall_tau(a, -a), -ones)
    assert torch.equal(kendall_tau(a, -b, "a"), -kendall_tau(a, b, "a"))


@pytest.mark.parametrize("classes", SIZES)
def test_only_the_order_matters(classes):
    a, b = normal(4, classes)
    assert torch.equal(kendall_tau(a.exp(), 3 * b - 7), kendall_tau(a, b))


def test_two_classes_say_whether_the_largest_agree():
    a = torch.tensor([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    b = torch.tensor([[-5.0, 2.0], [-5.0, 2.0], [-5.0, 2.0]])
    assert kendall_tau(a, b, "a").tolist() == [1, -1, 0]
    assert kendall_tau(a, b, "b")[:2].tolist() == [1, -1]
    assert kendall_tau(a, b, "b")[2].isnan()


@pytest.mark.parametrize("classes", [6, 80])
def test_a_constant_row_is_zero_as_tau_a_and_nan_as_tau_b_like_scipy(classes):
    a, b = normal(2, classes)
    a[0] = 2.5
    assert kendall_tau(a, b, "a")[0] == 0
    assert kendall_tau(a, b).isnan().tolist() == [True, False]
    assert np.isnan(scipy_rows(a, b)).tolist() == [True, False]


@pytest.mark.parametrize("classes", [3, 17, 40, 80, 309])
@pytest.mark.parametrize("variant", ["a", "b"])
def test_infinities_are_ordered_and_tie_only_with_their_equals(classes, variant):
    a, b = normal(3, classes)
    a[0, :2] = torch.inf
    a[1, ::3] = -torch.inf
    b[1, 1::3] = torch.inf
    b[2, 0], b[2, 1] = torch.inf, 1e308
    finite_a, finite_b = (x.nan_to_num(posinf=1e309, neginf=-1e309) for x in (a, b))
    finite_a[a == torch.inf], finite_a[a == -torch.inf] = 1e3, -1e3
    finite_b = torch.where(b == 1e308, 1e3, b).clamp(max=1e4)
    assert torch.equal(kendall_tau(a, b, variant), kendall_tau(finite_a, finite_b, variant))
    if variant == "b":
        np.testing.assert_allclose(kendall_tau(a, b), scipy_rows(finite_a, finite_b), rtol=0, atol=1e-14)


@pytest.mark.parametrize("classes", [6, 80])
@pytest.mark.parametrize("variant", ["a", "b"])
def test_a_nan_spoils_its_row_only(classes, variant):
    a, b = normal(3, classes)
    expected = kendall_tau(a, b, variant)
    a[0, 3] = torch.nan
    b[2, 1] = torch.nan
    tau = kendall_tau(a, b, variant)
    assert tau.isnan().tolist() == [True, False, True]
    assert tau[1] == expected[1]


def test_float16_limits_do_not_tie_by_overflow():
    # in float16 the differences of these are infinite, in bfloat16 they round to equal
    a = torch.tensor([[65504.0, -65504.0, 0.0]], dtype=torch.float16)
    assert kendall_tau(a, a).item() == 1
    b = torch.tensor([[3e38, -3e38, 1.0]], dtype=torch.bfloat16)
    assert kendall_tau(b, a).item() == pytest.approx(1)


@pytest.mark.parametrize("classes", [28, 309])
def test_half_precision_is_compared_as_it_is(classes):
    a, b = normal(8, classes).bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        tau = kendall_tau(a, b)
    np.testing.assert_allclose(tau, scipy_rows(a.double(), b.double()), rtol=0, atol=1e-14)


@pytest.mark.oracle("kendall_tau", "its mean 2 / C where only the target is shared")
def test_shared_targets_lift_the_mean_to_two_over_c():
    a, b = normal(4000, 10, seed=1)
    a[:, 0] = b[:, 0] = 50
    assert kendall_tau(a, b).mean().item() == pytest.approx(0.2, abs=4 * 0.25 / math.sqrt(4000))


def test_it_carries_no_gradient_and_leaves_its_inputs_alone():
    a, b = normal(4, 6)
    copies = a.clone(), b.clone()
    tau = kendall_tau(a.requires_grad_(), b)
    assert not tau.requires_grad
    assert tau.dtype == torch.float64
    assert torch.equal(a, copies[0])
    assert torch.equal(b, copies[1])


@needs_gpu
@pytest.mark.parametrize("classes", SIZES)
def test_a_gpu_counts_the_same(classes):
    a, b = (3 * normal(16, classes)).round().float()
    a[0, 0] = b[1, 1] = torch.inf
    torch.testing.assert_close(
        kendall_tau(a.cuda(), b.cuda()).cpu(), kendall_tau(a, b), rtol=0, atol=1e-14, equal_nan=True
    )


@pytest.mark.parametrize(
    ("a", "b", "variant", "message"),
    [
        ((3, 4), (3, 5), "b", "one shape"),
        ((3, 1), (3, 1), "b", "at least 2 classes"),
        ((3, 4), (3, 4), "c", "'c'"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(a, b, variant, message):
    with pytest.raises(ValueError, match=message):
        kendall_tau(torch.zeros(a), torch.zeros(b), variant)
