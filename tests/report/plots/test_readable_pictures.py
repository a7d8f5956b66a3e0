"""Pictures of many rows can be read: outliers do not set the axes, names do not overlap, ticks stand at markers."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Annotation, Text

from cmkd_bench.report.cells import Column
from cmkd_bench.report.plots.limits import is_outside, limits_of_most
from cmkd_bench.report.plots.picture import Picture
from cmkd_bench.report.plots.plot_data import PlotData
from cmkd_bench.report.plots.save import plot
from cmkd_bench.report.plots.style import styles_of
from cmkd_bench.report.plots.tuning_curve import marked

Make = Callable[..., PlotData]
COLUMNS = [Column("toy", *pair) for pair in itertools.permutations(("audio", "video", "text"), 2)]


def pictures(data: PlotData, kind: str) -> list[Picture]:
    return [one for one in plot(data, [kind]) if isinstance(one, Picture)]


def panels(picture: Picture) -> list[Axes]:
    return [ax for part in picture.figure.subfigs for ax in part.axes if ax.get_visible()]


def test_a_control_is_shown_within_half_the_range_of_the_methods() -> None:
    assert limits_of_most([(0.0, ()), (10.0, ())], [-5.0, -5.1, 14.0]) == pytest.approx((-5 - 1.33, 14 + 1.33))


def made(make_data: Make, shifts: dict[str, float], columns: list[Column] = COLUMNS) -> PlotData:
    """Rows that are better than the student alone by so many points everywhere; each costs as much as it gains."""
    roles = {row: "baseline" if row == "none" else "control" if row == "shuffled" else "method" for row in shifts}
    values = {(row, c): [60 + s + seed for seed in range(3)] for row, s in shifts.items() for c in columns}
    return make_data(roles, values, costs={row: (1.0 + i, 100 * i) for i, row in enumerate(shifts)})


def test_what_is_far_out_does_not_set_the_limits() -> None:
    # quartiles of 1, 2, 3, 4, -80: 1 and 3, so far out is below -5 and above 9
    points = [(1.0, (0.0, 2.0)), (2.0, ()), (3.0, (-30.0, 6.0)), (4.0, ()), (-80.0, (-90.0, -70.0))]
    low, high = limits_of_most(points)
    assert (low, high) == pytest.approx((-5 - 0.07 * 11, 6 + 0.07 * 11)), "and neither does a bar"
    assert limits_of_most([(2.0, ()), (2.0, ())]) == pytest.approx((-0.14, 2.14)), "0 is always there"


def test_methods_have_the_room_of_the_gap_whatever_a_control_or_one_method_does(make_data: Make) -> None:
    shifts = {"none": 0.0, "a": 1.0, "b": 2.0, "c": 3.0, "d": 4.0, "wreck": -50.0, "shuffled": -30.0}
    (picture,) = pictures(made(make_data, shifts), "gap")
    axes = {ax.get_title(loc="left"): ax for ax in panels(picture)}
    low, high = axes["a"].get_ylim()
    assert -20 < low < 0 < 4 < high < 20
    for row in ("wreck", "shuffled"):
        assert is_outside(shifts[row], (low, high))
        marks = [line for line in axes[row].lines if line.get_marker() == "v"]
        assert len(marks) == len(COLUMNS), "an arrow per direction"


def test_a_method_has_its_color_in_the_gap_and_a_dataset_its_marker(make_data: Make) -> None:
    columns = [*COLUMNS[:2], Column("other", "audio", "video")]
    data = made(make_data, {"none": 0.0, "a": 1.0, "b": 2.0}, columns)
    (picture,) = pictures(data, "gap")
    for ax in panels(picture):
        lines = [one.lines[0] for one in ax.containers]  # type: ignore[attr-defined]
        assert {line.get_color() for line in lines} == {data.styles[ax.get_title(loc="left")].color}
        assert len({line.get_marker() for line in lines}) == 2


def test_names_beside_points_overlap_neither_each_other_nor_the_panels(make_data: Make) -> None:
    shifts = {"none": 0.0, **{f"method_{i}": (7 * i % 11) / 5 for i in range(20)}}
    found = pictures(made(make_data, shifts), "cost")
    assert [one.name for one in found] == ["cost-time", "cost-parameters"]
    for picture in found:
        canvas = FigureCanvasAgg(picture.figure)
        canvas.draw()
        (ax,) = panels(picture)
        labels = [text for text in ax.texts if isinstance(text, Annotation)]
        assert {text.get_text() for text in labels} == set(shifts)
        # that of an Annotation would include its line
        boxes = [Text.get_window_extent(text, canvas.get_renderer()).padded(-3) for text in labels]
        assert not [pair for pair in itertools.combinations(boxes, 2) if pair[0].overlaps(pair[1])]


def test_a_cost_is_that_of_a_dataset_over_its_directions(make_data: Make) -> None:
    values = {("none", COLUMNS[0]): [50.0, 52.0], ("none", COLUMNS[1]): [70.0, 76.0]}
    data = make_data({"none": "baseline"}, values)
    (ax,) = panels(pictures(data, "cost")[0])
    container = ax.containers[0]
    line = container.lines[0]  # type: ignore[attr-defined]
    assert float(line.get_ydata()[0]) == pytest.approx(62.0)
    bar = container.lines[2][0].get_segments()[0][:, 1]  # type: ignore[attr-defined]
    assert bar == pytest.approx([62 - 8**0.5, 62 + 8**0.5]), "of 60 and 64"


def test_defaults_and_tuned_rows_are_ranked_apart(make_data: Make) -> None:
    shifts = {"none": 0.0, "a": 1.0, "a (tuned)": 5.0, "b": 2.0, "b (tuned)": 3.0, "shuffled": -1.0}
    found = {one.name: panels(one)[0] for one in pictures(made(make_data, shifts), "critical")}
    assert set(found) == {"critical-differences", "critical-differences+tuned"}
    ranks = {
        name: {str(line.get_label()): float(line.get_xdata()[0]) for line in ax.lines if line.get_label() in shifts}  # type: ignore[index,arg-type]
        for name, ax in found.items()
    }
    assert ranks["critical-differences"] == {"b": 1.0, "a": 2.0, "none": 3.0, "shuffled": 4.0}
    assert ranks["critical-differences+tuned"] == {"a (tuned)": 1.0, "b (tuned)": 2.0, "none": 3.0, "shuffled": 4.0}


def test_each_number_of_labels_is_ranked_by_itself(make_data: Make) -> None:
    few = [Column(c.dataset, c.teacher_modality, c.student_modality, 0.05) for c in COLUMNS]
    data = made(make_data, {"none": 0.0, "a": 1.0, "b": 2.0}, [*COLUMNS, *few])
    found = {one.name: one.title for one in pictures(data, "critical")}
    assert set(found) == {"critical-differences", "critical-differences_0.05"}
    assert "5 % of labels" in found["critical-differences_0.05"]


@pytest.mark.parametrize("last", [1, 2, 3, 7, 10, 20, 21, 50, 100])
def test_ticks_of_trials_are_few_whole_numbers_from_first_to_last(last: int) -> None:
    ticks = marked(range(1, last + 1))
    assert ticks == sorted(set(ticks))
    assert (ticks[0], ticks[-1]) == (1, last)
    assert len(ticks) <= 9


def test_a_row_keeps_its_style_beside_a_tuned_row_and_no_two_rows_share_one() -> None:
    roles = {"none": "baseline"} | {f"m{i:02}": "method" for i in range(60)} | {"shuffled": "control"}
    styles = styles_of({**roles, "m07 (tuned)": "method"})
    assert {row: styles[row] for row in roles} == styles_of(roles)
    looks = [(one.color, one.marker, one.is_filled) for one in styles.values()]
    assert len(set(looks)) == len(looks)
