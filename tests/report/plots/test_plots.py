"""Every picture shows the numbers that it is given: its artists say what is where."""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from cmkd_bench.errors import UserError
from cmkd_bench.report.cells import Column
from cmkd_bench.report.plots import gains, transfer
from cmkd_bench.report.plots.critical import cliques, plot_ranking
from cmkd_bench.report.plots.kinds import KINDS
from cmkd_bench.report.plots.limits import minus
from cmkd_bench.report.plots.picture import Picture, Refusal, render
from cmkd_bench.report.plots.plot_data import PlotData
from cmkd_bench.report.plots.save import check, plot
from cmkd_bench.report.ranking import Ranking

ROLES = {"none": "baseline", "kd": "method", "lost": "method", "never": "method", "shuffled": "control"}
AB, BA = Column("toy", "audio", "video"), Column("toy", "video", "audio")
AC, CA = Column("toy", "audio", "text"), Column("toy", "text", "audio")
Make = Callable[..., PlotData]
VALUES = {
    ("none", AB): [50.0, 52.0, 54.0],
    ("kd", AB): [53.0, 54.0, 58.0],  # gains 3, 2, 4
    ("lost", AB): [49.0, None, 53.0],  # -1, -1
    ("never", AB): [],
    ("shuffled", AB): [20.0, 21.0, 22.0],  # -30, -31, -32
}
INTERVALS = {("kd", AB): (1.5, 4.75), ("shuffled", AB): (-34.0, -28.0)}


def epoch(number: int, value: float | None, phase: str = "train", **logged: float) -> dict[str, Any]:
    return {"epoch": number, "phase": phase, "logged": logged} | ({} if value is None else {"selection": value})


HISTORIES = {
    **{f"none-video-{seed}": [epoch(1, 40.0), epoch(2, 46.0)] for seed in range(3)},
    "kd-video-0": [epoch(1, None, "hint", keep_rate=0.2), epoch(2, 44.0, keep_rate=0.5)],
    "kd-video-1": [epoch(1, None, "hint", keep_rate=0.4), epoch(2, 47.0, keep_rate=0.6)],
    "kd-video-2": [epoch(1, None, "hint", keep_rate=0.9), epoch(2, 56.0, keep_rate=1.0)],
}
COSTS = {"none": (2.0, 0), "kd": (4.0, 5000)}


def several() -> dict[tuple[str, Column], list[float]]:
    """Four directions, three methods, three seeds."""
    methods = {"none": 0.0, "kd": 2.0, "shuffled": -1.0}
    columns = {AB: 50.0, BA: 60.0, AC: 70.0, CA: 65.0}
    return {
        (method, column): [base + shift + seed for seed in range(3)]
        for (method, shift), (column, base) in itertools.product(methods.items(), columns.items())
    }


@pytest.fixture
def one(make_data: Make) -> PlotData:
    return make_data(ROLES, VALUES, INTERVALS, costs=COSTS, histories=HISTORIES)


@pytest.fixture
def four(make_data: Make) -> PlotData:
    roles = {name: ROLES[name] for name in ("none", "kd", "shuffled")}
    return make_data(roles, several(), teachers={AB: 80.0, BA: 55.0, AC: 90.0, CA: 66.0})


def only(data: PlotData, kind: str) -> Picture:
    """The one picture of a kind."""
    (found,) = plot(data, [kind])
    assert isinstance(found, Picture)
    return found


def refusal(data: PlotData, kind: str) -> str:
    found, *_ = plot(data, [kind])
    assert isinstance(found, Refusal)
    return found.reason


def panels(figure: Figure) -> list[Axes]:
    return [ax for part in figure.subfigs for ax in part.axes if ax.get_visible()]


def note(figure: Figure) -> str:
    return " ".join(figure.get_supxlabel().split())


def texts(figure: Figure) -> list[Text]:
    return [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]


def bars(ax: Axes) -> dict[str, ErrorbarContainer]:
    return {str(one.get_label()): one for one in bars_of(ax)}


def bars_of(ax: Axes) -> list[ErrorbarContainer]:
    return [one for one in ax.containers if isinstance(one, ErrorbarContainer)]


def point(container: ErrorbarContainer) -> tuple[float, float]:
    line = container.lines[0]
    assert line is not None
    return float(line.get_xdata()[0]), float(line.get_ydata()[0])  # type: ignore[index]


def segment(container: ErrorbarContainer) -> np.ndarray:
    """Both ends of the only bar: (2, 2)."""
    return np.array(container.lines[2][0].get_segments()[0])


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


