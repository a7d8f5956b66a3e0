"""Compare the startup of light commands with a bare command line and with importing torch; time a run inside a grid.

Run from the root of the repository: python -m benchmarks.start
"""

from __future__ import annotations

import multiprocessing
import os
import statistics
import subprocess
import sys
import time
from multiprocessing.connection import Connection

from rich.console import Console
from rich.table import Table

ROUNDS = 7
COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "import typer, rich.console, rich.table": ["-c", "import typer, rich.console, rich.table"],
    "cmkd-bench --help": ["-m", "cmkd_bench", "--help"],
    "cmkd-bench list": ["-m", "cmkd_bench", "list"],
    "cmkd-bench list datasets": ["-m", "cmkd_bench", "list", "datasets"],
    "cmkd-bench run --methods c2dk (a mistake)": ["-m", "cmkd_bench", "run", "--methods", "c2dk"],
    "import torch": ["-c", "import torch"],
}


def main() -> None:
    """Print the median wall times, by turns, and their ratio to `import torch`."""
    samples: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(ROUNDS):
        for name, arguments in COMMANDS.items():
            start = time.perf_counter()
            subprocess.run([sys.executable, *arguments], capture_output=True, check=False)
            samples[name].append(time.perf_counter() - start)
    seconds = {name: statistics.median(times) for name, times in samples.items()}
    seconds["a run in a grid: fork, first training step"] = statistics.median(fork_and_step() for _ in range(ROUNDS))
    table = Table(title=f"whole processes, median of {ROUNDS}, by turns")
    for heading in ("what", "seconds", "share of `import torch`"):
        table.add_column(heading, justify="left" if heading == "what" else "right")
    for name, value in seconds.items():
        table.add_row(name, f"{value:.3f}", f"{value / seconds['import torch']:.3f}")
    Console().print(table)


def fork_and_step() -> float:
    """Seconds from the fork of a warm parent until a worker has done its first step."""
    from cmkd_bench.launch.worker import warm_up

    warm_up(["mlp"])
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    start = time.perf_counter()
    process = context.Process(target=first_step, args=(theirs,))
    process.start()
    ours.recv()
    elapsed = time.perf_counter() - start
    process.join()
    return elapsed


def first_step(connection: Connection) -> None:
    """What a worker does until its first step is done."""
    import torch
    from torch.nn import functional as F

    from cmkd_bench.network import InputShape
    from cmkd_bench.networks import build_network

    network = build_network("mlp", InputShape("vector", (64,)), 10)
    optimizer = torch.optim.AdamW(network.parameters(), fused=True)
    torch.autograd.backward(F.cross_entropy(network(torch.randn(64, 64)).logits, torch.zeros(64, dtype=torch.int64)))
    optimizer.step()
    connection.send(os.getpid())


if __name__ == "__main__":
    main()
