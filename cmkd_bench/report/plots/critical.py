"""Average ranks of the methods over directions and datasets, and which of them cannot be told apart."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

from matplotlib.axes import Axes

from cmkd_bench.experiment.label_budget import ALL, LabelBudget, as_option, in_words, order
from cmkd_bench.experiment.trials import TUNED
from cmkd_bench.report.board import Column
from cmkd_bench.report.plots.picture import Picture, Refusal, new_figure, shorten_apart
from cmkd_bench.report.plots.plot_data import PlotData, plural
from cmkd_bench.report.plots.style import BLACK, COLUMN, GRAY, PAGE, SMALL, styled
from cmkd_bench.report.ranking import FEWEST_COLUMNS, FEWEST_ROWS, Ranking
from cmkd_bench.report.wording import p_value
from cmkd_bench.statistics.paired import FEWEST_SEEDS, LEVEL

NAME = "critical-differences"
LINE, BAR = 0.17, 0.6  # inches per line of names, the unit of the y-axis; lines per group


def plot(data: PlotData) -> Iterator[Picture | Refusal]:
    """Plot a picture of the defaults and, where there are tuned rows, one of these, for each number of labels."""
    for labels, columns in _by_labels(data.columns).items():
        place = f"{NAME}{'' if labels == ALL else f'_{as_option(labels)}'}"
        where = f" with {in_words(labels)}" if labels != ALL else ""
        defaults = [row for row in data.roles if not row.endswith(TUNED)]
        yield _plot_rows(data, place, where, columns, defaults)
        if len(defaults) < len(data.roles):
            tuned = [f"{row}{TUNED}" if f"{row}{TUNED}" in data.roles else row for row in defaults]
            yield _plot_rows(data, f"{place}+tuned", f"{where}, tuned where there is something to tune", columns, tuned)


def _by_labels(columns: Iterable[Column]) -> dict[LabelBudget, list[Column]]:
    """Group columns by the number of labels; a rank over several would mix different questions."""
    found: dict[LabelBudget, list[Column]] = {}
    for column in sorted(columns, key=lambda one: order(one.labels)):
        found.setdefault(column.labels, []).append(column)
    return found


def _plot_rows(
    data: PlotData, name: str, where: str, columns: Sequence[Column], rows: Sequence[str]
) -> Picture | Refusal:
    """Plot the ranks of some rows over some columns."""
    ranking = data.rank(rows, columns)
    if ranking is not None and ranking.distance is not None:
        title = data.title(f"Average rank over {ranking.columns} directions{where}, with critical differences")
        left_out = [row for row in rows if row not in ranking.ranks]
        return plot_ranking(ranking, title, len(columns), left_out, name)
    used, ranked = (ranking.columns, len(ranking.ranks)) if ranking else (len(columns), 0)
    return Refusal(
        name,
        f"ranks{where} can be compared over at least {FEWEST_COLUMNS} directions, with at least {FEWEST_ROWS} methods "
        f"that are complete in all of them and {FEWEST_SEEDS} seeds; found {plural(used, 'direction')}, "
        f"{ranked} of {len(rows)} methods complete, and {data.seeds}.",
    )


def cliques(ranks: Sequence[float], distance: float) -> list[tuple[int, int]]:
    """Return first and last place of the largest groups of neighbors, by ascending rank, that a distance spans."""
    places = range(len(ranks))
    spans = [(first, max(j for j in places if ranks[j] - ranks[first] <= distance)) for first in places]
    return [span for i, span in enumerate(spans) if span[1] > span[0] and (i == 0 or span[1] > spans[i - 1][1])]


@styled()
def plot_ranking(ranking: Ranking, title: str, columns: int, left_out: Sequence[str] = (), name: str = NAME) -> Picture:
    """Plot the diagram of a ranking of some of the columns, without the methods that were left out."""
    assert ranking.distance is not None, "there is a critical difference"
    ranks = dict(sorted(ranking.ranks.items(), key=lambda one: one[1]))
    values = list(ranks.values())
    groups = cliques(values, ranking.distance)
    top = 0.7 + BAR * len(groups)
    bottom = top + math.ceil(len(ranks) / 2)
    width = COLUMN if len(ranks) <= 8 and max(map(len, ranks)) <= 14 else PAGE
    figure, body = new_figure(title, _note(ranking, columns, left_out), LINE * (bottom + 4), width)
    ax = body.subplots()
    ax.set(xlim=(1, len(ranks)), ylim=(bottom, 0), yticks=[], xticks=range(1, len(ranks) + 1, 1 + len(ranks) // 20))
    ax.spines[["left", "bottom"]].set_visible(False)
    ax.spines["top"].set_visible(True)
    ax.xaxis.tick_top()
    ax.plot([1, 1 + ranking.distance], [-2, -2], "-|", color=BLACK, clip_on=False, label="distance")
    ax.text(1 + ranking.distance / 2, -2.2, f"CD = {ranking.distance:.2f}", fontsize=SMALL, ha="center", va="bottom")
    for number, (first, last) in enumerate(groups):
        ends, y = [values[first] - 0.03, values[last] + 0.03], 0.7 + BAR * number
        ax.plot(ends, [y, y], color=BLACK, linewidth=3, solid_capstyle="butt", label="group", clip_on=False)
    _plot_names(ax, ranks, top)
    return Picture(name, title, figure)


def _plot_names(ax: Axes, ranks: dict[str, float], top: float) -> None:
    """Write the better half on the left from the top down, and the other on the right from the bottom up."""
    half = math.ceil(len(ranks) / 2)
    names = shorten_apart([*ranks], 1.8)
    for place, (method, value) in enumerate(ranks.items()):
        left, name = place < half, names[place]
        y = top + 0.5 + (place if left else len(ranks) - 1 - place)
        ax.plot([value, value, 1 if left else len(ranks)], [0, y, y], color=GRAY, linewidth=0.7, label=method)
        x, align, text = (-0.01, "right", f"{name} {value:.2f}") if left else (1.01, "left", f"{value:.2f} {name}")
        ax.text(x, y, text, transform=ax.get_yaxis_transform(), fontsize=SMALL, ha=align, va="center")


def _note(ranking: Ranking, columns: int, left_out: Sequence[str]) -> str:
    assert ranking.p is not None, "where there is a critical difference there is a test"
    differ = "" if ranking.p < LEVEL else ", so no difference between the methods is shown"
    lost = columns - ranking.columns
    fewer = f" Left out: {plural(lost, 'incomplete direction')}." if lost else ""
    missing = f" Left out as incomplete: {', '.join(left_out)}." if left_out else ""
    return (
        f"Rank 1 is the best. Friedman's test: {p_value(ranking.p)}{differ}. Methods joined by a bar differ by less "
        f"than the critical difference (CD; Nemenyi, level {LEVEL}). Directions of one dataset share samples, so "
        f"this is only a description.{fewer}{missing}"
    )
