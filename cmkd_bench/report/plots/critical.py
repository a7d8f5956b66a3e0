"""Average ranks of the methods over directions and datasets, and which of them cannot be told apart."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from scipy import stats

from cmkd_bench.report.plots.material import Material
from cmkd_bench.report.plots.page import Picture, Refusal, sheet, shorten, text_width
from cmkd_bench.report.plots.style import BLACK, COLUMN, GREY, PAGE, SMALL, styled

FEWEST_BLOCKS = 4
LEVEL = 0.05
LINE = 0.17  # inches per method
BESIDE = 0.44  # inches of a name's line, its rank, and the margin


@dataclass(frozen=True)
class Ranking:
    """Methods by their average rank.

    Attributes:
        ranks: by method, the best first; 1 is the best.
        distance: the critical difference of two average ranks.
        p: of no difference between the methods; None for two of them, where the test is not defined.
        blocks: over how many directions of datasets.
        left_out: methods that lack a number in one of these.
    """

    ranks: dict[str, float]
    distance: float
    p: float | None
    blocks: int
    left_out: tuple[str, ...] = ()


def draw(material: Material) -> Iterator[Picture | Refusal]:
    """One picture of the whole experiment."""
    name = "critical-differences"
    scores, left_out = _scores(material)
    blocks = len(material.columns)
    if len(scores) < 2:
        found = f"{len(scores)} of {len(material.roles)} methods" if scores else "no method"
        yield Refusal(name, f"{found} are done in all directions, and ranks need two. Missing: {', '.join(left_out)}.")
    elif blocks < FEWEST_BLOCKS:
        yield Refusal(
            name,
            f"ranks over {blocks} directions say little; {FEWEST_BLOCKS} are the fewest, over datasets and pairs. "
            "Add some with --datasets or --pairs.",
        )
    else:
        with styled():
            yield picture(rank(scores, left_out), name)


def rank(scores: dict[str, list[float]], left_out: Sequence[str] = ()) -> Ranking:
    """Average ranks, Friedman's test and Nemenyi's critical difference (Demsar 2006).

    Args:
        scores: by method, its mean in each block; more is better.
        left_out: methods without a number in every block.
    """
    values = np.array(list(scores.values()))
    methods, blocks = values.shape
    averages = stats.rankdata(-values, axis=0).mean(1)
    order = np.argsort(averages, kind="stable")
    studentised = float(stats.studentized_range.ppf(1 - LEVEL, methods, math.inf))
    names = list(scores)
    return Ranking(
        ranks={names[i]: float(averages[i]) for i in order},
        distance=studentised / math.sqrt(2) * math.sqrt(methods * (methods + 1) / (6 * blocks)),
        p=float(stats.friedmanchisquare(*values).pvalue) if methods > 2 else None,
        blocks=blocks,
        left_out=tuple(left_out),
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


def picture(ranking: Ranking, name: str) -> Picture:
    """The diagram of a ranking."""
    methods = len(ranking.ranks)
    title = f"Average rank over {ranking.blocks} directions, with critical differences"
    groups = cliques(list(ranking.ranks.values()), ranking.distance)
    height = 0.75 + 0.1 * len(groups) + LINE * math.ceil(methods / 2)
    width = COLUMN if methods <= 8 and _room(ranking) <= COLUMN * 0.36 else PAGE
    figure, body = sheet(title, _note(ranking), height, width)
    ax = body.subplots()
    room = min(_room(ranking), width * 0.36)
    _scale(ax, methods, width, room, height)
    _distance(ax, ranking.distance)
    for number, (first, last) in enumerate(groups):
        _group(ax, list(ranking.ranks.values())[first : last + 1], 0.1 + 0.1 * number)
    _names(ax, ranking, 0.1 + 0.1 * len(groups), width, room)
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


def _room(ranking: Ranking) -> float:
    """What the longest name needs beside the scale, in inches."""
    return max(text_width(method, SMALL) for method in ranking.ranks) + BESIDE


def _distance(ax: Axes, distance: float) -> None:
    ax.plot([1, 1 + distance], [-0.3, -0.3], color=BLACK, linewidth=1.2, marker="|", markersize=5, label="distance")
    ax.text(1 + distance / 2, -0.33, f"CD = {distance:.2f}", fontsize=SMALL, ha="center", va="bottom")


def _group(ax: Axes, ranks: Sequence[float], y: float) -> None:
    ax.plot([ranks[0] - 0.03, ranks[-1] + 0.03], [y, y], color=BLACK, linewidth=3, solid_capstyle="butt", label="group")


def _names(ax: Axes, ranking: Ranking, top: float, width: float, room: float) -> None:
    """The better half on the left from the top down, the other on the right from the bottom up."""
    low, high = ax.get_xlim()
    unit = (high - low) / width
    half = math.ceil(len(ranking.ranks) / 2)
    for place, (method, value) in enumerate(ranking.ranks.items()):
        left = place < half
        y = top + LINE * (place if left else len(ranking.ranks) - 1 - place) + 0.08
        end = 1 - 0.08 * unit if left else len(ranking.ranks) + 0.08 * unit
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


def _note(ranking: Ranking) -> str:
    test = f"Friedman's test: p = {ranking.p:.2g}; " if ranking.p is not None else ""
    missing = f" Left out, as numbers are missing: {', '.join(ranking.left_out)}." if ranking.left_out else ""
    return (
        f"Rank 1 is the best. {test}methods that a bar joins differ by less than the critical difference (Nemenyi, "
        f"level {LEVEL}). Directions of one dataset are not independent of each other.{missing}"
    )


def _scores(material: Material) -> tuple[dict[str, list[float]], list[str]]:
    """Means in all directions, and the methods that lack one; controls that use no pairs stand beside the methods."""
    scores, left_out = {}, []
    for method in material.roles:
        results = [material.result(method, column) for column in material.columns]
        means = [result.mean for result in results if result.mean is not None and not result.problem]
        if len(means) == len(material.columns):
            scores[method] = means
        else:
            left_out.append(method)
    return scores, left_out
