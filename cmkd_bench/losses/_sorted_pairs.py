"""Count concordant and discordant pairs by sorting, for many classes on a CPU.

Source: Knight, "A Computer Method for Calculating Kendall's Tau with Ungrouped Data", JASA 1966. Once the columns are
ordered by a, and by b where a is tied, the discordant pairs are the inversions of b. Counting over blocks replaces the
merge sort and takes a fixed number of whole-array operations.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

BLOCK_BITS = 4
BLOCK = 2**BLOCK_BITS
RADIX_LIMIT = 2**15
"""NumPy's stable sort is a radix sort for 16-bit integers, and up to nine times faster."""


def sorted_pairs(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Count the pairs of each row of a and b, both (B, C) on the CPU.

    Returns:
        Concordant minus discordant pairs, (B,), and the pairs not tied in a and in b, (2, B).
    """
    classes = a.shape[1]
    rank_a, tied_a = _dense_ranks(a)
    rank_b, tied_b = _dense_ranks(b)
    by_a_then_b = torch.from_numpy(np.sort((rank_a << 32 | rank_b).numpy(), axis=1))
    b_in_order = by_a_then_b.to(torch.int32)  # the lower half
    if classes <= RADIX_LIMIT:
        b_in_order = b_in_order.to(torch.int16)
    # a stable sort leaves equal ranks of b in the order of a, so that they count as no inversion
    permutation = torch.from_numpy(np.argsort(b_in_order.numpy(), axis=1, kind="stable"))
    pairs = classes * (classes - 1) // 2
    tied = torch.stack([tied_a, tied_b])
    score = pairs - tied.sum(0) + _tied_pairs(by_a_then_b) - 2 * inversions(permutation)
    return score, pairs - tied


def inversions(permutation: Tensor) -> Tensor:
    """Count the pairs of each row that are in descending order.

    Positions and values are both divided into blocks. Pairs in different blocks of both are counted from a table of how
    many values of each block are in each block of positions; the rest are compared one by one.

    Args:
        permutation: (B, C) int64, each row a permutation of 0 .. C - 1.

    Returns:
        (B,) int64.
    """
    batch, classes = permutation.shape
    blocks = -(-classes // BLOCK)
    position = torch.arange(blocks * BLOCK)
    # the tail is in order and adds no inversion
    value = torch.cat([permutation, position[classes:].expand(batch, -1)], dim=1)
    position_of_value = torch.empty_like(value).scatter_(1, value, position.expand(batch, -1))
    same_position_block = _inversions_within_blocks(value)
    # comparing block numbers excludes the pairs counted in the line above
    same_value_block = _inversions_within_blocks(position_of_value >> BLOCK_BITS)
    row_of_table = torch.arange(batch)[:, None] * blocks + (position >> BLOCK_BITS)
    cell = row_of_table * blocks + (value >> BLOCK_BITS)
    table = cell.flatten().bincount(minlength=batch * blocks**2).view(batch, blocks, blocks).float()
    earlier = table.cumsum(1) - table
    earlier_and_greater = earlier.sum(2, keepdim=True) - earlier.cumsum(2)
    different_blocks: Tensor = (table * earlier_and_greater).sum(2).double().sum(1)
    return same_position_block + same_value_block + different_blocks.long()


def _inversions_within_blocks(values: Tensor) -> Tensor:
    columns = values.float().view(-1, BLOCK).T.contiguous()
    first, second = torch.triu_indices(BLOCK, BLOCK, 1)
    descending = columns.index_select(0, first).sub_(columns.index_select(0, second)).clamp_(0, 1)
    return descending.sum(0).view(len(values), -1).sum(1).long()


def _dense_ranks(values: Tensor) -> tuple[Tensor, Tensor]:
    """Return ranks (B, C), shared by equal values, and the number of tied pairs (B,)."""
    # NumPy sorts rows several times faster than torch does on a CPU
    order = torch.from_numpy(np.argsort(values.numpy(), axis=1))
    ordered = values.gather(1, order)
    ranks = torch.zeros_like(order)
    torch.cumsum(ordered[:, 1:] != ordered[:, :-1], dim=1, out=ranks[:, 1:])
    return torch.empty_like(ranks).scatter_(1, order, ranks), _tied_pairs(ranks)


def _tied_pairs(ordered: Tensor) -> Tensor:
    """Count the pairs of equal entries in rows that are in ascending order."""
    place = torch.arange(1, ordered.shape[1])
    run_start = torch.where(ordered[:, 1:] == ordered[:, :-1], 0, place).cummax(dim=1).values
    return (place - run_start).sum(1)
