"""Simulate how often 95 % intervals contain the true difference, for our intervals and alternatives.

Run from the root of the repository: python -m benchmarks.coverage [--repeats 2000]

Two students classify the same M test samples with n seeds. Whether a student is right on a sample depends on its skill,
the seed (luck in training), the sample (how hard it is for both, and for this student), and their interaction. All are
normally distributed, so the true difference follows in closed form from the sum of their variances.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy import stats

from cmkd_bench.statistics.paired import paired_differences
from cmkd_bench.statistics.resampling import resampled, resampling_counts

RESAMPLES = 1000
Array = NDArray[np.float64]


@dataclass(frozen=True)
class World:
    """A population of seeds and samples; standard deviations are on the probit scale."""

    name: str
    seed: float  # of a student's luck in training
    common: float = 1.0  # of how hard a sample is for both students
    own: float = 0.5  # of how hard a sample is for one of them
    both: float = 0.7  # of a seed's luck with a sample
    skills: tuple[float, ...] = (1.0, 0.8)  # of the students

    @property
    def truth(self) -> float:
        """Return the true difference in accuracy between the two students, in points."""
        spread = math.sqrt(1 + self.seed**2 + self.common**2 + self.own**2 + self.both**2)
        first, second = (stats.norm.cdf(skill / spread) for skill in self.skills[:2])
        return float(100 * (first - second))

    def draw(self, seeds: int, samples: int, generator: np.random.Generator) -> NDArray[np.bool_]:
        """Draw which answers are right: (seeds, students, samples)."""
        normal = generator.standard_normal
        students = len(self.skills)
        skill = np.array(self.skills)[:, None] + self.seed * normal((seeds, students, 1))
        hard = self.common * normal(samples) + self.own * normal((students, samples))
        noise = self.both * normal((seeds, students, samples)) + normal((seeds, students, samples))
        right: NDArray[np.bool_] = skill + hard + noise > 0
        return right


WORLDS = (
    World("seeds differ little", 0.02),
    World("seeds differ", 0.1),
    World("seeds differ much", 0.5),
    World("no difference", 0.1, skills=(1.0, 1.0)),
    World("accuracy of 97 %", 0.1, skills=(3.1, 3.0)),
)


def main(
    repeats: Annotated[int, typer.Option(help="simulated experiments per line")] = 2000,
    seeds: Annotated[str, typer.Option(help="numbers of seeds, separated by commas")] = "3,5,10",
    samples: Annotated[str, typer.Option(help="numbers of test samples")] = "150,600",
) -> None:
    """Print the share of intervals that contain the true difference, in percent."""
    table = Table("world", "seeds", "samples", "ours", "percentile", "BCa", "t", "width/t", title="coverage in percent")
    for world in WORLDS:
        for n in map(int, seeds.split(",")):
            for m in map(int, samples.split(",")):
                held = np.mean([_experiment(world, n, m, repeat) for repeat in range(repeats)], 0)
                *shares, width, reference = held
                cells = [f"{100 * share:.1f}" for share in shares]
                table.add_row(world.name, str(n), str(m), *cells, f"{width / reference:.2f}")
    Console().print(table)
    error = 100 * math.sqrt(0.95 * 0.05 / repeats)
    Console().print(
        f"nominal 95; standard error of a figure of 95: {error:.1f}. Percentile and BCa: of draws of seeds and "
        "samples; t: Student's over seeds, blind to test samples; width/t: how wide our intervals are beside those."
    )


def _experiment(world: World, seeds: int, samples: int, repeat: int) -> list[float]:
    """Whether each interval holds the truth, and the widths of ours and of Student's t over seeds."""
    generator = np.random.default_rng([repeat, seeds, samples, *world.name.encode()])
    right = world.draw(seeds, samples, generator)
    counts = resampling_counts(samples, RESAMPLES, [1, repeat])
    draws = resampled(
        [right[s, m, :, None] for s in range(seeds) for m in (0, 1)], lambda sums, m: 100 * sums[..., 0] / m, counts
    ).reshape(RESAMPLES, seeds, 2)
    values = 100 * right.mean(2)
    found = paired_differences(values, draws)
    by_seed = values[:, 0] - values[:, 1]
    seed_counts = resampling_counts(seeds, RESAMPLES, [2, repeat]) / seeds
    crossed = (seed_counts * (draws[..., 0] - draws[..., 1])).sum(1)
    reach = stats.t.isf(0.025, seeds - 1) * by_seed.std(ddof=1) / math.sqrt(seeds)
    ours = (found.low[0, 1], found.high[0, 1])
    plain = (by_seed.mean() - reach, by_seed.mean() + reach)
    intervals = [ours, np.quantile(crossed, [0.025, 0.975]), _bca(by_seed, crossed), plain]
    return [*(float(low <= world.truth <= high) for low, high in intervals), ours[1] - ours[0], 2 * reach]


def _bca(by_seed: Array, draws: Array) -> Array:
    """Bias-corrected and accelerated; the acceleration is that of the mean over seeds."""
    shift = stats.norm.ppf(np.clip((draws < by_seed.mean()).mean(), 1e-6, 1 - 1e-6))
    centred = by_seed - by_seed.mean()
    spread = (centred**2).sum() ** 1.5
    acceleration = 0.0 if spread == 0 else (centred**3).sum() / (6 * spread)
    scores = shift + stats.norm.ppf([0.025, 0.975])
    return np.quantile(draws, stats.norm.cdf(shift + scores / (1 - acceleration * scores)))


if __name__ == "__main__":
    typer.run(main)
