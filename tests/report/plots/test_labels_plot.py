"""The picture of gains by number of labels: what stands where, what is off the scale, and what it says without data."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable

import numpy as np
import pytest
from matplotlib.axes import Axes
from toy_pictures import assert_is_legible, bars_of, note, only, panels, point, refusal, segment

from cmkd_bench.report.cells import Column
from cmkd_bench.report.plots.labels import directions
from cmkd_bench.report.plots.limits import minus
from cmkd_bench.report.plots.plot_data import PlotData

ROLES = {"none": "baseline", "kd": "method", "crd": "method", "self": "control", "shuffled": "control"}
SHARES = (1.0, 0.05, 0.25)  # not in order
AB, BA = Column("toy", "audio", "video"), Column("toy", "video", "audio")
GAINS = {
    ("kd", 0.05): 15.0, ("kd", 0.25): 6.0, ("kd", 1.0): -1.0,
    ("crd", 0.05): 12.0, ("crd", 1.0): -2.0,
    ("self", 0.05): 0.5, ("self", 0.25): -0.5, ("self", 1.0): -9.0,
    ("shuffled", 0.05): -48.0, ("shuffled", 0.25): -56.0, ("shuffled", 1.0): -8.0,
}  # fmt: skip
INTERVALS = {("kd", few): (low, high) for few, low, high in ((0.05, 11.0, 18.0), (0.25, 4.0, 9.0), (1.0, -3.0, 1.5))}
Make = Callable[..., PlotData]


def of(column: Column, labels: float | str) -> Column:
    return dataclasses.replace(column, labels=labels)


@pytest.fixture
def data(make_data: Make) -> PlotData:
    values = {("none", of(AB, share)): [50.0, 52.0, 54.0] for share in SHARES}
    for (row, share), gain in GAINS.items():
        values[row, of(AB, share)] = [50.0 + gain, 52.0 + gain, 54.0 + gain]
    values["crd", of(AB, 0.25)] = []
    return make_data(ROLES, values, {(row, of(AB, share)): ends for (row, share), ends in INTERVALS.items()})


def points(ax: Axes) -> dict[str, list[tuple[float, float]]]:
    found: dict[str, list[tuple[float, float]]] = {}
    for one in bars_of(ax):
        found.setdefault(str(one.get_label()), []).append(point(one))
    return found


def test_gains_stand_beside_their_number_of_labels(data: PlotData) -> None:
    (ax,) = panels(only(data, "labels").figure)
    assert ax.get_xscale() == "log"
    drawn = points(ax)
    for row in ("kd", "crd", "self"):
        expected = sorted((100 * share, gain) for (name, share), gain in GAINS.items() if name == row)
        assert [y for _, y in drawn[row]] == pytest.approx([gain for _, gain in expected])
        assert [x for x, _ in drawn[row]] == pytest.approx([share for share, _ in expected], rel=0.2)
    first = [found[0][0] for found in drawn.values() if len(found) > 1]
    assert len(set(first)) == len(first), "rows stand side by side"
    assert [text.get_text() for text in ax.get_xticklabels()] == ["5", "25", "100"]


def test_bars_are_the_intervals_of_the_comparisons_and_controls_have_none(data: PlotData) -> None:
    (ax,) = panels(only(data, "labels").figure)
    kd = [one for one in bars_of(ax) if one.get_label() == "kd"]
    for one, share in zip(kd, (0.05, 0.25, 1.0), strict=True):
        test = data.entry("kd", of(AB, share)).comparison
        assert test is not None
        assert segment(one)[:, 1] == pytest.approx([test.low, test.high])
    assert not any(one.lines[2] for one in bars_of(ax) if one.get_label() != "kd")


def test_a_line_joins_what_is_known_and_styles_are_those_of_other_pictures(data: PlotData) -> None:
    (ax,) = panels(only(data, "labels").figure)
    lines = [line for line in ax.lines if line.get_label() == "_line"]
    assert len(lines) == 4
    by_color = {line.get_color(): np.asarray(line.get_ydata()).tolist() for line in lines[2:]}
    assert by_color[data.styles["kd"].color] == [15.0, 6.0, -1.0]
    assert by_color[data.styles["crd"].color] == [12.0, -2.0]
    assert {line.get_color() for line in lines[:2]} == {data.styles["self"].color}, "controls are below methods"


def test_a_control_far_away_becomes_arrows_and_leaves_methods_their_room(data: PlotData) -> None:
    figure = only(data, "labels").figure
    (ax,) = panels(figure)
    # methods from -3 to 18 with their intervals; a quarter of 21 may be added for controls: -8 is inside
    low, high = ax.get_ylim()
    assert low == pytest.approx(-8.0 - 0.07 * 26)
    assert high == pytest.approx(18.0 + 0.07 * 26)
    arrows = [line for line in ax.lines if line.get_label() == "shuffled" and not line.get_clip_on()]
    assert len(arrows) == 2
    assert all(np.asarray(line.get_ydata())[0] == pytest.approx(low) for line in arrows)
    assert minus("shuffled, -56.0 to -48.0") in note(figure)


def test_there_is_a_panel_for_each_direction_with_several_numbers_of_labels(make_data: Make) -> None:
    budgets = {of(AB, 0.05), of(AB, 1.0), of(BA, "3pc"), of(BA, 0.05), of(Column("other", "a", "b"), 0.05)}
    data = make_data({"none": "baseline", "kd": "method"}, {
        (row, column): [50.0, 51.0] for row, column in itertools.product(("none", "kd"), sorted(budgets, key=str))
    })  # fmt: skip
    assert {title: [column.labels for column in columns] for title, columns in directions(data).items()} == {
        "toy: audio → video": [0.05, 1.0],
        "toy: video → audio": ["3pc", 0.05],
    }


@pytest.mark.parametrize(
    ("budgets", "ticks", "axis"),
    [(("1pc", "8pc"), ["1", "8"], "per class"), (("3pc", 0.5), ["30", "600"], "labels seen in training")],
)
def test_numbers_per_class_have_an_axis_too(
    make_data: Make, monkeypatch: pytest.MonkeyPatch, budgets: tuple[float | str, ...], ticks: list[str], axis: str
) -> None:
    values = {(row, of(AB, budget)): [50.0, 51.0, 53.0] for row in ("none", "kd") for budget in budgets}
    monkeypatch.setattr(PlotData, "train_labels", lambda self, column: {"3pc": 30.0, 0.5: 600.0}[column.labels])
    figure = only(make_data({"none": "baseline", "kd": "method"}, values), "labels").figure
    (ax,) = panels(figure)
    assert [text.get_text() for text in ax.get_xticklabels()] == ticks
    assert axis in figure.subfigs[0].get_supxlabel()


def test_one_number_of_labels_is_refused_with_the_command_for_more(make_data: Make) -> None:
    data = make_data({"none": "baseline", "kd": "method"}, {("none", AB): [50.0], ("kd", AB): [51.0]})
    assert "`cmkd-bench run --datasets toy --methods kd --labels 0.01,0.05,0.25,1`" in refusal(data, "labels")


def test_without_a_finished_method_there_is_no_picture(make_data: Make) -> None:
    values = {("none", of(AB, share)): [50.0] for share in SHARES} | {("kd", of(AB, share)): [None] for share in SHARES}
    assert "both a method and 'none' done" in refusal(make_data({"none": "baseline", "kd": "method"}, values), "labels")


def test_what_holds_for_all_numbers_of_a_dataset_is_in_the_title(make_data: Make) -> None:
    values = {(row, of(AB, share)): [50.0, 51.0] for row in ("none", "kd") for share in SHARES}
    data = make_data({"none": "baseline", "kd": "method"}, values, conditions={"protocol": "c2kd", "fixture": True})
    assert only(data, "labels").title.endswith("(FIXTURE, not the dataset, protocol c2kd)")


def test_six_methods_and_five_controls_at_six_numbers_of_labels_are_legible(make_data: Make) -> None:
    methods = dict.fromkeys(["kd", "dkd", "fitnet", "crd", "cmcd", "c2kd"], "method")
    controls = dict.fromkeys(["label_smoothing", "kd_shuffled", "kd_random", "kd_self", "other"], "control")
    roles = {"none": "baseline"} | methods | controls
    columns = [
        Column(name, "accelerometer", "gyroscope", share)
        for name in ("mfeat", "watch")
        for share in (0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
    ]
    values = {
        (row, column): [50.0 + i * 10 * (1 - float(column.labels)) / 11 + seed for seed in range(3)]
        for i, row in enumerate(roles)
        for column in columns
    }
    figure = only(make_data(roles, values), "labels").figure
    assert_is_legible(figure, "labels")
    assert len(figure.subfigs[0].legends[0].get_texts()) == 11
