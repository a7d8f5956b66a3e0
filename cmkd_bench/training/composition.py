"""The rows of an epoch's batches: each batch has the same number of labeled and of paired samples."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from cmkd_bench.training.seeding import permutation

LEAST = 0.25
"""Share of a batch that scarce samples have at least; they are seen more often than the others then."""


@dataclass(frozen=True)
class Kind:
    """Samples of which every batch has the same number."""

    name: tuple[str, ...]  # enters the random stream; empty if there is only one kind
    rows: Tensor  # (N,) int64
    quota: int  # samples per batch

    def batches(self, steps: int, seed: int, phase: str, epoch: int) -> Tensor:
        """Return the rows of an epoch's batches, (steps, quota): passes in random order through all samples.

        What is left of a pass and too little for a batch is dropped. If there are fewer samples than a batch needs,
        the batch repeats them.
        """
        fitting = max(len(self.rows) // self.quota, 1)
        passes = []
        for number in range(math.ceil(steps / fitting)):
            again = (number,) if number else ()
            order = permutation(len(self.rows), seed, "order", *self.name, phase, epoch, *again)
            repeated = order.repeat(math.ceil(self.quota / len(order)))
            passes.append(repeated[: fitting * self.quota].view(fitting, self.quota))
        return self.rows[torch.cat(passes)[:steps]]


def kinds_of(labeled: Tensor, paired: Tensor, size: int) -> list[Kind]:
    """Divide the training samples into kinds: first labeled and unlabeled ones, then each into paired and unpaired.

    Labeled samples get the same share of a batch as of all samples, but at least a quarter; and so do paired samples
    among the labeled ones, and among the unlabeled ones.

    Args:
        labeled: (M,) bool.
        paired: (M,) bool.
        size: samples per batch.
    """
    every = Kind((), torch.arange(len(labeled)), size)
    return [
        kind
        for half in _divide(every, labeled, ("labeled", "unlabeled"))
        for kind in _divide(half, paired, ("paired", "unpaired"))
    ]


def _divide(kind: Kind, scarce: Tensor, names: tuple[str, str]) -> list[Kind]:
    """Divide a kind; it stays as it is if all of its samples are alike, or if a batch has only one of them."""
    inside = scarce[kind.rows]
    count = int(inside.sum())
    if count in (0, len(inside)) or kind.quota < 2:
        return [kind]
    share = max(math.ceil(LEAST * kind.quota), math.floor(kind.quota * count / len(inside) + 0.5))
    quota = min(share, kind.quota - 1)
    return [
        Kind((*kind.name, names[0]), kind.rows[inside], quota),
        Kind((*kind.name, names[1]), kind.rows[~inside], kind.quota - quota),
    ]
