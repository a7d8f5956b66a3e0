"""Average ranks drawn with their critical differences."""

from __future__ import annotations

import pytest
from toy_pictures import note, only, panels, refusal

from cmkd_bench.report.plots.critical import cliques, plot_ranking
from cmkd_bench.report.plots.plot_data import PlotData
from cmkd_bench.report.ranking import Ranking


def test_a_critical_difference_diagram_has_each_rank_and_joins_what_cannot_be_told_apart() -> None:
    ranking = Ranking({"d": 4.0, "a": 1.0, "b": 1.5, "c": 3.5}, 10, p=0.001, distance=1.2)
    figure = plot_ranking(ranking, "Ranks", 12, ["lost"]).figure
    (ax,) = panels(figure)
    ranks = {line.get_label(): float(line.get_xdata()[0]) for line in ax.lines if line.get_label() in "abcd"}  # type: ignore[index,operator]
    assert ranks == {"a": 1.0, "b": 1.5, "c": 3.5, "d": 4.0}
    groups = [list(line.get_xdata()) for line in ax.lines if line.get_label() == "group"]  # type: ignore[arg-type]
    assert groups == [pytest.approx([0.97, 1.53]), pytest.approx([3.47, 4.03])]
    (distance,) = [line for line in ax.lines if line.get_label() == "distance"]
    assert list(distance.get_xdata()) == pytest.approx([1.0, 2.2])  # type: ignore[arg-type]
    assert "Left out: 2 incomplete directions. Left out as incomplete: lost." in note(figure)


def test_groups_are_the_largest_runs_within_the_distance() -> None:
    assert cliques([1.0, 2.0, 3.0, 4.5], 1.0) == [(0, 1), (1, 2)]
    assert cliques([1.0, 2.0, 3.0], 2.0) == [(0, 2)]
    assert cliques([1.0, 2.5, 4.0], 1.0) == []


def test_ranks_are_drawn_only_where_they_can_be_told_apart(one: PlotData, four: PlotData) -> None:
    assert "at least 3 directions" in refusal(one, "critical")
    assert "found 1 direction, 0 of 5 methods complete, and 3 seeds" in refusal(one, "critical")
    assert only(four, "critical").name == "critical-differences"
