"""What tuning is worth: the test score of the draw that validation selects, against the number of draws."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import SubFigure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from cmkd_bench.report.leaderboard import Column
from cmkd_bench.report.plots.material import Material
from cmkd_bench.report.plots.page import Picture, Refusal, file_stem, grid, hide_rest, sheet, shorten, width_of
from cmkd_bench.report.plots.ranges import arrow, is_outside, view
from cmkd_bench.report.plots.style import BLACK, NORMAL, PAGE, SMALL, styled
from cmkd_bench.report.tuning_results import StudyResult
from cmkd_bench.statistics.budget import expected_selected

Curve = dict[int, float]  # by number of draws
MOST_ACROSS, MOST, PER_LINE = 2, 8, 4
MARKS = 6  # about so many markers on a curve


def draw(material: Material) -> Iterator[Picture | Refusal]:
    """Sheets per dataset, a panel per direction, a line per method."""
    if not material.trials:
        yield Refusal("tuning", "no method was tuned here; `cmkd-bench run --trials N` does it.")
    for dataset, columns in material.datasets.items():
        curves = {column: found for column in columns if (found := curves_of(material, column))}
        if not curves and any(outcome.trials.dataset == dataset for outcome in material.trials):
            yield Refusal(file_stem("tuning", dataset), f"no method has all its draws of '{dataset}' ended.")
        drawn = list(curves)
        parts = [drawn[start : start + MOST] for start in range(0, len(drawn), MOST)]
        for number, part in enumerate(parts, 1):
            name = file_stem("tuning", dataset, *([str(number)] if len(parts) > 1 else []))
            with styled():
                yield _sheet(material, dataset, {column: curves[column] for column in part}, name)


def curves_of(material: Material, column: Column) -> dict[str, Curve]:
    """By method the expected test score by number of draws, the mean over folds, where the draws of all have ended."""
    by_method: dict[str, list[StudyResult]] = {}
    for outcome in material.trials:
        if outcome.column == column:
            by_method.setdefault(outcome.trials.method, []).append(outcome)
    found = {method: _mean([_curve(one) for one in outcomes]) for method, outcomes in by_method.items()}
    return {method: curve for method, curve in found.items() if curve}


def _curve(outcome: StudyResult) -> Curve:
    if not all(one.is_over for one in outcome.drawn):
        return {}
    pairs = [(one.validation, one.test) for one in outcome.drawn]
    whole = [pair if None not in pair else (None, None) for pair in pairs]
    expected = expected_selected([validation for validation, _ in whole], [test for _, test in whole])
    return {count: value for count, value in enumerate(expected, 1) if value is not None}


def _mean(folds: Sequence[Curve]) -> Curve:
    """Where all folds have a value."""
    shared = [count for count in folds[0] if all(count in fold for fold in folds)]
    return {count: sum(fold[count] for fold in folds) / len(folds) for count in shared}


def _sheet(material: Material, dataset: str, curves: Mapping[Column, dict[str, Curve]], name: str) -> Picture:
    title = material.title("What draws of hyper-parameters are worth", dataset)
    methods = [m for m in material.methods if any(m in by_method for by_method in curves.values())]
    down, across = grid(len(curves), MOST_ACROSS)
    width = width_of(across)
    per_line = PER_LINE if width == PAGE else 2
    legend = 0.18 * -(-(len(methods) + 1) // per_line)
    figure, body = sheet(title, _note(material, dataset), 0.45 + 1.9 * down + legend, width)
    axes = body.subplots(down, across, sharex=True, squeeze=False)
    for ax, (column, by_method) in zip(axes.flat, curves.items()):
        _panel(ax, material, column, by_method)
        ax.set_title(shorten(column.direction, width / across - 0.5, NORMAL), loc="left")
    hide_rest(axes, len(curves))
    body.supxlabel("number of draws, the defaults first", fontsize=NORMAL)
    body.supylabel(f"test {material.metric(dataset)} (%)", fontsize=NORMAL)
    _legend(body, material, methods, per_line, width / per_line - 0.5)
    return Picture(name, title, figure)


def _panel(ax: Axes, material: Material, column: Column, curves: dict[str, Curve]) -> None:
    ax.grid()
    limits = _limits(material, curves, alone := _alone(material, column))
    ax.set_ylim(limits)
    if alone is not None:
        ax.axhline(alone, color=BLACK, linestyle=(0, (2, 1)), linewidth=0.9, label=material.baseline)
    for method, curve in curves.items():
        look, last = material.looks[method], max(curve)
        step = max(1, len(curve) // MARKS)
        ax.plot(list(curve), list(curve.values()), linestyle=look.line, label=method, markevery=step, **look.mark)
        if is_outside(curve[last], limits):
            arrow(ax, last, curve[last], limits, look, "y", "_outside", side="left")
    ax.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))


def _limits(material: Material, curves: dict[str, Curve], alone: float | None) -> tuple[float, float]:
    """The range of all methods' curves and the student alone; controls may begin, or lie, outside."""
    inner = [value for name, one in curves.items() if material.roles[name] != "control" for value in one.values()]
    outer = [[value] for name, one in curves.items() if material.roles[name] == "control" for value in one.values()]
    return view([*inner, *([] if alone is None else [alone])], outer)


def _alone(material: Material, column: Column) -> float | None:
    """The student alone under the seed of the draws."""
    seeds = {outcome.trials.seed for outcome in material.trials if outcome.column == column}
    return material.alone(column).values.get(min(seeds))


def _legend(body: SubFigure, material: Material, methods: Sequence[str], per_line: int, width: float) -> None:
    looks = [material.looks[method] for method in methods]
    handles = [Line2D([], [], linestyle=look.line, **look.mark) for look in looks]
    handles.append(Line2D([], [], color=BLACK, linestyle=(0, (2, 1)), linewidth=0.9))
    labels = [shorten(name, width) for name in (*methods, f"{material.baseline}, not tuned")]
    body.legend(handles, labels, loc="outside upper left", ncols=per_line, fontsize=SMALL)


def _note(material: Material, dataset: str) -> str:
    seeds = {outcome.trials.seed for outcome in material.trials if outcome.trials.dataset == dataset}
    return (
        f"Test {material.metric(dataset)} of the draw that validation selects among so many draws: its expectation "
        "over all orders of the draws in which the defaults come first. One seed "
        f"({', '.join(map(str, sorted(seeds)))}), so differences hold for this seed alone. A control's curve may "
        "begin off the scale; an arrow points to an end there."
    )
