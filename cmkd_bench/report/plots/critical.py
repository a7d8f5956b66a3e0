"""Average ranks of the methods over directions and datasets, and which of them cannot be told apart."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence

from matplotlib.axes import Axes

from cmkd_bench.report.plots.material import Material
from cmkd_bench.report.plots.page import Picture, Refusal, sheet, shorten, text_width
from cmkd_bench.report.plots.style import BLACK, COLUMN, GREY, PAGE, SMALL, styled
from cmkd_bench.report.ranking import FEWEST_COLUMNS, FEWEST_ROWS, Ranking
from cmkd_bench.report.wording import p_value
from cmkd_bench.statistics.paired import FEWEST_SEEDS, LEVEL

LINE = 0.17  # inches per method
BESIDE = 0.44  # inches of a name's line, its rank, and the margin


def draw(material: Material) -> Iterator[Picture | Refusal]:
    """One picture of the whole experiment."""
    ranking, name = material.ranking, "critical-differences"
    if ranking is None or ranking.distance is None:
        yield Refusal(name, _reason(material, ranking))
        return
    left_out = [method for method in material.roles if method not in ranking.ranks]
    with styled():
        drawn = picture(ranking, ranking.distance, name, len(material.columns), left_out, material.title_of_all)
    yield drawn


def _reason(material: Material, ranking: Ranking | None) -> str:
    """What is missing for a test of ranks."""
    ranked = 0 if ranking is None else len(ranking.ranks)
    columns = len(material.columns) if ranking is None else ranking.columns
    return (
        f"ranks can be told apart over at least {FEWEST_COLUMNS} directions, with {FEWEST_ROWS} methods that are "
        f"complete in all of them and {FEWEST_SEEDS} seeds; here are {columns} directions, {ranked} such methods of "
        f"{len(material.roles)}, and {material.seeds_text()}."
    )


def cliques(ranks: Sequence[float], distance: float) -> list[tuple[int, int]]:
    """The largest groups of neighbours that a critical difference spans: first and last place of each, both included.

    Args:
        ranks: in ascending order.
        distance: the critical difference.
    """
    spans = [
        (first, max(j for j, r in enumerate(ranks) if r - ranks[first] <= distance)) for first in range(len(ranks))
    ]
    return [
        (first, last)
        for i, (first, last) in enumerate(spans)
        if last > first and not any(last <= other for _, other in spans[:i])
    ]


def picture(
    ranking: Ranking,
    distance: float,
    name: str,
    columns: int,
    left_out: Sequence[str] = (),
    mark: Callable[[str], str] = str,
) -> Picture:
    """The diagram of a ranking.

    Args:
        ranking: average ranks, in any order.
        distance: its critical difference.
        name: stem of the file.
        columns: how many directions there are; ranks may be over fewer.
        left_out: methods that have no rank.
        mark: adds to a title what no number must be read without.
    """
    methods = len(ranking.ranks)
    ranks = dict(sorted(ranking.ranks.items(), key=lambda one: one[1]))
    title = mark(f"Average rank over {ranking.columns} directions, with critical differences")
    groups = cliques(list(ranks.values()), distance)
    height = 0.75 + 0.1 * len(groups) + LINE * math.ceil(methods / 2)
    width = COLUMN if methods <= 8 and _room(ranks) <= COLUMN * 0.36 else PAGE
    figure, body = sheet(title, _note(ranking, columns, left_out), height, width)
    ax = body.subplots()
    room = min(_room(ranks), width * (0.36 if width == COLUMN else 0.28))
    _scale(ax, methods, width, room, height)
    _distance(ax, distance)
    for number, (first, last) in enumerate(groups):
        _group(ax, list(ranks.values())[first : last + 1], 0.1 + 0.1 * number)
    _names(ax, ranks, 0.1 + 0.1 * len(groups), width, room)
    return Picture(name, title, figure)


def _scale(ax: Axes, methods: int, width: float, room: float, height: float) -> None:
    """The axis of ranks, in inches downwards from it."""
    unit = (methods - 1) / (width - 2 * room)
    ax.set_xlim(1 - room * unit, methods + room * unit)
    ax.set_ylim(height - 0.5, -0.5)
    ax.axis("off")
    ax.plot([1, methods], [0, 0], color=BLACK, linewidth=0.8, label="_scale")
    step = max(1, methods // 10)
    for place in range(1, methods + 1, step):
        ax.plot([place, place], [-0.05, 0], color=BLACK, linewidth=0.8, label="_scale")
        ax.text(place, -0.07, str(place), fontsize=SMALL, ha="center", va="bottom")


def _room(ranks: Iterable[str]) -> float:
    """What the longest name needs beside the scale, in inches."""
    return max(text_width(method, SMALL) for method in ranks) + BESIDE


def _distance(ax: Axes, distance: float) -> None:
    ax.plot([1, 1 + distance], [-0.3, -0.3], color=BLACK, linewidth=1.2, marker="|", markersize=5, label="distance")
    ax.text(1 + distance / 2, -0.33, f"CD = {distance:.2f}", fontsize=SMALL, ha="center", va="bottom")


def _group(ax: Axes, ranks: Sequence[float], y: float) -> None:
    ax.plot([ranks[0] - 0.03, ranks[-1] + 0.03], [y, y], color=BLACK, linewidth=3, solid_capstyle="butt", label="group")


def _names(ax: Axes, ranks: dict[str, float], top: float, width: float, room: float) -> None:
    """The better half on the left from the top down, the other on the right from the bottom up."""
    low, high = ax.get_xlim()
    unit = (high - low) / width
    half = math.ceil(len(ranks) / 2)
    for place, (method, value) in enumerate(ranks.items()):
        left = place < half
        y = top + LINE * (place if left else len(ranks) - 1 - place) + 0.08
        end = 1 - 0.08 * unit if left else len(ranks) + 0.08 * unit
        ax.plot([value, value, end], [0, y, y], color=GREY, linewidth=0.7, label=method)
        label = shorten(method, room - BESIDE)
        text = f"{label} {value:.2f}" if left else f"{value:.2f} {label}"
        ax.text(
            end - 0.03 * unit * (1 if left else -1),
            y,
            text,
            fontsize=SMALL,
            ha="right" if left else "left",
            va="center",
        )


def _note(ranking: Ranking, columns: int, left_out: Sequence[str]) -> str:
    assert ranking.p is not None, "where there is a critical difference there is a test"
    differ = "" if ranking.p < LEVEL else ", so that no difference between the methods is shown"
    missing = f" Without incomplete methods: {', '.join(left_out)}." if left_out else ""
    fewer = f" Without {columns - ranking.columns} incomplete directions." if columns != ranking.columns else ""
    return (
        f"Rank 1 is the best. Friedman's test: {p_value(ranking.p)}{differ}. Methods that a bar joins differ by less "
        f"than the critical difference (Nemenyi, level {LEVEL}). Directions of one dataset share samples, so this is a "
        f"description.{fewer}{missing}"
    )
