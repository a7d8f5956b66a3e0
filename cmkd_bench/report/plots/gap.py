"""Gap between the modalities against the gain of each method: does a better teacher mean a larger gain?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial

from matplotlib.axes import Axes

from cmkd_bench.experiment.trials import TUNED
from cmkd_bench.report.board import TEACHER, MeanScore
from cmkd_bench.report.plots.limits import Limits, is_outside, off_scale, plot_arrow
from cmkd_bench.report.plots.picture import Picture, Refusal, plot_panels
from cmkd_bench.report.plots.plot_data import PlotData, error
from cmkd_bench.report.plots.style import BLACK, GRAY, SMALL, Style, nth_style

FEWEST_DIRECTIONS = 2
Point = tuple[str, float, float, MeanScore]  # dataset, gap, gain, and what it is of
Points = Mapping[str, list[Point]]  # by row


def plot(data: PlotData) -> Iterator[Picture | Refusal]:
    """Plot a panel per method and its tuned row, with a point per direction."""
    points = {method: list(_points(data, method)) for method in data.methods}
    most = max(map(len, points.values()), default=0)
    if most < FEWEST_DIRECTIONS:
        reason = f"at least {FEWEST_DIRECTIONS} directions need a teacher, the student alone, and a method done"
        yield Refusal("gap", f"{reason}; found {most}.")
        return
    limits = data.gain_limits(data.columns)
    styles = {dataset: nth_style(i) for i, dataset in enumerate(data.datasets)}
    yield from plot_panels(
        "gap",
        data.title("Gap between the modalities against the gain of each method"),
        _note(data, points, limits),
        {rows[0]: partial(_plot_panel, {row: points[row] for row in rows}, styles, limits) for rows in paired(points)},
        height=1.4,
        across=4,
        most=20,
        xlabel="teacher minus student alone (percentage points)",
        ylabel="gain (percentage points)",
        legend={dataset: style.handle() for dataset, style in styles.items()},
    )


def paired(rows: Iterable[str]) -> list[list[str]]:
    """Return the rows of each panel: a method and its tuned row share one."""
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row.removesuffix(TUNED), []).append(row)
    return list(found.values())


def _points(data: PlotData, method: str) -> Iterator[Point]:
    for column in data.columns:
        entry, teacher, alone = (data.entry(row, column) for row in (method, TEACHER, data.baseline))
        if entry.gain is not None and teacher.mean is not None and alone.mean is not None:
            yield column.block, teacher.mean - alone.mean, entry.gain, entry


def _plot_panel(points: Points, styles: Mapping[str, Style], limits: Limits, ax: Axes) -> None:
    ax.grid()
    ax.set_ylim(limits)
    ax.axhline(0, color=BLACK, linewidth=0.8)
    ax.axvline(0, color=BLACK, linewidth=0.8, linestyle=(0, (1, 2)))
    if not any(points.values()):
        ax.text(0.5, 0.3, "nothing to compare", transform=ax.transAxes, fontsize=SMALL, color=GRAY, ha="center")
    for row, values in points.items():
        for dataset, gap, gain, entry in values:
            style = replace(styles[dataset], is_filled=not row.endswith(TUNED))
            if is_outside(gain, limits):
                plot_arrow(ax, gap, gain, limits, style, dataset, is_numbered=False)
            else:
                mark = {**style.mark, "markersize": 3.8, "elinewidth": 0.7}
                ax.errorbar([gap], [gain], yerr=error(entry), label=dataset, **mark)


def _note(data: PlotData, points: Points, limits: Limits) -> str:
    gains = {row: [gain for _, _, gain, _ in of] for row, of in points.items()}
    tuned = ". Open markers: tuned" if any(row.endswith(TUNED) for row in points) else ""
    return (
        "One point per direction. Right of the dotted line the teacher is better than the student alone; above the "
        f"solid line the method helps{tuned}. Means over {data.seeds}; bars: 95 % intervals of the gain over new seeds "
        f"and test samples.{off_scale(gains, limits, 'a gain')}"
    )