def test_a_transfer_matrix_has_gains_off_and_the_modality_alone_on_the_diagonal(four: PlotData) -> None:
    kd, shuffled = panels(only(four, "transfer").figure)
    written = {text.get_position(): text.get_text() for text in kd.texts}
    # audio, video, text; columns are students, rows teachers; cells are one wide, numbers in their middle
    assert written[1.5, 0.5] == "+2.0"
    assert written[0.5, 1.5] == "+2.0"
    assert written[0.5, 0.5] == "66.0"
    assert written[1.5, 1.5] == "51.0"
    assert written[2.5, 2.5] == "71.0"
    hatched = {patch.get_xy() for patch in kd.patches if isinstance(patch, Rectangle) and patch.get_hatch()}
    assert hatched == {(2, 1), (1, 2)}, "video and text were never paired"
    assert minus("-1.0") in {text.get_text() for text in shuffled.texts}
    assert [kd.get_title(loc="left"), shuffled.get_title(loc="left")] == ["kd", "shuffled"]


def test_all_matrices_of_a_dataset_have_one_scale_and_the_first_teacher_on_top(
    make_data: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "TALLEST", 1.0)  # inches: one row of panels on a sheet
    roles = {"none": "baseline", **{f"m{i}": "method" for i in range(1, 5)}, "shuffled": "control"}
    shifts = dict(zip(roles, (0.0, 8.0, 1.0, 2.0, 0.1, -60.0)))
    values = {(row, column): [70.0 + shift] for row, shift in shifts.items() for column in (AB, BA, AC, CA)}
    sheets = [one.figure for one in plot(make_data(roles, values), ["transfer"]) if isinstance(one, Picture)]
    assert len(sheets) == 2
    matrices = [ax for sheet in sheets for ax in panels(sheet)]
    assert len(matrices) == 5
    assert {ax.get_ylim() for ax in matrices} == {(3.0, 0.0)}
    assert {ax.collections[0].get_clim() for ax in matrices} == {(-8.0, 8.0)}
    inks = {text.get_text(): text.get_color() for ax in matrices for text in ax.texts}
    assert inks[minus("-60.0")] == "white"
    assert inks["+0.1"] == "#000000"
    for sheet in sheets:
        assert "darkest at 8.0 or more" in note(sheet)


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


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("gains", "no seed of 'toy' has both a method and 'none' done"),
        ("transfer", "'toy' has one pair of modalities here"),
        ("learning", "measured an epoch"),
        ("logged", "no method of this experiment reports a quantity"),
        ("gap", "at least 2 directions"),
        ("cost", "is done"),
    ],
)
def test_what_cannot_be_drawn_says_why(make_data: Make, kind: str, reason: str) -> None:
    data = make_data({"none": "baseline", "kd": "method"}, {("none", AB): [None, None], ("kd", AB): [None, None]})
    assert reason in refusal(data, kind)


def test_an_unknown_kind_or_format_names_the_nearest() -> None:
    with pytest.raises(UserError, match=r"unknown kind of picture 'gain'\. Did you mean 'gains'"):
        check(["gain"], ["png"])
    with pytest.raises(UserError, match=r"unknown format 'pgn'\. Did you mean 'png'"):
        check(["gains"], ["pgn"])
    with pytest.raises(UserError, match="no format given"):
        check(["gains"], [])


def test_all_that_is_drawn_fits_a_page_and_can_be_read(one: PlotData, four: PlotData) -> None:
    drawn = [found for data in (one, four) for found in plot(data) if isinstance(found, Picture)]
    assert {found.name.split("-")[0] for found in drawn} == set(KINDS) - {"tuning", "labels"}, (
        "they have files of their own"
    )
    for found in drawn:
        width, height = found.figure.get_size_inches()
        assert 3.4 <= width <= 7.0
        assert height < 11.0
        assert {text.get_fontsize() for text in texts(found.figure) if text.get_fontsize() < 7.0} == set(), found.name
        assert found.title.split()[0] in found.figure.get_suptitle()


def pixels(figure: Figure) -> np.ndarray:
    """(H, W, 3) of the rendered picture, from 0 to 1."""
    return plt.imread(io.BytesIO(render(figure, "png")))[..., :3]


