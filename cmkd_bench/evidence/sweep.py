"""One knob turned through its values: the ordinary grid at each, and every method's gain against the knob."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from cmkd_bench.api import RESULTS
from cmkd_bench.config import grid_defaults
from cmkd_bench.errors import UserError
from cmkd_bench.evidence.figure import Picture, draw
from cmkd_bench.evidence.grid import Setting, check_all, train_together
from cmkd_bench.evidence.intervals import mean_interval
from cmkd_bench.evidence.table import DRAW, show
from cmkd_bench.files import write_text
from cmkd_bench.registry import datasets
from cmkd_bench.report.leaderboard import TEACHER

MOST_VALUES = 100


@dataclass(frozen=True)
class Sweep:
    """What a sweep found.

    Attributes:
        knob: as it was given.
        values: of the knob.
        baseline: the method that gains are over.
        curves: by row, the teacher, the baseline and the methods: (values, draws) in percent.
    """

    knob: str
    values: tuple[float, ...]
    baseline: str
    curves: dict[str, np.ndarray]

    @property
    def gains(self) -> dict[str, np.ndarray]:
        """By method, over the student alone in the same draw."""
        alone = self.curves[self.baseline]
        return {row: curve - alone for row, curve in self.curves.items() if row != self.baseline}


def parse_vary(text: str) -> tuple[str, tuple[float, ...]]:
    """`KNOB=from:to:step`, the end included, or `KNOB=value,value,...`.

    Raises:
        UserError: for anything else.
    """
    knob, equals, numbers = text.partition("=")
    try:
        if not (knob and equals):
            raise ValueError
        if ":" not in numbers:
            values = [float(number) for number in numbers.split(",")]
        else:
            start, end, step = map(float, numbers.split(":"))
            if not step or not 0 <= (end - start) / step <= MOST_VALUES:
                raise ValueError
            values = [round(start + place * step, 10) for place in range(math.floor((end - start) / step + 1e-9) + 1)]
        if not all(map(math.isfinite, values)) or len(set(values)) < len(values):
            raise ValueError
    except ValueError:
        raise UserError(
            f"--vary {text}: KNOB=from:to:step or KNOB=value,value is wanted, with at most {MOST_VALUES} steps and no "
            "value twice, e.g. misalignment=0:1:0.1."
        ) from None
    return knob, tuple(values)


def sweep(
    dataset: str,
    vary: str,
    *,
    methods: Sequence[str],
    pair: str | None = None,
    draws: int = 5,
    overrides: Sequence[str] = (),
    results: Path = RESULTS,
    jobs: int | None = None,
    quiet: bool = False,
) -> Sweep:
    """Run a grid at each value of a knob and write table and picture to `results/sweep-DATASET-KNOB/`.

    Args:
        dataset: in the registry.
        vary: an option of the dataset, or any other setting with a dot in it, e.g. `misalignment=0:1:0.1`.
        methods: in the registry; the student alone is always there.
        pair: `teacher:student`; the dataset's first where None is given.
        draws: repetitions. Each has a seed of its own, and a fold of its own where the dataset has as many.
        overrides: `KEY=VALUE`, for all values.
        results: where experiments lie; each value becomes one.
        jobs: worker processes; one per core where None is given.
        quiet: show no progress.

    Raises:
        UserError: with all that is wrong with the request.
        Unfinished: if a run failed.
        Interrupted: after Ctrl-C.
    """
    knob, values = parse_vary(vary)
    kind = datasets.get(dataset)
    folder = results / f"sweep-{dataset}-{knob}"
    pairs = tuple((number, number if kind.folds >= draws else 0) for number in range(draws))
    setting = Setting(folder, dataset, pair or ":".join(kind.default_pairs[0]), pairs, jobs)
    key = knob if "." in knob else f"dataset.{dataset}.{knob}"
    wanted = {value: (f"{knob}={value:g}", methods, [*overrides, f"{key}={value:g}"]) for value in values}
    planned = {value: (grid, setting.plan(grid)) for value, grid in check_all(setting, wanted).items()}
    train_together(planned.values())
    console = Console(quiet=quiet)
    measured = [setting.values(grid, plan, console) for grid, plan in planned.values()]
    found = Sweep(knob, values, grid_defaults()["baseline"], _stack(measured))
    write_text(folder / "gains.csv", as_csv(found))
    draw(_picture(dataset, found), folder / "gains")
    return found


def as_rich(found: Sweep) -> Table:
    """Gains as rows, values as lines, with intervals."""
    table = Table(title=f"gain over {found.baseline} against {found.knob}, in points", title_justify="left")
    table.add_column(found.knob, justify="right")
    for row in found.gains:
        table.add_column(row, justify="right")
    for place, value in enumerate(found.values):
        table.add_row(f"{value:g}", *(show(mean_interval(gain[place]), "+") for gain in found.gains.values()))
    return table


def as_csv(found: Sweep) -> str:
    """One line per value and row: accuracy, gain with its interval, and the accuracy of every draw."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    draws = found.curves[found.baseline].shape[1]
    heading = [found.knob, "row", "accuracy", "gain", "low", "high", "draws"]
    writer.writerow([*heading, *(f"{DRAW}{number}" for number in range(draws))])
    for place, value in enumerate(found.values):
        for row, curve in found.curves.items():
            gain = mean_interval(curve[place] - found.curves[found.baseline][place])
            numbers = [curve[place].mean(), gain.value, gain.low, gain.high, draws]
            writer.writerow([value, row, *numbers, *curve[place].tolist()])
    return file.getvalue()


def _stack(measured: Sequence[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {row: np.stack([one[row] for one in measured]) for row in measured[0]}


def _picture(dataset: str, found: Sweep) -> Picture:
    gains = {row: curve for row, curve in found.gains.items() if row != TEACHER}
    return Picture(
        title=f"{dataset}: gain over the student alone",
        axis=found.knob,
        quantity="gain (points)",
        places=[f"{value:g}" for value in found.values],
        x=found.values,
        curves=gains,
        zero=True,
    )
