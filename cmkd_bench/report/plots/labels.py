"""Gain over the student alone against the number of labels: when does cross-modal distillation pay?"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from cmkd_bench.experiment.label_budget import ALL, order, per_class
from cmkd_bench.experiment.trials import TUNED
from cmkd_bench.report.board import Column
from cmkd_bench.report.label_marks import marks_of_budgets
from cmkd_bench.report.plots.limits import Limits, is_outside, limits_of_most, off_scale, plot_arrow
from cmkd_bench.report.plots.picture import Picture, Refusal, plot_panels
from cmkd_bench.report.plots.plot_data import PlotData, error, interval
from cmkd_bench.report.plots.style import BLACK, GRAY, SMALL
from cmkd_bench.statistics.paired import FEWEST_SEEDS

APART, WIDEST = 0.06, 0.012  # distance of two methods' markers: of that of two budgets, and of the axis
CLOSEST = 0.11  # of the axis: ticks that are closer have no label
Place = Callable[[Column], float]


def plot(data: PlotData) -> Iterator[Picture | Refusal]:
    """Plot a panel per direction and a line per method."""
    panels = directions(data)
    columns = [column for found in panels.values() for column in found]
    if not panels:
        yield Refusal("labels", _how(data))
    elif not any(data.gains(method, column) for method in data.methods for column in columns):
        yield Refusal("labels", f"no seed has both a method and '{data.baseline}' done.")
    else:
        place, xlabel = axis(data, columns)
        limits = gain_limits(data, columns)
        metrics = dict.fromkeys(data.metric(column.block) for column in columns)
        yield from plot_panels(
            "labels",
            f"Gain over the student alone ('{data.baseline}') by number of labels{_conditions(data, columns)}",
            _note(data, columns, limits),
            {title: partial(_plot_panel, data, found, place, limits) for title, found in panels.items()},
            height=2.2,
            across=3,
            most=12,
            width=None if len(panels) > 1 else 4.6,
            xlabel=xlabel,
            ylabel=f"gain in test {' or '.join(metrics)} (points)",
            legend={method: data.styles[method].handle(data.styles[method].line) for method in data.methods},
        )


def directions(data: PlotData) -> dict[str, list[Column]]:
    """Return the columns of each direction with several label budgets by its title, the fewest labels first."""
    found: dict[str, list[Column]] = {}
    for column in data.columns:
        found.setdefault(f"{column.dataset}: {column.direction}", []).append(column)
    return {
        title: sorted(columns, key=lambda column: order(column.labels))
        for title, columns in found.items()
        if len(columns) > 1
    }


def axis(data: PlotData, columns: Iterable[Column]) -> tuple[Place, str]:
    """Return where a column is on the axis that all budgets have in common, and the axis's label."""
    numbers = {per_class(column.labels) for column in columns}
    if numbers == {None}:
        return lambda column: 100 * float(column.labels), "labels seen in training (% of the training part)"
    if None not in numbers:
        return lambda column: float(per_class(column.labels) or 0), "labels per class seen in training"
    return data.train_labels, "labels seen in training"


def gain_limits(data: PlotData, columns: Sequence[Column]) -> Limits:
    """Return limits that leave the room to the gains of methods and their intervals; a control far away is outside."""
    methods: list[tuple[float, Sequence[float]]] = []
    controls: list[float] = []
    for entry, role in ((data.entry(row, column), data.roles[row]) for row in data.methods for column in columns):
        if entry.gain is not None and role == "method":
            methods.append((entry.gain, interval(entry) or ()))
        elif entry.gain is not None:
            controls.append(entry.gain)
    return limits_of_most(methods, controls)


def _plot_panel(data: PlotData, columns: Sequence[Column], place: Place, limits: Limits, ax: Axes) -> None:
    ax.grid(axis="y")
    ax.axhline(0, color=BLACK, linewidth=0.8)
    known = [column for column in columns if any(data.gains(method, column) for method in data.methods)]
    if not known:
        ax.text(0.5, 0.3, "nothing to compare", transform=ax.transAxes, fontsize=SMALL, color=GRAY, ha="center")
        return
    places = list(map(place, known))
    step = _step(places)
    for number, method in enumerate(reversed(data.methods)):  # methods are drawn after controls
        shift = step ** ((len(data.methods) - 1) / 2 - number)
        _plot_line(ax, data, method, {x * shift: column for x, column in zip(places, known)}, limits)
    ax.set(xscale="log", ylim=limits)
    _set_ticks(ax, places)


