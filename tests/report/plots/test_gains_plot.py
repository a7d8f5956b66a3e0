"""Gains over the student alone, drawn: markers, intervals, and what is off the scale."""

from __future__ import annotations

import pytest
from toy_pictures import AB, CA, ROLES, Make, bars, only, panels, point, segment, several, texts

from cmkd_bench.report.plots import gains
from cmkd_bench.report.plots.limits import minus
from cmkd_bench.report.plots.picture import Picture
from cmkd_bench.report.plots.plot_data import PlotData
from cmkd_bench.report.plots.save import plot


def test_gains_stand_where_they_are(one: PlotData) -> None:
    (ax,) = panels(only(one, "gains").figure)
    drawn = bars(ax)
    assert set(drawn) == {"kd", "lost"}
    assert point(drawn["kd"]) == (3.0, 0.0)
    assert segment(drawn["kd"])[:, 0] == pytest.approx([1.5, 4.75])
    assert point(drawn["lost"]) == (-1.0, 1.0)
    assert not drawn["lost"].lines[2], "two seeds have no interval"
    seeds = [list(line.get_xdata()) for line in ax.lines if line.get_label() == "_seeds"]  # type: ignore[arg-type]
    assert seeds == [[3.0, 2.0, 4.0], [-1.0, -1.0]]


def test_gains_show_what_is_missing_and_what_is_off_the_scale(one: PlotData) -> None:
    (ax,) = panels(only(one, "gains").figure)
    written = {text.get_text(): text.get_position() for text in ax.texts}
    assert written["not defined"][1] == 2.0
    assert written["n = 2"][1] == 1.0
    assert minus("-31.0") in written
    (far,) = [line for line in ax.lines if line.get_label() == "shuffled"]
    low, high = ax.get_xlim()
    assert float(far.get_xdata()[0]) == low  # type: ignore[index]
    assert far.get_marker() == "<"
    assert -10 < low < -1 < 4.75 < high, "a control far off does not flatten the methods"
    assert float(far.get_ydata()[0]) > 3.0, "controls stand apart"  # type: ignore[index]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["kd", "lost", "never", "shuffled"]


def test_gains_of_fewer_than_three_seeds_claim_nothing(make_data: Make) -> None:
    data = make_data({"none": "baseline", "kd": "method"}, {("none", AB): [50.0], ("kd", AB): [51.0]})
    figure = only(data, "gains").figure
    assert any("no interval with fewer than 3 seeds" in text.get_text().replace("\n", " ") for text in texts(figure))
    assert any("n = 1 seed;" in text.get_text().replace("\n", " ") for text in texts(figure))


def test_sheets_of_gains_are_as_full_as_each_other_and_have_one_scale(
    make_data: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gains, "TALLEST", 1.0)  # inches: one row of three panels on a sheet
    values = several() | {("kd", CA): [60.0, 61.0, 62.0]}  # 5 points below the student alone, in the last direction
    made = make_data({name: ROLES[name] for name in ("none", "kd", "shuffled")}, values)
    sheets = [panels(found.figure) for found in plot(made, ["gains"]) if isinstance(found, Picture)]
    assert [len(axes) for axes in sheets] == [2, 2]
    (limits,) = {ax.get_xlim() for axes in sheets for ax in axes}
    assert limits[0] < -5.0 < 2.0 < limits[1]
