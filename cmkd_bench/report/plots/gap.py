"""Gap between the modalities against the gain of each method: does a better teacher mean a larger gain?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from cmkd_bench.experiment.label_budget import LabelBudget, in_words, order
from cmkd_bench.experiment.trials import TUNED
from cmkd_bench.report.board import TEACHER, Column
from cmkd_bench.report.plots.limits import Limits, is_outside, limits_of_most, off_scale, plot_arrow
from cmkd_bench.report.plots.picture import Picture, Refusal, plot_panels
from cmkd_bench.report.plots.plot_data import PlotData, error, interval
from cmkd_bench.report.plots.style import BLACK, GRAY, MARKERS, SMALL

FEWEST_DIRECTIONS = 2
ROLES = ("method", "control")
SMALLEST, LARGEST = 2.6, 5.4  # markers, from the fewest to the most labels


@dataclass(frozen=True)
class GapPoint:
    """A direction."""

    column: Column  # the direction itself
    gap: float  # the teacher's mean minus that of the student alone
    gain: float  # of the method
    error: list[list[float]] | None  # how far the interval reaches; None without one
    interval: tuple[float, ...]  # its ends; empty without one


Points = Mapping[str, list[GapPoint]]  # by row


def plot(data: PlotData) -> Iterator[Picture | Refusal]:
    """Plot a panel per method and its tuned row, with a point per direction."""
    points = {method: list(_points(data, method)) for method in data.methods}
    most = max(map(len, points.values()), default=0)
    if most < FEWEST_DIRECTIONS:
        reason = f"at least {FEWEST_DIRECTIONS} directions need a teacher, the student alone, and a method done"
        yield Refusal("gap", f"{reason}; found {most}.")
        return
    limits = _limits(data, points)
    marks = _Marks(data)
    yield from plot_panels(
        "gap",
        data.title("Gap between the modalities against the gain of each method"),
        _note(data, points, limits),
        {rows[0]: partial(_plot_panel, {r: points[r] for r in rows}, marks, limits) for rows in paired(points)},
        height=1.4,
        across=4,
        most=20,
        xlabel="teacher minus student alone (percentage points)",
        ylabel="gain (percentage points)",
        legend=marks.legend(),
    )


def paired(rows: Iterable[str]) -> list[list[str]]:
    """Return the rows of each panel: a method and its tuned row share one."""
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row.removesuffix(TUNED), []).append(row)
    return list(found.values())


class _Marks:
    """The markers: the method's color, a shape per dataset, and a size per number of labels."""

    def __init__(self, data: PlotData) -> None:
        names = dict.fromkeys(column.dataset for column in data.columns)
        self.styles = data.styles
        self.shapes = {name: MARKERS[i % len(MARKERS)] for i, name in enumerate(names)}
        budgets = sorted({column.labels for column in data.columns}, key=order)
        step = (LARGEST - SMALLEST) / max(1, len(budgets) - 1)
        self.sizes: dict[LabelBudget, float] = {one: LARGEST - step * i for i, one in enumerate(reversed(budgets))}
        if len(budgets) == 1:
            self.sizes = dict.fromkeys(budgets, 3.8)

    def legend(self) -> dict[str, Artist]:
        """Return a gray marker per shape and, where there are several sizes, per size."""
        line = partial(Line2D, [], [], linestyle="", color=GRAY)
        found: dict[str, Artist] = {name: line(marker=one, markersize=4.5) for name, one in self.shapes.items()}
        if len(self.sizes) > 1:
            sizes = sorted(self.sizes.items(), key=lambda one: one[1])
            found |= {in_words(one): line(marker="o", markersize=size) for one, size in sizes}
        return found


def _points(data: PlotData, method: str) -> Iterator[GapPoint]:
    for column in data.columns:
        entry, teacher, alone = (data.entry(row, column) for row in (method, TEACHER, data.baseline))
        if entry.gain is not None and teacher.mean is not None and alone.mean is not None:
            yield GapPoint(column, teacher.mean - alone.mean, entry.gain, error(entry), interval(entry) or ())


def _limits(data: PlotData, points: Points) -> Limits:
    """Return limits that leave the room to methods; a control far away is outside."""
    by_role = {role: [one for row, of in points.items() if data.roles[row] == role for one in of] for role in ROLES}
    methods, controls = by_role.values()
    return limits_of_most([(one.gain, one.interval) for one in methods], [one.gain for one in controls])


def _plot_panel(points: Points, marks: _Marks, limits: Limits, ax: Axes) -> None:
    ax.grid()
    ax.set_ylim(limits)
    ax.axhline(0, color=BLACK, linewidth=0.8)
    ax.axvline(0, color=BLACK, linewidth=0.8, linestyle=(0, (1, 2)))
    if not any(points.values()):
        ax.text(0.5, 0.3, "nothing to compare", transform=ax.transAxes, fontsize=SMALL, color=GRAY, ha="center")
    for row, values in points.items():
        for one in values:
            style = replace(marks.styles[row], marker=marks.shapes[one.column.dataset])
            if is_outside(one.gain, limits):
                plot_arrow(ax, one.gap, one.gain, limits, style, one.column.dataset, is_numbered=False)
            else:
                mark = {**style.mark, "markersize": marks.sizes[one.column.labels], "elinewidth": 0.7}
                ax.errorbar([one.gap], [one.gain], yerr=one.error, label=one.column.dataset, **mark)


def _note(data: PlotData, points: Points, limits: Limits) -> str:
    gains = {row: [one.gain for one in of] for row, of in points.items()}
    tuned = ", open markers: tuned" if any(row.endswith(TUNED) for row in points) else ""
    return (
        "One point per direction. Right of the dotted line the teacher is better than the student alone; above the "
        f"solid line the method helps. Gray: controls{tuned}. Means over {data.seeds}; bars: 95 % intervals of the "
        f"gain over new seeds and test samples.{off_scale(gains, limits, 'a gain')}"
    )
