"""What is drawn by epoch: learning curves, and what methods logged."""

from __future__ import annotations

import pytest
from toy_pictures import AB, Make, epoch, only, panels

from cmkd_bench.report.plots.plot_data import PlotData


def test_a_learning_curve_is_the_mean_with_the_range_of_the_seeds(one: PlotData) -> None:
    kd = panels(only(one, "learning").figure)[0]
    lines = {line.get_label(): line for line in kd.lines}
    assert list(lines["none"].get_ydata()) == [40.0, 46.0]  # type: ignore[arg-type]
    assert list(lines["kd"].get_xdata()) == [2]  # type: ignore[arg-type]
    assert list(lines["kd"].get_ydata()) == pytest.approx([49.0])  # type: ignore[arg-type]
    band = kd.collections[0].get_paths()[0].vertices
    assert (min(band[:, 1]), max(band[:, 1])) == (44.0, 56.0)  # type: ignore[index,call-overload]
    assert "phase hint" in {text.get_text() for text in kd.texts}


def test_a_tuned_row_shares_the_panel_of_its_method(make_data: Make) -> None:
    roles = {"none": "baseline", "kd": "method", "kd (tuned)": "method", "dkd (tuned)": "method"}
    histories = {
        f"{row}-video-{seed}": [epoch(1, 40.0 + shift), epoch(2, 50.0 + shift + seed)]
        for shift, row in enumerate(roles)
        for seed in range(3)
    }
    made = make_data(roles, {(row, AB): [50.0, 51.0, 52.0] for row in roles}, histories=histories)
    titles = {ax.get_title(loc="left"): ax for ax in panels(only(made, "learning").figure)}
    assert set(titles) == {"kd", "dkd (tuned)"}
    lines = {str(line.get_label()): line for line in titles["kd"].lines}
    assert list(lines["kd"].get_ydata()) == [41.0, 52.0]  # type: ignore[arg-type]
    assert list(lines["kd (tuned)"].get_ydata()) == [42.0, 53.0]  # type: ignore[arg-type]
    kinds = {(lines[row].get_linestyle(), lines[row].get_marker()) for row in ("none", "kd", "kd (tuned)")}
    assert len(kinds) == 3, "told apart without colour"


def test_where_curves_end_decides_what_is_seen(make_data: Make) -> None:
    roles = {"none": "baseline", "kd": "method", "shuffled": "control"}
    courses = {"none": [80.0, 84.0, 85.0, 86.0], "kd": [10.0, 60.0, 82.0, 88.0], "shuffled": [15.0, 14.0, 13.0, 12.0]}
    histories = {f"{row}-video-0": [epoch(n, value) for n, value in enumerate(of, 1)] for row, of in courses.items()}
    made = make_data(roles, {(row, AB): [50.0] for row in roles}, histories=histories)
    kd, shuffled = panels(only(made, "learning").figure)
    # from 80, where the student alone begins, to 88, and a margin of 7 %
    assert kd.get_ylim() == pytest.approx((79.44, 88.56))
    assert "12.0" in {text.get_text() for text in shuffled.texts}
    assert {text.get_text() for text in kd.texts} == set()


def test_a_panel_without_a_curve_says_why(one: PlotData) -> None:
    titles = {ax.get_title(loc="left"): ax for ax in panels(only(one, "learning").figure)}
    assert "not defined" in {text.get_text() for text in titles["never"].texts}


def test_what_a_method_logged_is_drawn_by_its_name(one: PlotData) -> None:
    drawn = only(one, "logged")
    assert drawn.name == "logged-kd-toy"
    (ax,) = panels(drawn.figure)
    assert ax.get_title(loc="left") == "keep rate"
    (line,) = [line for line in ax.lines if line.get_label() == AB.direction]
    assert list(line.get_xdata()) == [1, 2]  # type: ignore[arg-type]
    assert list(line.get_ydata()) == pytest.approx([0.5, 0.7])  # type: ignore[arg-type]
