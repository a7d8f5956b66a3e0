"""The gap between the modalities drawn against the gain."""

from __future__ import annotations

from toy_pictures import AB, BA, Make, bars_of, note, only, panels, point

from cmkd_bench.report.plots.limits import minus
from cmkd_bench.report.plots.plot_data import PlotData


def test_the_gap_between_modalities_stands_against_the_gain(four: PlotData) -> None:
    kd, shuffled = panels(only(four, "gap").figure)
    # the student alone reaches 51, 61, 71 and 66 on average
    expected = {(80 - 51, 2.0), (55 - 61, 2.0), (90 - 71, 2.0), (66 - 66, 2.0)}
    assert {point(container) for container in kd.containers} == expected  # type: ignore[arg-type]
    assert not shuffled.containers, "at -1 it is farther below than a quarter of the range of the method"


def test_in_the_gap_a_tuned_row_is_open_beside_its_method(make_data: Make) -> None:
    roles = {"none": "baseline", "kd": "method", "kd (tuned)": "method", "shuffled": "control"}
    shifts = dict(zip(roles, (0.0, 2.0, 5.0, -60.0)))
    values = {(row, column): [70.0 + shift] * 3 for row, shift in shifts.items() for column in (AB, BA)}
    drawn = only(make_data(roles, values), "gap")
    kd, _ = panels(drawn.figure)
    faces = {point(one)[1]: one.lines[0].get_markerfacecolor() for one in bars_of(kd)}  # type: ignore[union-attr]
    assert set(faces) == {2.0, 5.0}
    assert faces[5.0] == "white" != faces[2.0]
    assert minus("off the scale: shuffled, -60.0.") in note(drawn.figure)
