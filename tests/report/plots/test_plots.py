"""What holds for pictures of every kind: reasons for none, sizes, formats, legibility."""

from __future__ import annotations

import io
import itertools

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure
from toy_pictures import (
    AB,
    COSTS,
    HISTORIES,
    INTERVALS,
    ROLES,
    VALUES,
    Make,
    assert_is_legible,
    epoch,
    note,
    only,
    panels,
    refusal,
    several,
    texts,
)

from cmkd_bench.errors import UserError
from cmkd_bench.report.cells import Column
from cmkd_bench.report.plots.kinds import KINDS
from cmkd_bench.report.plots.picture import Picture, render
from cmkd_bench.report.plots.plot_data import PlotData
from cmkd_bench.report.plots.save import check, plot


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
