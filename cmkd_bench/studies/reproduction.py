"""Run a published experiment again and compare: a preset's ordinary grids, a table, a picture, a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console

from cmkd_bench.config.compose import grid_defaults
from cmkd_bench.errors import UserError
from cmkd_bench.experiment.files import write_text
from cmkd_bench.planning.request import RESULTS
from cmkd_bench.registry import datasets
from cmkd_bench.studies.figure import Chart, draw
from cmkd_bench.studies.intervals import crossing_interval
from cmkd_bench.studies.point import Setting, check_all
from cmkd_bench.studies.preset import Point, Preset, load_preset
from cmkd_bench.studies.reproduction_table import Reproduction, as_csv, as_markdown, stem
from cmkd_bench.studies.side_by_side import train_together
from cmkd_bench.studies.verdict import MeasuredCurves, judge


def reproduce(
    name: str,
    *,
    draws: int | None = None,
    results: Path = RESULTS,
    jobs: int | None = None,
    together: bool = True,
    quiet: bool = False,
) -> Reproduction:
    """Run a preset and write its table and picture to `results/NAME/`.

    Args:
        name: of a file in configs/reproduction/.
        draws: repetitions, each with data and an initialisation of its own; as many as in the paper where None is
            given.
        results: where experiments lie; each point becomes one in `results/NAME/`.
        jobs: worker processes; one per core where None is given.
        together: whether runs that differ in their data and seed alone are trained as one computation, where that
            is possible; the numbers are the same.
        quiet: show no progress.

    Raises:
        UserError: for an unknown preset, or more draws than there are.
        Unfinished: if a run failed.
        Interrupted: after Ctrl-C.
    """
    preset = load_preset(name)
    repetitions = preset.draws if draws is None else draws
    if not 1 <= repetitions <= datasets.get(preset.dataset).folds:
        raise UserError(
            f"--seeds {repetitions}: '{name}' can be drawn 1 to {datasets.get(preset.dataset).folds} times; the paper "
            f"has {preset.draws}."
        )
    pairs = tuple((draw, draw) for draw in range(repetitions))
    setting = Setting(results / name, preset.dataset, preset.pair, pairs, jobs)
    curves = _run(preset, setting, together, Console(quiet=quiet))
    found = compare(preset, curves)
    folder = results / name
    write_text(folder / f"{stem(repetitions)}.md", as_markdown(found))
    write_text(folder / f"{stem(repetitions)}.csv", as_csv(found))
    draw(picture(found), folder / stem(repetitions))
    return found


def compare(preset: Preset, curves: MeasuredCurves) -> Reproduction:
    """Apply the preset's rule; nothing is run.

    Args:
        preset: with published numbers and the rule.
        curves: by row, (points, draws) in percent.
    """
    claims, levels = judge(preset, curves)
    crossing = None
    if preset.crossing:
        row, minus = preset.crossing
        crossing = crossing_interval([point.x or 0.0 for point in preset.points], curves[row] - curves[minus])
    return Reproduction(preset, curves, claims, levels, crossing)


def _run(preset: Preset, setting: Setting, together: bool, console: Console) -> dict[str, np.ndarray]:
    """By row: (points, draws)."""
    grids = check_all(setting, _wanted(preset))
    planned = {place: (grid, setting.plan(grid)) for place, grid in grids.items()}
    if together:
        train_together(planned.values(), setting.jobs)
    measured = {place: setting.values(grid, plan, console) for place, (grid, plan) in planned.items()}
    return {
        name: np.stack([measured[point.label, row.grid][row.of] for point in preset.points])
        for name, row in preset.rows.items()
    }


def _wanted(preset: Preset) -> dict[tuple[str, str], tuple[str, Sequence[str], Sequence[str]]]:
    """Every point's grids: experiment, methods, overrides."""
    return {
        (point.label, name): (
            _experiment(preset, point, name),
            block.methods,
            [*preset.overrides, *block.overrides, *point.overrides, *point.grids.get(name, ())],
        )
        for point in preset.points
        for name, block in preset.blocks.items()
    }


def _experiment(preset: Preset, point: Point, block: str) -> str:
    name = point.label.replace(" ", "-")
    return name if len(preset.blocks) == 1 else f"{name},{block}"


def picture(found: Reproduction) -> Chart:
    """The paper's figure anew: measured, with the published numbers beside it."""
    preset = found.preset
    numbers = [point.x for point in preset.points if point.x is not None]
    baseline = grid_defaults()["baseline"]
    return Chart(
        title=preset.title,
        note=(
            f"{preset.name}: dots with bars are means of {found.draws} draws with their 95 % intervals, side by side "
            "in the legend's order, so that equal ones are all seen. Open markers of the same colour are published. "
            f"An interval that is not seen is within its dot. '{baseline}' is the student alone."
        ),
        axis=preset.axis,
        quantity="test accuracy (%)",
        places=[point.label for point in preset.points],
        x=numbers or None,
        curves=found.curves,
        baseline=baseline,
        published={one.source.name: one.source.values for one in found.levels},
    )
