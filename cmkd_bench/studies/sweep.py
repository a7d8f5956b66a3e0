"""Sweep a knob: run an ordinary grid at each of its values, and plot every method's gain against the knob."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from cmkd_bench.config.settings_files import grid_defaults
from cmkd_bench.errors import UserError
from cmkd_bench.experiment.files import write_text
from cmkd_bench.planning.request import RESULTS
from cmkd_bench.registry import datasets
from cmkd_bench.studies.figure import draw
from cmkd_bench.studies.measured import measure
from cmkd_bench.studies.point import Setting, check_all
from cmkd_bench.studies.side_by_side import train_vectorized
from cmkd_bench.studies.sweep_table import Sweep, as_csv, as_markdown, measured_as_csv, picture
from cmkd_bench.terminal import Terminal

MOST_VALUES = 100


def parse_vary(text: str) -> tuple[str, tuple[float, ...]]:
    """Parse `KNOB=from:to:step`, which includes the end, or `KNOB=value,value,...`.

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
            f"--vary {text}: expected KNOB=from:to:step or KNOB=value,value,... with at most {MOST_VALUES} steps and "
            "no repeated value, e.g. misalignment=0:1:0.1."
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
    """Run a grid at each value of a knob and write tables and a plot to `results/sweep-DATASET-KNOB/`.

    Args:
        vary: an option of the dataset, or any other setting whose name has a dot, e.g. `misalignment=0:1:0.1`.
        methods: names in the registry; the student alone is always included.
        pair: `teacher:student`; None means the first pair of the dataset.
        draws: number of repetitions. Each has its own seed, and its own fold if the dataset has that many.
        overrides: `KEY=VALUE`, for all values.
        results: folder of experiments; each value becomes one.

    Raises:
        UserError: listing everything that is wrong with the request.
        Unfinished: if a run failed.
        KeyboardInterrupt: after Ctrl-C.
    """
    knob, values = parse_vary(vary)
    kind = datasets.get(dataset)
    folder = results / f"sweep-{dataset}-{knob}"
    pairs = tuple((number, number if kind.folds >= draws else 0) for number in range(draws))
    setting = Setting(folder, dataset, pair or ":".join(kind.default_pairs[0]), pairs, jobs)
    key = knob if "." in knob else f"dataset.{dataset}.{knob}"
    wanted = {value: (f"{knob}={value:g}", methods, [*overrides, f"{key}={value:g}"]) for value in values}
    planned = {value: (grid, setting.plan(grid)) for value, grid in check_all(setting, wanted).items()}
    train_vectorized(planned.values(), jobs)
    console = Terminal(quiet=quiet)
    curves = _stack([setting.values(grid, plan, console) for grid, plan in planned.values()])
    found = Sweep(knob, values, grid_defaults()["baseline"], curves)
    try:
        found = replace(found, measured=_stack([measure(grid, plan, pairs) for grid, plan in planned.values()]))
    except UserError as error:
        found = replace(found, unmeasured=f"Diagnostics are not available: {error}")
    _write(dataset, found, folder)
    return found


def _write(dataset: str, found: Sweep, folder: Path) -> None:
    write_text(folder / "gains.csv", as_csv(found))
    write_text(folder / "gains.md", as_markdown(found))
    if found.measured:
        write_text(folder / "measured.csv", measured_as_csv(found))
    draw(picture(dataset, found), folder / "gains")


def _stack(measured: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {row: np.stack([one[row] for one in measured]) for row in measured[0]}
