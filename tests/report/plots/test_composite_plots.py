"""Plots of directions whose teacher sees several modalities."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pytest
from matplotlib.patches import Rectangle
from toy_pictures import Make

from cmkd_bench.report.board import Column
from cmkd_bench.report.plots.picture import Picture, file_stem
from cmkd_bench.report.plots.save import plot

BOTH = "audio+video"
AV, VA, BV = (Column("toy", teacher, student, 1.0) for teacher, student in
              [("audio", "video"), ("video", "audio"), (BOTH, "video")])  # fmt: skip
ROLES = {"none": "baseline", "kd": "method"}


@pytest.fixture
def drawn(make_data: Make) -> dict[str, Picture]:
    alone = {AV: [60.0], VA: [50.0], BV: [60.0]}
    gains = {AV: 1.0, VA: 2.0, BV: 3.0}
    values = {("none", at): one for at, one in alone.items()}
    values |= {("kd", at): [one[0] + gains[at]] for at, one in alone.items()}
    found = plot(make_data(ROLES, values), ["transfer"])
    return {one.name: one for one in found if isinstance(one, Picture)}


def test_what_only_a_teacher_sees_has_a_row_of_the_transfer_matrix_but_no_column(drawn: dict[str, Picture]) -> None:
    (ax,) = (ax for ax in drawn["transfer-toy"].figure.findobj(plt.Axes) if ax.texts)
    assert [label.get_text() for label in ax.get_xticklabels()] == ["audio", "video"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["audio", "video", "audio+\nvideo"]
    written = {text.get_position(): text.get_text() for text in ax.texts}
    assert written == {
        (0.5, 0.5): "50.0", (1.5, 0.5): "+1.0", (0.5, 1.5): "+2.0", (1.5, 1.5): "60.0", (1.5, 2.5): "+3.0",
    }  # fmt: skip
    assert {patch.get_xy() for patch in ax.patches if isinstance(patch, Rectangle) and patch.get_hatch()} == {(0, 2)}


def test_a_name_of_many_parts_has_at_most_three_lines(make_data: Make) -> None:
    many = Column("toy", "a+b+c+d+e", "video", 1.0)
    values = {(row, at): [60.0] for row in ROLES for at in (AV, many)}
    (picture,) = plot(make_data(ROLES, values), ["transfer"])
    assert isinstance(picture, Picture)
    (ax,) = (ax for ax in picture.figure.findobj(plt.Axes) if ax.texts)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["video", "audio", "a+b+\nc+d+\ne"]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["video"], "no student sees the others"


def test_the_name_of_a_file_has_that_of_the_modality() -> None:
    assert file_stem("learning", "toy_0.05", BOTH, "video") == "learning-toy_0.05-audio+video-video"
