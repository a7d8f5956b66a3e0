"""Random streams by name."""

from __future__ import annotations

import pytest
import torch

from cmkd_bench.training.seeding import derangement, derive_seed, permutation, random_stream


def test_names_and_seeds_give_different_streams() -> None:
    seeds = {derive_seed(seed, *names) for seed in (0, 1) for names in (("a",), ("b",), ("a", 1), ("a", 2))}
    assert len(seeds) == 8
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_a_derived_seed_is_the_same_for_ever() -> None:
    # Half of what `printf 0/order | b2sum -l 64` prints: another rule would change every published result.
    assert derive_seed(0, "order") == 5618756638689033999


def test_a_stream_leaves_the_global_generator_as_it_was() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    with random_stream(0, "extras"):
        first = torch.rand(3)
    assert torch.equal(torch.rand(3), expected)
    with random_stream(0, "extras"):
        assert torch.equal(torch.rand(3), first)


def test_the_order_depends_on_the_seed_and_the_epoch() -> None:
    orders = {tuple(permutation(20, seed, "order", epoch).tolist()) for seed in range(2) for epoch in range(2)}
    assert len(orders) == 4
    assert all(sorted(order) == list(range(20)) for order in orders)


@pytest.mark.parametrize("size", [2, 3, 50])
def test_a_derangement_leaves_nothing_in_its_place(size: int) -> None:
    for seed in range(5):
        pairing = derangement(size, seed, "pairs").tolist()
        assert sorted(pairing) == list(range(size))
        assert all(partner != number for number, partner in enumerate(pairing))


def test_one_element_has_no_derangement() -> None:
    with pytest.raises(ValueError, match="at least 2"):
        derangement(1, 0)
