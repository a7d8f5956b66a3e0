"""Compare one side of the CRD loss, forward and backward: one matrix product, or gathering rows of the bank.

Run from the root of the repository: python -m benchmarks.crd_loss
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from rich.console import Console
from rich.table import Table
from torch import Tensor

from benchmarks._timing import interleaved
from cmkd_bench.losses import crd_normalizer, crd_side_loss, negative_counts

BATCH, BANK, WIDTH, TEMPERATURE = 64, 10_000, 128, 0.07
NEGATIVES = (4096, 16384)
ROUNDS = 7


def main() -> None:
    """Check that both agree in value and gradient, then print the median times and their ratio."""
    torch.set_num_threads(1)
    table = Table(title=f"CRD, batch {BATCH}, bank {BANK} x {WIDTH}, forward + backward, median of {ROUNDS} rounds")
    for heading in ("negatives", "gathered rows, ms", "ours, ms", "ratio"):
        table.add_column(heading, justify="right")
    for count in NEGATIVES:
        generator = torch.Generator().manual_seed(count)
        embedding = F.normalize(torch.randn((BATCH, WIDTH), generator=generator), dim=1)
        bank = F.normalize(torch.randn((BANK, WIDTH), generator=generator), dim=1)
        index = torch.randperm(BANK, generator=generator)[:BATCH]
        negatives = torch.randint(BANK, (BATCH, count), generator=generator)
        normalizer = crd_normalizer(embedding, bank, index, negative_counts(negatives, BANK), TEMPERATURE)
        data = (embedding.requires_grad_(), bank, index, negatives, TEMPERATURE, normalizer)
        check(data)
        seconds = interleaved(
            {"gathered": lambda: step(gathered_rows, data), "ours": lambda: step(one_product, data)},  # noqa: B023
            ROUNDS,
        )
        ratio = seconds["gathered"] / seconds["ours"]
        table.add_row(f"{count}", f"{seconds['gathered'] * 1e3:.0f}", f"{seconds['ours'] * 1e3:.1f}", f"{ratio:.1f}")
    Console().print(table)


def gathered_rows(
    embedding: Tensor, bank: Tensor, index: Tensor, negatives: Tensor, temperature: float, normalizer: Tensor
) -> Tensor:
    """Compute the loss literally, with a copy of every row of the bank that a sample is compared with."""
    batch, count = negatives.shape
    rows = bank[torch.cat([index[:, None], negatives], dim=1)]
    p = torch.exp(torch.bmm(rows, embedding[:, :, None]).squeeze(2) / temperature) / normalizer
    noise = count / len(bank)
    positive = torch.log(p[:, 0] / (p[:, 0] + noise + 1e-7)).sum()
    return -(positive + torch.log(noise / (p[:, 1:] + noise + 1e-7)).sum()) / batch


def one_product(
    embedding: Tensor, bank: Tensor, index: Tensor, negatives: Tensor, temperature: float, normalizer: Tensor
) -> Tensor:
    """Compute our loss from the same rows; counting them is part of the time."""
    counts = negative_counts(negatives, len(bank))
    return crd_side_loss(embedding, bank, index, counts, temperature, normalizer)


def step(loss_function: Callable[..., Tensor], data: tuple[Any, ...]) -> Tensor:
    """The loss's value, with the embedding's gradient filled in."""
    data[0].grad = None
    loss = loss_function(*data)
    torch.autograd.backward(loss)
    return loss.detach()


def check(data: tuple[Any, ...]) -> None:
    """Value and gradient agree within float32, or there is nothing to compare."""
    results = []
    for function in (gathered_rows, one_product):
        results.append((step(function, data), data[0].grad.clone()))
    torch.testing.assert_close(results[0], results[1], rtol=1e-4, atol=1e-4)


if __name__ == "__main__":
    main()
