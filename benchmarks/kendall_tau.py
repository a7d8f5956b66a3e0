"""Compare our Kendall's tau of a batch with a loop over `scipy.stats.kendalltau`, on one CPU thread.

Run from the root of the repository: python -m benchmarks.kendall_tau
"""

from __future__ import annotations

import torch
from rich.console import Console
from rich.table import Table
from scipy.stats import kendalltau
from torch import Tensor

from benchmarks._timing import interleaved
from cmkd_bench.losses import kendall_tau

BATCH = 64
CLASSES = (6, 28, 309, 1000)
ROUNDS = 15


def main() -> None:
    """Check that both agree, then print the median times and their ratio."""
    torch.set_num_threads(1)
    table = Table(title=f"Kendall's tau-b of {BATCH} rows, forward only, median of {ROUNDS} rounds")
    for heading in ("classes", "SciPy loop, ms", "ours, ms", "ratio"):
        table.add_column(heading, justify="right")
    for classes in CLASSES:
        generator = torch.Generator().manual_seed(classes)
        a, b = torch.randn((2, BATCH, classes), generator=generator)
        torch.testing.assert_close(kendall_tau(a, b), scipy_loop(a, b), rtol=0, atol=1e-12)
        seconds = interleaved({"scipy": lambda: scipy_loop(a, b), "ours": lambda: kendall_tau(a, b)}, ROUNDS)  # noqa: B023
        ratio = seconds["scipy"] / seconds["ours"]
        table.add_row(f"{classes}", f"{seconds['scipy'] * 1e3:.2f}", f"{seconds['ours'] * 1e3:.3f}", f"{ratio:.1f}")
    Console().print(table)


def scipy_loop(a: Tensor, b: Tensor) -> Tensor:
    """One call of SciPy for each row."""
    return torch.tensor(
        [kendalltau(x, y).statistic for x, y in zip(a.double().numpy(), b.double().numpy(), strict=True)]
    )


if __name__ == "__main__":
    main()
