"""What tuning gains: the test score of the trial that validation selects, against the number of trials."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, MaxNLocator

from cmkd_bench.report.board import Column
from cmkd_bench.report.plots.limits import axis_limits, is_outside, plot_arrow
from cmkd_bench.report.plots.picture import Picture, Refusal, file_stem, plot_panels
from cmkd_bench.report.plots.plot_data import PlotData
from cmkd_bench.report.plots.style import BLACK, DOTTED
from cmkd_bench.report.tuning_results import StudyResult
from cmkd_bench.statistics.budget import expected_selected

Curve = dict[int, float]  # by number of trials
MARKS = 6  # about as many on a curve, and ticks


def plot(data: PlotData) -> Iterator[Picture | Refusal]:
    """Plot a panel per direction and a line per method, a dataset at a time."""
    if not data.studies:
        yield Refusal("tuning", "no method was tuned here; to tune, run `cmkd-bench run --trials N`.")
    for dataset, columns in data.datasets.items():
        seeds = {outcome.study.seed for outcome in data.studies if outcome.column.block == dataset}
        curves = {column: found for column in columns if (found := curves_of(data, column))}
        if curves:
            yield from _plot_dataset(data, dataset, curves, ", ".join(map(str, sorted(seeds))))
        elif seeds:
            yield Refusal(
                file_stem("tuning", data.stem(dataset)), f"no method has finished all its trials of '{dataset}'."
            )


def curves_of(data: PlotData, column: Column) -> dict[str, Curve]:
    """Return the expected test score by number of trials, for methods whose trials have all ended; mean over folds."""
    folds: dict[str, list[Curve]] = {}
    for outcome in data.studies:
        if outcome.column == column:
            folds.setdefault(outcome.study.name, []).append(_curve(outcome))
    found = {method: _mean(curves) for method, curves in folds.items()}
    return {method: curve for method, curve in found.items() if curve}


def _curve(outcome: StudyResult) -> Curve:
    if not all(one.is_over for one in outcome.trials):
        return {}
    pairs = [(one.validation, one.test) for one in outcome.trials]
    validation, test = zip(*(pair if None not in pair else (None, None) for pair in pairs))
    return {count: value for count, value in enumerate(expected_selected(validation, test), 1) if value is not None}


def _mean(folds: list[Curve]) -> Curve:
    """Average where all folds have a value."""
    shared = [count for count in folds[0] if all(count in fold for fold in folds)]
    return {count: sum(fold[count] for fold in folds) / len(folds) for count in shared}


def _plot_dataset(
    data: PlotData, dataset: str, curves: Mapping[Column, Mapping[str, Curve]], seeds: str
) -> Iterator[Picture]:
    metric = data.metric(dataset)
    styles = {m: data.styles[m] for m in data.methods if any(m in found for found in curves.values())}
    ticks = marked({count for found in curves.values() for curve in found.values() for count in curve})
    alone = Line2D([], [], color=BLACK, linestyle=DOTTED, linewidth=0.9)
    return plot_panels(
        file_stem("tuning", data.stem(dataset)),
        data.title("Test score by number of hyper-parameter trials", dataset),
        f"Expected test {metric} of the trial that validation selects among this many trials, over all orders of the "
        f"trials in which the defaults come first. One seed ({seeds}): differences hold for this seed only. A "
        "control's curve may begin off the scale; an arrow points to an end that is off the scale.",
        {column.direction: partial(_plot_panel, data, column, found, ticks) for column, found in curves.items()},
        height=1.9,
        across=2,
        most=8,
        sharey=False,
        xlabel="number of trials, the defaults first",
        ylabel=f"test {metric} (%)",
        legend={m: style.handle(style.line) for m, style in styles.items()} | {f"{data.baseline}, not tuned": alone},
    )


def marked(counts: Collection[int]) -> list[int]:
    """Return the numbers of trials that have a marker and a tick: the first, round ones, and the last."""
    first, last = min(counts), max(counts)
    inner = MaxNLocator(nbins=MARKS, integer=True, steps=[1, 2, 5, 10]).tick_values(first, last)
    apart = (last - first) / (2 * MARKS)  # closer to an end a tick's number would overlap
    return [first, *(int(one) for one in inner if apart < one - first and apart < last - one), last][: last - first + 1]


def _plot_panel(data: PlotData, column: Column, curves: Mapping[str, Curve], ticks: Sequence[int], ax: Axes) -> None:
    """Plot curves, and the student alone under the same seed; controls may begin, or be, outside the limits."""
    seed = min(outcome.study.seed for outcome in data.studies if outcome.column == column)
    alone = data.entry(data.baseline, column).values.get(seed)
    rows = [(data.roles[method], [value]) for method, curve in curves.items() for value in curve.values()]
    limits = axis_limits([*rows, ("baseline", [] if alone is None else [alone])])
    ax.grid()
    ax.set_ylim(limits)
    ax.xaxis.set_major_locator(FixedLocator(ticks))
    if alone is not None:
        ax.axhline(alone, color=BLACK, linestyle=DOTTED, linewidth=0.9, label=data.baseline)
    for method, curve in curves.items():
        style, last = data.styles[method], max(curve)
        at = [place for place, count in enumerate(curve) if count in ticks]
        ax.plot(list(curve), list(curve.values()), linestyle=style.line, label=method, markevery=at, **style.mark)
        if is_outside(curve[last], limits):
            plot_arrow(ax, last, curve[last], limits, style)
