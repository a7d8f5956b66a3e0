"""Kendall's rank correlation of class scores, row by row.

Source: Kendall, "A New Measure of Rank Correlation", Biometrika 1938 (tau-a); "The Treatment of Ties in Ranking
Problems", Biometrika 1945 (tau-b). C2KD (CVPR 2024) filters samples by it.
"""

from __future__ import annotations

import functools
from typing import Literal

import torch
from torch import Tensor

from cmkd_bench.losses._checks import check_logits
from cmkd_bench.losses._sorted_pairs import sorted_pairs

# Measured on one CPU thread with 64 rows: comparing all pairs takes as long as sorting at about 64 classes.
COMPARE_ALL_UP_TO = 64
BLOCK_ELEMENTS = 2**25
"""The largest number of differences held at once when all pairs are compared on a GPU (128 MiB in float32)."""

# The signs of differences are twice as fast as two comparisons and as exact in float32 and float64: the difference of
# unequal numbers is never 0 and overflows only to the infinity of the correct sign. The difference of equal infinities
# is NaN, and torch's sign of NaN is 0: a tie.


@torch.no_grad()
def kendall_tau(a: Tensor, b: Tensor, variant: Literal["a", "b"] = "b") -> Tensor:
    """Compute Kendall's tau between each row of a and the same row of b, with exact treatment of ties.

    tau-a divides concordant minus discordant pairs by all pairs; tau-b divides it by the geometric mean of the pairs
    not tied in a and the pairs not tied in b. They are equal without ties, and their signs always agree.

    Half-precision inputs are compared exactly. Equal infinities are ties; a row with a NaN gives NaN. Compare logits
    rather than probabilities: a softmax that underflows turns unequal logits into ties.

    Args:
        a: (B, C) floating point.
        b: (B, C) floating point.
        variant: "b" is computed by `scipy.stats.kendalltau` and used by C2KD's released code; "a" is the formula in
            the paper.

    Returns:
        (B,) float64 in [-1, 1], so that a threshold decides as with SciPy; without gradient. For a constant row, tau-a
        is 0 and tau-b is NaN, as in SciPy; no threshold keeps a NaN.

    Raises:
        ValueError: if the shapes differ, C < 2, or the variant is unknown.
    """
    check_logits(a, b)
    if variant not in ("a", "b"):
        raise ValueError(f"variant must be 'a' or 'b', not {variant!r}")
    batch, classes = a.shape
    # the cast from half precision is exact; one column per sample, so that pairs run along rows
    columns = torch.stack([a.T, b.T]).to(torch.promote_types(a.dtype, torch.float32))
    if classes <= COMPARE_ALL_UP_TO:
        score, untied = _triangle_pairs(columns)
    elif columns.device.type == "cpu":
        score, untied = sorted_pairs(columns[0].T, columns[1].T)
    else:
        score, untied = _block_pairs(columns, max(1, BLOCK_ELEMENTS // (2 * batch * classes)))
    if variant == "a":
        tau = score.double() / (classes * (classes - 1) // 2)
    else:
        # one root of the exact product: perfect agreement is exactly 1, and no rounding exceeds it
        tau = score.double() / untied.double().prod(dim=0).sqrt()
    # the maximum is NaN if any entry is
    return tau.masked_fill(columns.amax(dim=1).isnan().any(dim=0), torch.nan)


def _triangle_pairs(columns: Tensor) -> tuple[Tensor, Tensor]:
    """Compare each pair once, by a cached index; this takes the fewest operations for few classes.

    Args:
        columns: (2, C, B), a and b.

    Returns:
        Concordant minus discordant pairs, (B,), and the pairs not tied in a and in b, (2, B).
    """
    _, classes, batch = columns.shape
    flat = columns.view(2 * classes, batch)
    first, second = _triangle(classes, columns.device)
    signs = flat.index_select(0, first).sub_(flat.index_select(0, second)).sign_().view(2, -1, batch)
    return (signs[0] * signs[1]).sum(0), signs.square_().sum(1)


def _block_pairs(columns: Tensor, block: int) -> tuple[Tensor, Tensor]:
    """Compare one block of classes with all classes at a time, in both orders; this bounds the memory on a GPU."""
    score = columns.new_zeros(columns.shape[2], dtype=torch.float64)
    untied = columns.new_zeros((2, columns.shape[2]), dtype=torch.float64)
    for start in range(0, columns.shape[1], block):
        signs = (columns[:, start : start + block, None] - columns[:, None]).sign_()
        score += (signs[0] * signs[1]).sum((0, 1))
        untied += signs.square_().sum((1, 2))
    return score / 2, untied / 2


@functools.lru_cache(maxsize=16)
def _triangle(classes: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return the first and second member of each pair, for a and, offset by C, for b."""
    pairs = torch.triu_indices(classes, classes, 1, device=device)
    first, second = torch.cat([pairs, pairs + classes], dim=1)
    return first, second
