"""Reproduce a published experiment: run the grids of a preset and write a table, a plot, and a verdict."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from rich.console import Console

from cmkd_bench.config.settings_files import grid_defaults
from cmkd_bench.errors import UserError
from cmkd_bench.experiment.files import write_text
from cmkd_bench.experiment.label_budget import ALL
from cmkd_bench.planning.request import RESULTS
from cmkd_bench.registry import datasets
from cmkd_bench.studies.figure import Chart, draw
from cmkd_bench.studies.intervals import crossing_interval
from cmkd_bench.studies.point import PointRequest, Setting, check_all, plan_all
from cmkd_bench.studies.preset import Point, Preset, load_preset
from cmkd_bench.studies.reproduction_table import Reproduction, as_csv, as_markdown, stem
from cmkd_bench.studies.side_by_side import train_vectorized
from cmkd_bench.studies.verdict import MeasuredCurves, judge
from cmkd_bench.terminal import Terminal


def reproduce(
    name: str,
    *,
    draws: int | None = None,
    results: Path = RESULTS,
    jobs: int | None = None,
    vectorized: bool = True,
    quiet: bool = False,
) -> Reproduction:
    """Run a preset and write its table and plot to `results/NAME/`.

    Args:
        name: name of a file in configs/reproduction/.
        draws: number of repetitions, each with its own data and initialization; None means as many as in the paper.
        results: folder of experiments; each point becomes one in `results/NAME/`.
        vectorized: whether to train runs that differ only in data and seed as one computation where possible; the
            numbers are the same.

    Raises:
        UserError: if the preset is unknown, or if there are fewer draws than requested.
        Unfinished: if a run failed.
        KeyboardInterrupt: after Ctrl-C.
    """
    preset = load_preset(name)
    repetitions = preset.draws if draws is None else draws
    if not 1 <= repetitions <= datasets.get(preset.dataset).folds:
        raise UserError(
            f"--seeds {repetitions}: '{name}' has 1 to {datasets.get(preset.dataset).folds} draws; the paper uses "
            f"{preset.draws}."
        )
    pairs = tuple((draw, draw) for draw in range(repetitions))
    setting = Setting(results / name, preset.dataset, preset.pair, pairs, jobs)
    curves = _run(preset, setting, vectorized, Terminal(quiet=quiet))
    found = compare(preset, curves)
    folder = results / name
    write_text(folder / f"{stem(repetitions)}.md", as_markdown(found))
    write_text(folder / f"{stem(repetitions)}.csv", as_csv(found))
    draw(picture(found), folder / stem(repetitions))
    return found


def compare(preset: Preset, curves: MeasuredCurves) -> Reproduction:
    """Apply the preset's rule to results without running anything.

    Args:
        curves: by row, (points, draws) in percent.
    """
    claims, levels = judge(preset, curves)
    crossing = None
    if preset.crossing:
        row, minus = preset.crossing
        crossing = crossing_interval([point.x or 0.0 for point in preset.points], curves[row] - curves[minus])
    return Reproduction(preset, curves, claims, levels, crossing)


def _run(preset: Preset, setting: Setting, vectorized: bool, console: Console) -> dict[str, np.ndarray]:
    """Run all grids and return (points, draws) by row."""
    planned = plan_all(setting, check_all(setting, _wanted(preset)), console)
    if vectorized:
        train_vectorized(planned.values(), setting.jobs)
    measured = {place: setting.values(grid, plan, console) for place, (grid, plan) in planned.items()}
    return {
        name: np.stack([measured[point.label, row.grid][row.of] for point in preset.points])
        for name, row in preset.rows.items()
    }


def _wanted(preset: Preset) -> dict[tuple[str, str], PointRequest]:
    """Return what to run for every grid of every point; all labels may be seen, as in the publications."""
    return {
        (point.label, name): PointRequest(
            _experiment(preset, point, name),
            block.methods,
            [*preset.overrides, *block.overrides, *point.overrides, *point.grids.get(name, ())],
            ALL,
        )
        for point in preset.points
        for name, block in preset.blocks.items()
    }


def _experiment(preset: Preset, point: Point, block: str) -> str:
    name = point.label.replace(" ", "-")
    return name if len(preset.blocks) == 1 else f"{name},{block}"


def picture(found: Reproduction) -> Chart:
    """Redraw the paper's figure from the measured numbers, with the published ones next to them."""
    preset = found.preset
    numbers = [point.x for point in preset.points if point.x is not None]
    baseline = grid_defaults()["baseline"]
    return Chart(
        title=preset.title,
        note=(
            f"{preset.name}: dots with bars are means of {found.draws} draws with 95 % intervals, drawn side by side "
            "in the order of the legend. Open markers of the same color are published numbers. An invisible interval "
            f"is narrower than its dot. '{baseline}' is the student alone."
        ),
        axis=preset.axis,
        quantity="test accuracy (%)",
        places=[point.label for point in preset.points],
        x=numbers or None,
        curves=found.curves,
        baseline=baseline,
        published={one.source.name: one.source.values for one in found.levels},
    )
