"""Accuracy drawn against training time and extra parameters."""

from __future__ import annotations

import pytest
from matplotlib.axes import Axes
from toy_pictures import AB, INTERVALS, ROLES, VALUES, Make, bars, panels, point, segment

from cmkd_bench.report.plots.picture import Picture
from cmkd_bench.report.plots.plot_data import PlotData
from cmkd_bench.report.plots.save import plot


def costs(data: PlotData) -> list[Axes]:
    """The panels of one dataset, for time and for parameters."""
    return [ax for found in plot(data, ["cost"]) if isinstance(found, Picture) for ax in panels(found.figure)]


def test_accuracy_stands_against_both_costs(one: PlotData) -> None:
    seconds, extra = costs(one)
    assert point(bars(seconds)["none"]) == (2.0, 52.0)
    assert point(bars(extra)["none"]) == (0.0, 52.0)
    assert point(bars(seconds)["kd"]) == (4.0, 55.0)
    assert point(bars(extra)["kd"]) == (5000.0, 55.0)
    # deviations of 53, 54, 58 from 55: 4, 1 and 9 squared, over n - 1 = 2
    assert segment(bars(extra)["kd"])[:, 1] == pytest.approx([55 - 7**0.5, 55 + 7**0.5])
    assert extra.get_xlim()[0] < 0, "there is a place for nothing extra"


def test_the_bar_of_a_control_that_is_shown_is_shown_whole(make_data: Make) -> None:
    # 47 with a deviation of 16, half a length below what the others reach from 50 to 57.6
    wide = make_data(ROLES, {**VALUES, ("shuffled", AB): [31.0, 47.0, 63.0]}, INTERVALS)
    for ax in costs(wide):
        assert segment(bars(ax)["shuffled"])[:, 1] == pytest.approx([31.0, 63.0])
        low, high = ax.get_ylim()
        assert low < 31.0
        assert high > 63.0


def test_a_cost_that_was_never_recorded_is_said_to_be_missing(one: PlotData, make_data: Make) -> None:
    partly = make_data(ROLES, VALUES, INTERVALS, costs={"none": (2.0, None), "kd": (4.0, 5000)})
    _, extra = costs(partly)
    assert "kd" in bars(extra)
    assert "none" not in bars(extra)
    nowhere = make_data(ROLES, VALUES, INTERVALS, costs=dict.fromkeys(ROLES, (2.0, None)))
    seconds, extra = costs(nowhere)
    assert "none" in bars(seconds)
    assert [text.get_text() for text in extra.texts] == ["not recorded"]
    assert bars(extra) == {}
