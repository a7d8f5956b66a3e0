from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cmkd_bench.losses._sorted_pairs import inversions, sorted_pairs


def naive_inversions(row):
    return sum(row[i] > row[j] for j in range(len(row)) for i in range(j))


@pytest.mark.oracle("kendall_tau", "inversions by a double loop")
@given(data=st.data(), classes=st.integers(1, 70))
@settings(max_examples=60, deadline=None)
def test_inversions_equal_the_double_loop(data, classes):
    rows = [data.draw(st.permutations(range(classes))) for _ in range(2)]
    assert inversions(torch.tensor(rows)).tolist() == [naive_inversions(row) for row in rows]


@pytest.mark.parametrize("classes", [15, 16, 17, 1000])
def test_a_reversed_row_has_all_pairs_inverted(classes):
    ascending = torch.arange(classes)
    rows = torch.stack([ascending, ascending.flip(0)])
    assert inversions(rows).tolist() == [0, classes * (classes - 1) // 2]


@pytest.mark.oracle("kendall_tau", "concordant, discordant and tied pairs of four classes by hand")
def test_pairs_of_a_small_example_by_hand():
    # a: 1 1 2 3, b: 2 1 2 2 -> tied in a: 1 pair; tied in b: 3; (2,3) and (2,4) concordant, none discordant
    a, b = torch.tensor([[1.0, 1.0, 2.0, 3.0]]), torch.tensor([[2.0, 1.0, 2.0, 2.0]])
    score, untied = sorted_pairs(a, b)
    assert score.tolist() == [2]
    assert untied.tolist() == [[5], [3]]


def test_more_classes_than_a_16_bit_rank_holds():
    classes = 2**15 + 5
    ascending = torch.arange(classes, dtype=torch.float64)[None]
    swapped = ascending.clone()
    swapped[0, [0, -1]] = swapped[0, [-1, 0]]
    score, untied = sorted_pairs(ascending, swapped)
    pairs = classes * (classes - 1) // 2
    # swapping the ends inverts each pair that holds one of them
    assert score.tolist() == [pairs - 2 * (2 * (classes - 2) + 1)]
    assert untied.tolist() == [[pairs], [pairs]]
