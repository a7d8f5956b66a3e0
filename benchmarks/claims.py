"""Simulate whole columns to measure how often a table makes false claims, and how often it detects true differences.

Run from the root of the repository: python -m benchmarks.claims [--repeats 1000]

Eleven methods and the student alone classify the same test samples with the same seeds (benchmarks/coverage.py defines
the populations). In the first rows, all are equally good, so every marked difference is wrong. In the others, three
methods are the best and one is far below the rest.
"""

from __future__ import annotations

import math
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.coverage import RESAMPLES, World
from cmkd_bench.statistics.multiple import best_set, holm
from cmkd_bench.statistics.paired import LEVEL, paired_differences
from cmkd_bench.statistics.resampling import resampled, resampling_counts

ALONE, BEST, FAR = 0, 3, 11  # the student alone; the number of best methods; the method that is far below
EQUAL = (1.0,) * 12
DIFFERENT = (1.0, *(1.1,) * BEST, *(1.0,) * 7, 0.0)
WORLDS = (
    World("equal, seeds differ little", 0.02, skills=EQUAL),
    World("equal, seeds differ", 0.1, skills=EQUAL),
    World("equal, seeds differ much", 0.5, skills=EQUAL),
    World("three better, seeds differ", 0.1, skills=DIFFERENT),
    World("three better, seeds differ much", 0.5, skills=DIFFERENT),
)


def main(
    repeats: Annotated[int, typer.Option(help="simulated columns per line")] = 1000,
    seeds: Annotated[str, typer.Option(help="numbers of seeds, separated by commas")] = "3,5,10",
    samples: Annotated[int, typer.Option(help="test samples")] = 600,
) -> None:
    """Print how often marks are wrong, and how often they detect the method that is far below, in percent."""
    table = Table("world", "seeds", "a wrong gain", "best left out", "far one below", "far one not best")
    for world in WORLDS:
        for n in map(int, seeds.split(",")):
            shares = 100 * np.mean([_column(world, n, samples, repeat) for repeat in range(repeats)], 0)
            shown = [f"{share:.1f}" for share in shares]
            has_far = world.skills[FAR] < world.skills[ALONE]
            table.add_row(world.name, str(n), *shown[:2], *(shown[2:] if has_far else ["", ""]))
    Console().print(table)
    error = 100 * math.sqrt(LEVEL * (1 - LEVEL) / repeats)
    Console().print(
        f"In percent of columns; the first two should stay below {100 * LEVEL:.0f} (standard error {error:.1f}). "
        "A wrong gain: a method as good as the student alone is marked as above or below it. Best left out: the first "
        "of the best methods is marked as significantly worse than the best."
    )


def _column(world: World, seeds: int, samples: int, repeat: int) -> list[bool]:
    """Whether a gain is claimed that is none, the best is left out, the far one is below, and is not the best."""
    generator = np.random.default_rng([repeat, seeds, samples, *world.name.encode()])
    right = world.draw(seeds, samples, generator)
    students = len(world.skills)
    draws = resampled(
        [right[seed, student, :, None] for seed in range(seeds) for student in range(students)],
        lambda sums, m: 100 * sums[..., 0] / m,
        resampling_counts(samples, RESAMPLES, [1, repeat]),
    ).reshape(RESAMPLES, seeds, students)
    found = paired_differences(100 * right.mean(2), draws)
    claimed = np.insert(holm(found.p[1:, ALONE]) < LEVEL, ALONE, False)
    same = np.array(world.skills) == world.skills[ALONE]
    may_be_best = best_set(found.p, found.difference, LEVEL)
    is_below = claimed[FAR] and found.difference[FAR, ALONE] < 0
    return [bool((claimed & same).any()), not may_be_best[1], bool(is_below), not may_be_best[FAR]]


if __name__ == "__main__":
    typer.run(main)
