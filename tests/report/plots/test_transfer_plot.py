"""Gains drawn as matrices of the teacher's and the student's modalities."""

from __future__ import annotations

import pytest
from matplotlib.patches import Rectangle
from toy_pictures import AB, AC, BA, CA, Make, note, only, panels

from cmkd_bench.report.plots import transfer
from cmkd_bench.report.plots.limits import minus
from cmkd_bench.report.plots.picture import Picture
from cmkd_bench.report.plots.plot_data import PlotData
from cmkd_bench.report.plots.save import plot


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
