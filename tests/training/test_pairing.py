"""Partners: their own, another sample's, or none."""

from __future__ import annotations

import pytest
import torch

from cmkd_bench.declaration import PairingForm
from cmkd_bench.method import HIDDEN
from cmkd_bench.training.pairing import UNPAIRED, Pairing
from cmkd_bench.training.seeding import derangement

SAMPLES = torch.arange(200)
LABELS = SAMPLES % 7


def test_everything_is_paired_with_itself_by_default() -> None:
    assert torch.equal(Pairing().partners(LABELS, 0), SAMPLES)
    assert torch.equal(Pairing("shuffled").partners(LABELS, 3), derangement(200, 3, "pairs"))


def test_fewer_pairs_are_a_part_of_more_pairs() -> None:
    few, more = (Pairing(share=share).partners(LABELS, 0) for share in (0.1, 0.5))
    assert [(partners != UNPAIRED).sum().item() for partners in (few, more)] == [20, 100]
    assert torch.equal(few[few != UNPAIRED], SAMPLES[few != UNPAIRED])
    assert (more[few != UNPAIRED] != UNPAIRED).all()
    assert not torch.equal(few, Pairing(share=0.1).partners(LABELS, 1))
    assert (Pairing(share=0.001).partners(LABELS, 0) != UNPAIRED).sum() == 2


def test_wrong_partners_are_as_many_as_asked_and_stay_among_the_pairs() -> None:
    partners = Pairing(share=0.5, mispaired=0.2).partners(LABELS, 0)
    paired = partners != UNPAIRED
    assert (partners[paired] != SAMPLES[paired]).sum() == 20
    assert sorted(partners[paired].tolist()) == SAMPLES[paired].tolist()


def test_shuffled_partners_stay_among_the_pairs() -> None:
    partners = Pairing("shuffled", share=0.5).partners(LABELS, 0)
    paired = partners != UNPAIRED
    assert (partners[paired] != SAMPLES[paired]).all()
    assert sorted(partners[paired].tolist()) == SAMPLES[paired].tolist()


@pytest.mark.parametrize("form", ["unpaired", "same_class"])
def test_other_samples_are_drawn_for_each_epoch(form: PairingForm) -> None:
    pairing = Pairing(form)
    drawn = [pairing.partners(LABELS, 0, "train", epoch) for epoch in (1, 1, 2)]
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
    assert not torch.equal(drawn[0], pairing.partners(LABELS, 1, "train", 1))
    for partners in drawn:
        assert (partners != SAMPLES).all()
        assert sorted(partners.tolist()) == SAMPLES.tolist()  # each sample of the teacher is shown once
    assert torch.equal(LABELS[drawn[0]], LABELS) is (form == "same_class")


def test_shuffled_partners_stay_the_same_in_every_epoch() -> None:
    one, other = (Pairing("shuffled").partners(LABELS, 0, "train", epoch) for epoch in (1, 2))
    assert torch.equal(one, other)


def test_partners_of_a_class_are_found_among_visible_labels_only() -> None:
    visible = torch.arange(200) < 15  # 3 samples of class 0, 2 of each other class
    labels = LABELS.masked_fill(~visible, HIDDEN)
    labels[13] = 100  # the only one of its class
    partners = Pairing("same_class").partners(labels, 0, "train", 1)
    assert (partners[~visible] == UNPAIRED).all()
    assert torch.equal(labels[partners[visible]], labels[visible])
    assert (partners[visible] == SAMPLES[visible]).nonzero().flatten().tolist() == [6, 13]  # 6: 13 left its class


def test_samples_without_a_partner_are_the_same_in_every_epoch() -> None:
    for form in ("unpaired", "same_class"):
        pairing = Pairing(form, share=0.3)
        first, second = (pairing.partners(LABELS, 0, *place) for place in ((), ("train", 4)))
        assert torch.equal(first == UNPAIRED, second == UNPAIRED)
        assert (first != UNPAIRED).sum() == 60
        assert set(second.tolist()) - {UNPAIRED} == set(SAMPLES[second != UNPAIRED].tolist())


def test_pairs_of_a_class_need_a_visible_label() -> None:
    with pytest.raises(ValueError, match="visible label"):
        Pairing("same_class").partners(torch.full((20,), HIDDEN), 0)
