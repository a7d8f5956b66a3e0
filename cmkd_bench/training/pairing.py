"""Which sample the teacher is shown for each training sample: its own, another one, or none."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from cmkd_bench.training.seeding import derangement, permutation

UNPAIRED = -1


@dataclass(frozen=True)
class Pairing:
    """How the training samples of the two modalities belong together."""

    shuffled: bool = False  # whether every partner belongs to another sample
    share: float = 1.0  # share of the samples that have a partner; at least two have one
    mispaired: float = 0.0  # share of these whose partner belongs to another sample; at least two, if it is not 0

    def partners(self, samples: int, seed: int) -> Tensor:
        """Return the partner of each sample: (M,) int64, UNPAIRED where there is none.

        Args:
            samples: M.
            seed: seed of the run. Fewer pairs are a part of more pairs.
        """
        paired = torch.arange(samples)
        if self.share < 1:
            paired = permutation(samples, seed, "paired")[: _count(self.share, samples)].sort().values
        partners = torch.full((samples,), UNPAIRED)
        partners[paired] = paired
        if self.shuffled:
            partners[paired] = paired[derangement(len(paired), seed, "pairs")]
        elif self.mispaired > 0:
            wrong = paired[permutation(len(paired), seed, "mispaired")[: _count(self.mispaired, len(paired))]]
            partners[wrong] = wrong[derangement(len(wrong), seed, "wrong partners")]
        return partners


def _count(share: float, samples: int) -> int:
    return max(2, round(share * samples))
