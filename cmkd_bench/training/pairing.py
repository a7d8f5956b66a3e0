"""Which sample the teacher is shown for each training sample: its own, another one, or none."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from cmkd_bench.declaration import PairingForm
from cmkd_bench.method import HIDDEN
from cmkd_bench.training.seeding import derangement, permutation

UNPAIRED = -1


@dataclass(frozen=True)
class Pairing:
    """How the training samples of the two modalities belong together; see `Declaration.pairing` for the forms."""

    form: PairingForm = "paired"
    share: float = 1.0  # share of the samples that have a partner; at least two have one
    # share of these whose partner belongs to another sample; at least two, if it is not 0; only if `paired`
    mispaired: float = 0.0

    def partners(self, labels: Tensor, seed: int, *place: str | int) -> Tensor:
        """Return the partner of each sample: (M,) int64, UNPAIRED where there is none.

        Who has a partner is the same at every place.

        Args:
            labels: (M,) int64 on the CPU, HIDDEN where they may not be seen.
            seed: seed of the run. Fewer pairs are a part of more pairs.
            place: phase and epoch, on which the partners depend in the forms `unpaired` and `same_class`.

        Raises:
            ValueError: for `same_class`, if no labeled sample has a partner.
        """
        samples = len(labels)
        paired = torch.arange(samples)
        if self.share < 1:
            paired = permutation(samples, seed, "paired")[: _count(self.share, samples)].sort().values
        partners = torch.full((samples,), UNPAIRED)
        if self.form == "same_class":
            return _of_own_class(partners, paired, labels, seed, *place)
        partners[paired] = paired
        if self.form == "shuffled":
            partners[paired] = paired[derangement(len(paired), seed, "pairs")]
        elif self.form == "unpaired":
            partners[paired] = paired[derangement(len(paired), seed, "unpaired", *place)]
        elif self.mispaired > 0:
            wrong = paired[permutation(len(paired), seed, "mispaired")[: _count(self.mispaired, len(paired))]]
            partners[wrong] = wrong[derangement(len(wrong), seed, "wrong partners")]
        return partners


def _of_own_class(partners: Tensor, paired: Tensor, labels: Tensor, seed: int, *place: str | int) -> Tensor:
    """Give every labeled sample another one of its class, or itself if it is the only one."""
    known = sorted(set(labels[paired].tolist()) - {HIDDEN})
    if not known:
        raise ValueError("pairs of one class: no sample with a visible label has a partner")
    for label in known:
        rows = paired[labels[paired] == label]
        alone = len(rows) == 1
        partners[rows] = rows if alone else rows[derangement(len(rows), seed, "same class", label, *place)]
    return partners


def _count(share: float, samples: int) -> int:
    return max(2, round(share * samples))
