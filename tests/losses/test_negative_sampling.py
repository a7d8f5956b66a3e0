from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from cmkd_bench.losses import class_layout, sample_negatives


@pytest.mark.oracle("sample_negatives", "the labels of what was drawn, for generated labels")
@given(
    labels=st.lists(st.integers(0, 6), min_size=2, max_size=40).filter(lambda x: len(set(x)) > 1),
    seed=st.integers(0, 99),
)
@settings(max_examples=60, deadline=None)
def test_all_draws_are_rows_of_other_classes(labels, seed):
    labels = torch.tensor(labels)
    drawn = sample_negatives(labels, class_layout(labels), 50, torch.Generator().manual_seed(seed))
    assert drawn.shape == (len(labels), 50)
    assert drawn.dtype == torch.int64
    assert drawn.min() >= 0
    assert (labels[drawn] != labels[:, None]).all()


@pytest.mark.oracle("sample_negatives", "a chi-squared test of uniformity over the other classes")
def test_draws_are_uniform_over_the_other_classes():
    labels = torch.tensor([2, 0, 1, 2, 2, 0, 1, 1, 1, 0])
    drawn = sample_negatives(torch.tensor([0, 1, 2]), class_layout(labels), 20_000, torch.Generator().manual_seed(0))
    for label, rows in enumerate(drawn):
        allowed = (labels != label).nonzero().squeeze(1)
        counts = rows.bincount(minlength=10)[allowed]
        assert counts.sum() == 20_000
        assert chisquare(counts).pvalue > 1e-3


def test_a_class_the_set_lacks_may_draw_everything():
    layout = class_layout(torch.tensor([0, 2, 2]))
    drawn = sample_negatives(torch.tensor([1]), layout, 200, torch.Generator().manual_seed(0))
    assert drawn.unique().tolist() == [0, 1, 2]


def test_a_generator_makes_the_draw_repeatable_and_leaves_the_global_state_alone():
    layout, labels = class_layout(torch.arange(10) % 3), torch.tensor([0, 1])
    state = torch.get_rng_state()
    draws = [sample_negatives(labels, layout, 30, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)]
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])
    assert torch.equal(torch.get_rng_state(), state)


def test_without_a_generator_the_global_seed_decides():
    layout, labels = class_layout(torch.arange(10) % 3), torch.tensor([0, 1])
    draws = []
    for _ in range(2):
        torch.manual_seed(3)
        draws.append(sample_negatives(labels, layout, 30))
    assert torch.equal(*draws)


def test_a_set_of_one_class_is_refused_with_its_name():
    with pytest.raises(ValueError, match="class 4 has no negatives: all 3 samples"):
        class_layout(torch.tensor([4, 4, 4]))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda layout: class_layout(torch.zeros(2, 2, dtype=torch.long)), r"\(2, 2\)"),
        (lambda layout: class_layout(torch.zeros(0, dtype=torch.long)), "M > 0"),
        (lambda layout: sample_negatives(torch.zeros(2, 2, dtype=torch.long), layout, 5), r"\(B,\), not \(2, 2\)"),
        (lambda layout: sample_negatives(torch.tensor([0]), layout, 0), "at least 1"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(class_layout(torch.tensor([0, 1])))