def test_equal_data_gives_equal_pictures_whatever_the_users_settings(make_data: Make) -> None:
    def plotted() -> dict[str, Figure]:
        data = make_data(ROLES, VALUES, INTERVALS, costs=COSTS, histories=HISTORIES)
        return {one.name: one.figure for one in plot(data) if isinstance(one, Picture)}

    first = {name: pixels(figure) for name, figure in plotted().items()}
    assert set(first) == {"gains-toy", "cost-time", "cost-parameters", "learning-toy-audio-video", "logged-kd-toy"}
    with mpl.rc_context({"lines.linewidth": 9.0, "font.size": 20.0, "axes.facecolor": "black"}):
        again = {name: pixels(figure) for name, figure in plotted().items()}
    for name, image in first.items():
        assert image.std() > 0.05, "something is plotted"
        assert np.abs(image - again[name]).mean() < 1e-3, name
    other = only(make_data(ROLES, {**VALUES, ("lost", AB): [45.0, None, 50.0]}, INTERVALS), "gains").figure
    assert np.abs(first["gains-toy"] - pixels(other)).mean() > 1e-3, "other data gives another picture"


@pytest.mark.parametrize("file_format", ["png", "svg", "pdf"])
def test_a_picture_has_the_format_that_was_asked_for(one: PlotData, file_format: str) -> None:
    content = render(only(one, "gains").figure, file_format)
    assert {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[file_format] == content[: 5 - (file_format != "svg")]
    assert len(content) > 5000


def test_nothing_is_cut_off_or_covered_with_twelve_rows_and_long_names(make_data: Make) -> None:
    names = [f"a_method_with_a_long_name_{number}" for number in range(10)]
    roles = {"none": "baseline", **dict.fromkeys(names, "method"), "a_control_with_a_long_name": "control"}
    sides = ("audio_spectrogram_of_the_scene", "video_of_the_whole_scene", "text_of_the_transcript")
    columns = [Column("a_dataset_with_a_long_name", *pair) for pair in itertools.permutations(sides, 2)]
    values = {
        (row, column): [60.0 + i % 5 + seed for seed in range(3)] for i, row in enumerate(roles) for column in columns
    }
    history = [epoch(number, 40.0 + number, a_quantity_with_a_long_name=1.0, another=2.0) for number in (1, 2, 3)]
    runs = {f"{r}-{c.student_modality}-{s}-{c.teacher_modality}-{c.dataset}" for r, c in values for s in range(3)}
    found = list(plot(make_data(roles, values, histories=dict.fromkeys(runs, history))))
    plotted = {one.name: one.figure for one in found if isinstance(one, Picture)}
    assert {name.split("-")[0] for name in plotted} == set(KINDS) - {"tuning", "labels"}
    for kind in ("gains", "transfer", "critical", "cost", "learning", "logged", "gap"):
        name = next(name for name in plotted if name.startswith(kind))
        assert_is_legible(plotted[name], name)


def assert_is_legible(figure: Figure, name: str) -> None:
    """Check that title, note, labels, legend, and panels are within the figure and do not overlap."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    (body,) = figure.subfigs
    labels = [getattr(part, kind) for part in (figure, body) for kind in ("_suptitle", "_supxlabel", "_supylabel")]
    parts = [*(label for label in labels if label is not None and label.get_text()), *body.legends, *panels(figure)]
    boxes = [(part, part.get_tightbbox(canvas.get_renderer())) for part in parts]
    for part, box in boxes:
        (left, bottom), (right, top) = box.get_points() / figure.bbox.size
        assert min(left, bottom) > -0.002, (name, part)
        assert max(right, top) < 1.002, (name, part)
    for (one, box), (other, other_box) in itertools.combinations(boxes, 2):
        assert not box.padded(-1.0).overlaps(other_box.padded(-1.0)), (name, one, other)


def test_a_title_over_all_datasets_names_what_they_have_in_common(make_data: Make) -> None:
    data = make_data({name: ROLES[name] for name in ("none", "kd", "shuffled")}, several())
    assert only(data, "critical").title == "Average rank over 4 directions, with critical differences"
    marked = make_data({"none": "baseline"}, {("none", AB): [50.0]}, conditions={"fixture": True, "protocol": "c2kd"})
    assert marked.title("Ranks") == "Ranks (FIXTURE, not the dataset; protocol c2kd)"


def test_arrows_are_explained_where_there_are_some(one: PlotData, four: PlotData) -> None:
    assert "an arrow points to" in note(only(one, "gains").figure)
    (cost, _) = plot(one, ["cost"])
    assert isinstance(cost, Picture)
    assert "An arrow points to a mean off the scale" in note(cost.figure)
    assert "shuffled: 21.0" in {text.get_text() for text in panels(cost.figure)[0].texts}
    assert "arrow" not in note(only(four, "gains").figure)
    assert "off the scale: shuffled, \N{MINUS SIGN}1.0." in note(only(four, "gap").figure).replace("\n", " ")
