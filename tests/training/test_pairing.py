"""Partners: their own, another sample's, or none."""

from __future__ import annotations

import torch

from cmkd_bench.training.pairing import UNPAIRED, Pairing
from cmkd_bench.training.seeding import derangement

SAMPLES = torch.arange(200)


def test_everything_is_paired_with_itself_by_default() -> None:
    assert torch.equal(Pairing().partners(200, 0), SAMPLES)
    assert torch.equal(Pairing(shuffled=True).partners(200, 3), derangement(200, 3, "pairs"))


def test_fewer_pairs_are_a_part_of_more_pairs() -> None:
    few, more = (Pairing(share=share).partners(200, 0) for share in (0.1, 0.5))
    assert [(partners != UNPAIRED).sum().item() for partners in (few, more)] == [20, 100]
    assert torch.equal(few[few != UNPAIRED], SAMPLES[few != UNPAIRED])
    assert (more[few != UNPAIRED] != UNPAIRED).all()
    assert not torch.equal(few, Pairing(share=0.1).partners(200, 1))
    assert (Pairing(share=0.001).partners(200, 0) != UNPAIRED).sum() == 2


def test_wrong_partners_are_as_many_as_asked_and_stay_among_the_pairs() -> None:
    partners = Pairing(share=0.5, mispaired=0.2).partners(200, 0)
    paired = partners != UNPAIRED
    assert (partners[paired] != SAMPLES[paired]).sum() == 20
    assert sorted(partners[paired].tolist()) == SAMPLES[paired].tolist()


def test_shuffled_partners_stay_among_the_pairs() -> None:
    partners = Pairing(shuffled=True, share=0.5).partners(200, 0)
    paired = partners != UNPAIRED
    assert (partners[paired] != SAMPLES[paired]).all()
    assert sorted(partners[paired].tolist()) == SAMPLES[paired].tolist()
