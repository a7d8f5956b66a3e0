"""Compare a grid of 6 methods x 2 directions with the same runs as separate processes, each with its own teacher.

Run from the root of the repository: python -m benchmarks.grid mlp|cnn [--seeds 3] [--epochs 30]
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks._commands import measured

METHODS = ("kd", "dkd", "fitnet", "crd", "cmcd", "c2kd")
SETTINGS = {
    "mlp": ["--datasets", "mfeat", "--pairs", "pixels:fourier"],
    "cnn": ["--datasets", "benchmark_images", "--plugin", str(Path(__file__).with_name("_images.py"))],
}
DIRECTIONS = {"mlp": ("pixels:fourier", "fourier:pixels"), "cnn": ("first:second", "second:first")}
CNN = ["model.image=cnn97k", "train.batch_size=128"]


def main(
    kind: Annotated[str, typer.Argument(help="mlp or cnn")],
    seeds: int = 3,
    epochs: Annotated[int, typer.Option(help="of every training")] = 30,
) -> None:
    """Time both ways of running the same runs, and print the ratio."""
    settings = [*SETTINGS[kind], f"train.epochs={epochs}", *(CNN if kind == "cnn" else [])]
    with tempfile.TemporaryDirectory() as folder:
        together = seconds(["--methods", ",".join(METHODS), "--seeds", str(seeds), *settings, "--results", folder])
    alone = 0.0
    for method in METHODS:
        for direction in DIRECTIONS[kind]:
            for seed in range(seeds):
                one = ["--methods", method, "--pairs", direction, "--one-way", "--seeds", f"{seed},", "--jobs", "1"]
                with tempfile.TemporaryDirectory() as folder:
                    alone += seconds([*settings, *one, "--results", folder])
    runs = len(METHODS) * 2 * seeds
    Console().print(
        f"{kind}: {runs} distillation runs of {epochs} epochs: as one grid {together:.1f} s, one by one {alone:.1f} s "
        f"({alone / runs:.1f} s each), ratio {alone / together:.1f}"
    )


def seconds(arguments: list[str]) -> float:
    """Wall time of one `cmkd-bench run`."""
    return measured(["run", "--no-controls", *arguments])[1]


if __name__ == "__main__":
    typer.run(main)
