"""Kendall's rank correlation of two vectors of class scores, row by row.

Source: Kendall, "A New Measure of Rank Correlation", Biometrika 1938 (tau-a); "The Treatment of Ties in Ranking
Problems", Biometrika 1945 (tau-b). C2KD (CVPR 2024) filters samples by it.
"""

from __future__ import annotations

import functools
from typing import Literal

import torch
from torch import Tensor

from cmkd_bench.losses._checks import check_logits
from cmkd_bench.losses._precision import in_full_precision
from cmkd_bench.losses._sorted_pairs import Pairs, sorted_pairs

# Measured on one CPU thread with 64 rows: comparing all pairs takes as long as sorting at about 100 classes.
COMPARE_ALL_UP_TO = 96
BLOCK_ELEMENTS = 2**25
"""At most this many differences are held at once where all pairs are compared (128 MiB in float32)."""


@torch.no_grad()
@in_full_precision
def kendall_tau(a: Tensor, b: Tensor, variant: Literal["a", "b"] = "b") -> Tensor:
    """Kendall's tau of each row of a with the same row of b, exact for ties.

    tau-a divides concordant minus discordant pairs by all pairs; tau-b by the geometric mean of the pairs that are
    not tied in a and those not tied in b. They are equal without ties and have the same sign always.

    Half-precision inputs are compared as they are. Equal infinities are ties; a row with a NaN gives NaN. Compare
    logits rather than probabilities: a softmax that underflows makes ties of unequal logits.

    Args:
        a: (B, C) floating point.
        b: (B, C) floating point.
        variant: "b" is what `scipy.stats.kendalltau` computes and C2KD's released code uses; "a" is the formula
            published with it.

    Returns:
        (B,) float64 in [-1, 1], so that a threshold decides as it does with SciPy; without gradient. A constant row
        gives 0 as tau-a and NaN as tau-b, as in SciPy; no threshold keeps a NaN.

    Raises:
        ValueError: if the shapes differ, C < 2, or the variant is unknown.
    """
    check_logits(a, b)
    if variant not in ("a", "b"):
        raise ValueError(f"variant must be 'a' or 'b', not {variant!r}")
    batch, classes = a.shape
    rows = torch.stack([a, b])
    if classes <= COMPARE_ALL_UP_TO:
        pairs = _triangle_pairs(rows)
    elif rows.device.type == "cpu":
        pairs = sorted_pairs(rows[0], rows[1])
    else:
        pairs = _block_pairs(rows, max(1, BLOCK_ELEMENTS // (2 * batch * classes)))
    score, untied_a, untied_b = (count.double() for count in pairs)
    if variant == "a":
        tau = score / (classes * (classes - 1) // 2)
    else:
        tau = (score / untied_a.sqrt() / untied_b.sqrt()).clamp(-1, 1)
    return tau.masked_fill(rows.isnan().any(2).any(0), torch.nan)


def _triangle_pairs(rows: Tensor) -> Pairs:
    """Compare each pair once, by a stored index: the fewest operations, for few classes."""
    _, batch, classes = rows.shape
    # pairs run along the first dimension, so that picking one copies a row of B numbers
    columns = rows.transpose(1, 2).reshape(2 * classes, batch)
    first, second = _triangle(classes, rows.device)
    signs = _signs(columns.index_select(0, first), columns.index_select(0, second)).view(2, -1, batch)
    score = (signs[0] * signs[1]).sum(0)
    untied = signs.square_().sum(1)
    return score, untied[0], untied[1]


def _block_pairs(rows: Tensor, block: int) -> Pairs:
    """Compare a block of columns with all columns at a time, in both orders: bounded memory, for a GPU."""
    columns = rows.permute(2, 0, 1).contiguous()
    totals = rows.new_zeros((3, rows.shape[1]), dtype=torch.float64)
    for part in columns.split(block):
        signs = _signs(part[:, None].expand(-1, len(columns), -1, -1).contiguous(), columns)
        totals[0] += (signs[:, :, 0] * signs[:, :, 1]).sum((0, 1))
        totals[1:] += signs.square_().sum((0, 1))
    score, untied_a, untied_b = totals / 2
    return score, untied_a, untied_b


def _signs(left: Tensor, right: Tensor) -> Tensor:
    """The sign of left - right, written over left.

    A difference of two unequal floats is never 0, and may overflow only to the right infinity. The one NaN it can
    make is that of two equal infinities, and the sign of NaN is 0 in torch: a tie, as it should be.
    """
    return left.sub_(right).sign_()


@functools.lru_cache(maxsize=16)
def _triangle(classes: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """The first and second member of each pair, once for a and once, C further down, for b."""
    pairs = torch.triu_indices(classes, classes, 1, device=device)
    first, second = torch.cat([pairs, pairs + classes], dim=1)
    return first, second
