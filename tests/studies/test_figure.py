"""What a chart shows where, and that equal numbers look equal."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.collections import PathCollection
from matplotlib.container import ErrorbarContainer

from cmkd_bench.report.plots.style import GRAY
from cmkd_bench.studies.figure import Chart, as_picture, draw

CHART = Chart(
    title="a title",
    note="a note",
    axis="knob",
    quantity="accuracy (%)",
    places=["0", "1"],
    x=[0.0, 1.0],
    curves={"none": np.array([[50.0, 52.0], [50.0, 52.0]]), "kd": np.array([[60.0, 64.0], [70.0, 70.0]])},
    baseline="none",
    published={"the paper": {"kd": [61.0, None]}},
    below={"gap": {"gap": np.array([[1.0, 2.0], [3.0, 4.0]])}},
)


def axes_of(chart: Chart) -> list[Any]:
    figure = as_picture(chart, "name").figure
    return list(figure.subfigs[0].axes)


def bars(axes: Any) -> dict[str, ErrorbarContainer]:
    return {one.get_label(): one for one in axes.containers}


def test_means_and_intervals_stand_at_their_places() -> None:
    main, below = axes_of(CHART)
    line, _, (whiskers,) = bars(main)["kd"].lines
    assert line.get_ydata().tolist() == [62.0, 70.0]
    # t of one degree of freedom 12.706, standard error sqrt(8) / sqrt(2) = 2
    low, high = whiskers.get_segments()[0][:, 1]
    assert (low, high) == pytest.approx((62 - 25.412, 62 + 25.412), abs=1e-3)
    assert bars(below)["gap"].lines[0].get_ydata().tolist() == [1.5, 3.5]


def test_rows_stand_side_by_side_and_a_published_number_in_its_rows_place() -> None:
    main = axes_of(CHART)[0]
    x = {row: one.lines[0].get_xdata() for row, one in bars(main).items()}
    assert x["none"][0] < 0 < x["kd"][0]
    assert x["kd"][0] < 0.05
    (published,) = [one for one in main.collections if isinstance(one, PathCollection) and len(one.get_offsets())]
    place, value = published.get_offsets().filled(np.nan)[0]
    assert (place, value) == (x["kd"][0], 61.0)


def test_names_are_spaced_evenly_and_not_joined() -> None:
    main = axes_of(replace(CHART, x=None, places=["clean labels", "clean features"], below={}))[0]
    assert [text.get_text() for text in main.get_xticklabels()] == ["clean\nlabels", "clean\nfeatures"]
    line = bars(main)["kd"].lines[0]
    assert line.get_linestyle() == "None"
    assert np.diff(line.get_xdata()) == pytest.approx([1.0])


def test_one_draw_is_drawn_without_an_interval() -> None:
    main = axes_of(replace(CHART, curves={"kd": np.array([[60.0], [70.0]])}, published={}, below={}))[0]
    line, _, (whiskers,) = bars(main)["kd"].lines
    assert line.get_ydata().tolist() == [60.0, 70.0]
    assert np.ptp(whiskers.get_segments()[0][:, 1]) == 0


def test_a_chart_is_written_as_an_image_and_as_a_drawing_and_equal_numbers_look_equal(tmp_path: Path) -> None:
    for name in ("one", "two"):
        draw(CHART, tmp_path / name / "chart")
        assert (tmp_path / name / "chart.svg").read_bytes().startswith(b"<?xml")
    one, two = (plt.imread(tmp_path / name / "chart.png") for name in ("one", "two"))
    assert one.std() > 0.05
    assert np.abs(one - two).max() < 0.01


def test_a_known_row_has_one_look_whatever_stands_beside_it() -> None:
    known = dict.fromkeys(["c2kd", "cmcd", "kd"], "method")
    curve = np.array([[60.0, 61.0], [70.0, 71.0]])
    looks = []
    for rows in (["kd", "c2kd"], ["cmcd", "c2kd", "kd"]):
        chart = replace(CHART, curves=dict.fromkeys(rows, curve), published={}, below={}, known=known)
        lines = {row: one.lines[0] for row, one in bars(axes_of(chart)[0]).items()}
        looks.append({row: (line.get_color(), line.get_marker()) for row, line in lines.items()})
    assert looks[0]["kd"] == looks[1]["kd"]
    assert looks[0]["c2kd"] == looks[1]["c2kd"]
    assert len(set(looks[1].values())) == 3


def test_on_a_logarithmic_axis_rows_stand_side_by_side_by_ratio() -> None:
    chart = replace(CHART, x=[0.01, 1.0], places=["0.01", "1"], is_logarithmic=True, published={}, below={})
    (axes,) = axes_of(chart)
    assert axes.get_xscale() == "log"
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["0.01", "1"]
    places = {row: one.lines[0].get_xdata() for row, one in bars(axes).items()}
    assert places["none"] * places["kd"] == pytest.approx([0.01**2, 1.0])  # as far to the left as to the right
    assert 1 < places["kd"][0] / places["none"][0] < 1.1


def test_a_control_is_gray_and_a_method_is_not() -> None:
    chart = replace(CHART, known={"none": "baseline", "kd": "control", "other": "method"}, published={})
    assert bars(axes_of(chart)[0])["kd"].lines[0].get_color() == GRAY
    assert bars(axes_of(CHART)[0])["kd"].lines[0].get_color() != GRAY
