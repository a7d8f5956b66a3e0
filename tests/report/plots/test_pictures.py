"""Names that fit, files that stay in their folder, axes that one outlier does not flatten."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg

from cmkd_bench.report.plots.limits import Limits, axis_limits, is_outside
from cmkd_bench.report.plots.picture import file_stem, grid, new_figure, shorten, shorten_apart, text_width
from cmkd_bench.report.plots.style import nth_style, styles_of


def test_a_long_name_gives_way_in_its_middle() -> None:
    name = "a_method_with_a_very_long_name"
    short = shorten(name, 1.0)
    assert text_width(short, 7.0) <= 1.0
    start, end = short.split("…")
    assert name.startswith(start)
    assert name.endswith(end)
    assert abs(len(start) - len(end)) <= 1
    assert shorten("kd", 1.0) == "kd"


@pytest.mark.parametrize("changing", range(4))
def test_long_names_that_differ_in_one_place_stay_apart(changing: int) -> None:
    parts = ["a_method(first_weight=1", "second_weight=1", "third_weight=1", "fourth_weight=1)"]
    names = [",".join([*parts[:changing], f"x{number}", *parts[changing:]]) for number in range(12)]
    short = shorten_apart(names, 1.2)
    assert len(set(short)) == len(names)
    assert max(text_width(name, 7.0) for name in short) <= 1.2
    assert shorten_apart(["kd", "dkd"], 1.2) == ["kd", "dkd"]


def test_text_is_wrapped_within_the_figure() -> None:
    text = "One two three four five six seven eight nine ten. " * 6
    for wide in (text, "A_DATASET_IN_CAPITALS, and what is said of it, from OPENMOJI to CREMA-D. " * 4):
        figure, _ = new_figure(wide, wide, 2.0)
        FigureCanvasAgg(figure).draw()
        for part in (figure._suptitle, figure._supxlabel):  # type: ignore[attr-defined]
            assert part.get_window_extent().x1 <= figure.bbox.x1
        assert figure.get_suptitle().split() == wide.split()
    assert new_figure(text, text, 2.0)[0].get_figheight() > new_figure("short", "short", 2.0)[0].get_figheight()


def test_a_files_name_cannot_leave_its_folder() -> None:
    assert file_stem("gains", "../../etc/passwd") == "gains-..%2F..%2Fetc%2Fpasswd"
    assert file_stem("cost", "mfeat", "pixels", "fourier") == "cost-mfeat-pixels-fourier"
    assert file_stem("logged", "c2kd (tuned)", "mfeat") == "logged-c2kd+tuned-mfeat"


def test_no_two_pictures_have_one_file() -> None:
    names = ["a", "b", "a-b", "a+tuned", "a (tuned)", "b-a", "a%2Db", "a b", "a/b"]
    stems = {file_stem("logged", first, second) for first in names for second in names}
    assert len(stems) == len(names) ** 2
    assert not any("/" in stem or " " in stem for stem in stems)


def test_the_longest_names_are_names_of_files(tmp_path: Path) -> None:
    long = ["✓" * 80, "✓" * 79 + "x", "a" * 250]
    stems = {file_stem("logged", *sorted({first, second})) for first in long for second in long}
    assert len(stems) == 6
    for stem in stems:
        (tmp_path / f"{stem}.png").touch()


def test_panels_fill_their_rows() -> None:
    assert grid(1, 3) == (1, 1)
    assert grid(4, 3) == (2, 2)
    assert grid(7, 4) == (2, 4)
    assert grid(9, 4) == (3, 3)


def view(inner: list[float], outer: Sequence[Sequence[float]] = ()) -> Limits:
    """The limits of one method and some controls."""
    return axis_limits([("method", inner), *(("control", values) for values in outer)])


def test_a_view_shows_all_that_must_be_seen_and_near_neighbours() -> None:
    # 0 to 10 may grow by a half at each end; a margin of 7 % of the length is added
    assert view([0.0, 10.0]) == pytest.approx((-0.7, 10.7))
    assert view([0.0, 10.0], [[12.0]]) == pytest.approx((-0.84, 12.84))
    assert view([0.0, 10.0], [[15.5]]) == pytest.approx((-0.7, 10.7))
    assert view([0.0, 10.0], [[12.0, 14.0]]) == pytest.approx((-0.98, 14.98)), "its bar is seen whole"
    # 15.1 is too far from 10, so the margin of 14.9, which would be 1.043, ends between the two
    assert view([0.0, 10.0], [[14.9], [15.1, 18.0]]) == pytest.approx((-1.043, 15.0))
    assert view([0.0, 10.0], [[14.9, 16.0], [15.1, 18.0]]) == pytest.approx((-1.26, 19.26)), "a bar reaches it"
    assert view([], [[5.0], [6.0]]) == pytest.approx((4.93, 6.07))


# Room for what may be left out ends at 150.
@given(st.lists(st.lists(st.integers(130, 175), min_size=1, max_size=3), max_size=12))
def test_nothing_is_shown_in_part(outer: list[list[int]]) -> None:
    low, high = view([0, 100], outer)
    assert low < 0
    assert high > 100
    for values in outer:
        assert is_outside(values[0], (low, high)) or all(low <= value <= high for value in values)


def test_no_two_styles_share_color_and_marker() -> None:
    looks = [(one.color, one.marker) for one in map(nth_style, range(67))]
    assert len(set(looks[:66])) == 66
    assert looks[66] == looks[0]
    assert len({one.marker for one in map(nth_style, range(11))}) == 11, "told apart without color too"
    assert all(one.is_filled for one in map(nth_style, range(66))), "an open marker is a tuned row or a control"
    roles = {"none": "baseline", "a": "method", "b": "method", "s": "control", "t": "control"}
    styles = styles_of(roles)
    assert styles["none"].color == "#000000"
    assert not styles["s"].is_filled
    assert styles["s"].marker != styles["t"].marker
    assert styles["a"].color != styles["b"].color