def _step(places: Sequence[float]) -> float:
    """Return the factor between the places of two methods, so that their bars do not hide each other."""
    nearest = min((right / left for left, right in itertools.pairwise(places)), default=2.0)
    return float(min(nearest**APART, max(places[-1] / places[0], 2.0) ** WIDEST))


def _plot_line(ax: Axes, data: PlotData, method: str, columns: Mapping[float, Column], limits: Limits) -> None:
    """Plot a method's gains where there are some; the line to a value off the scale ends at an arrow."""
    style, is_control = data.styles[method], data.roles[method] == "control"
    entries = {x: data.entry(method, column) for x, column in columns.items()}
    known = {x: (entry.gain, entry) for x, entry in entries.items() if entry.gain is not None}
    seen = {x: (gain, entry) for x, (gain, entry) in known.items() if not is_outside(gain, limits)}
    level = {"zorder": 2.2 if is_control else 2.5, "markersize": 3 if is_control else 4}
    line: dict[str, Any] = {"color": style.color, "linestyle": style.line, "linewidth": 0.7 if is_control else 1.2}
    ax.plot(list(known), [gain for gain, _ in known.values()], label="_line", zorder=level["zorder"], **line)
    for x, (gain, entry) in seen.items():
        bar = None if is_control else error(entry)
        ax.errorbar([x], [gain], yerr=bar, label=method, elinewidth=0.7, **{**style.mark, **level})
    for x in known.keys() - seen.keys():
        plot_arrow(ax, x, known[x][0], limits, style, method, is_numbered=False)


def _set_ticks(ax: Axes, places: Sequence[float]) -> None:
    """Put a tick at each budget of any panel, and a label at those that have room, from the most labels down."""
    shared = {*places, *(ax.xaxis.get_ticklocs() if isinstance(ax.xaxis.get_major_locator(), FixedLocator) else ())}
    ticks = sorted(shared)
    room = (ticks[-1] / ticks[0]) ** CLOSEST
    labeled: list[float] = []
    for tick in reversed(ticks):
        if not labeled or labeled[-1] / tick >= room:
            labeled.append(tick)
    ax.xaxis.set_major_locator(FixedLocator(ticks))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:.4g}" if x in labeled else ""))


def _conditions(data: PlotData, columns: Iterable[Column]) -> str:
    """Return in parentheses what qualifies all numbers of a dataset; with hidden labels, where some are hidden."""
    found: dict[str, str] = {}
    for dataset in dict.fromkeys(column.dataset for column in columns):
        blocks = {column.block for column in columns if column.dataset == dataset and column.labels != ALL}
        found[dataset] = ", ".join(marks_of_budgets(map(data.marks, sorted(blocks))))
    if len(set(found.values())) == 1:
        (shared,) = set(found.values())
        return f" ({shared})" if shared else ""
    return f" ({'; '.join(f'{dataset}: {marks}' for dataset, marks in found.items() if marks)})"


def _note(data: PlotData, columns: Sequence[Column], limits: Limits) -> str:
    entries = {method: [data.entry(method, column) for column in columns] for method in data.methods}
    bars = f"no interval with fewer than {FEWEST_SEEDS} seeds"
    if any(error(entry) for of_row in entries.values() for entry in of_row):
        bars = "bar: 95 % interval over new seeds and test samples, not corrected for the number of methods"
    gains = {method: [one.gain for one in found if one.gain is not None] for method, found in entries.items()}
    return (
        f"Above 0 is better. Marker: mean of paired differences, n = {data.seeds}; {bars}. Markers of the same "
        f"number of labels stand side by side. Gray: controls, without intervals.{off_scale(gains, limits, 'a gain')}"
    )


def _how(data: PlotData) -> str:
    """Say what would have to be run."""
    methods = dict.fromkeys(m.removesuffix(TUNED) for m, role in data.roles.items() if role == "method")
    options = {"--datasets": {column.dataset: None for column in data.columns}, "--methods": methods}
    given = "".join(f" {name} {','.join(values)}" for name, values in options.items() if values)
    return (
        "no direction of this experiment was run with several numbers of labels; to compare them, run "
        f"`cmkd-bench run{given} --labels 0.01,0.05,0.25,1`."
    )
