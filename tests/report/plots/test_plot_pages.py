"""Names that fit, files that stay in their folder, axes that one outlier does not flatten."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmkd_bench.report.plots.page import file_stem, grid, shorten, text_width, wrap
from cmkd_bench.report.plots.ranges import is_outside, view
from cmkd_bench.report.plots.style import look, looks_of


def test_a_long_name_gives_way_in_its_middle() -> None:
    name = "a_method_with_a_very_long_name"
    short = shorten(name, 1.0)
    assert text_width(short, 7.0) <= 1.0
    start, end = short.split("…")
    assert name.startswith(start)
    assert name.endswith(end)
    assert abs(len(start) - len(end)) <= 1
    assert shorten("kd", 1.0) == "kd"


def test_text_is_wrapped_between_words() -> None:
    text = "one two three four five six seven eight nine ten"
    lines = wrap(text, 1.0, 7.0)
    assert " ".join(lines) == text
    assert len(lines) > 1
    assert all(text_width(line, 7.0) <= 1.0 for line in lines)
    assert wrap("indivisible", 0.1, 7.0) == ["indivisible"]


def test_a_files_name_cannot_leave_its_folder() -> None:
    assert file_stem("gains", "../../etc/passwd") == "gains-..%2F..%2Fetc%2Fpasswd"
    assert file_stem("cost", "mfeat", "pixels", "fourier") == "cost-mfeat-pixels-fourier"
    assert file_stem("logged", "c2kd (tuned)", "mfeat") == "logged-c2kd+tuned-mfeat"


def test_no_two_pictures_have_one_file() -> None:
    names = ["a", "b", "a-b", "a+tuned", "a (tuned)", "b-a", "a%2Db", "a b", "a/b"]
    stems = {file_stem("logged", first, second) for first in names for second in names}
    assert len(stems) == len(names) ** 2
    assert not any("/" in stem or " " in stem for stem in stems)


def test_panels_fill_their_rows() -> None:
    assert grid(1, 3) == (1, 1)
    assert grid(4, 3) == (2, 2)
    assert grid(7, 4) == (2, 4)
    assert grid(9, 4) == (3, 3)


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


def test_looks_differ_by_more_than_colour() -> None:
    seen = {(one.marker, one.filled) for one in map(look, range(22))}
    assert len(seen) == 22
    looks_at_all = [(one.colour, one.marker, one.filled) for one in map(look, range(67))]
    assert len(set(looks_at_all[:66])) == 66
    assert looks_at_all[66] == looks_at_all[0]
    roles = {"none": "baseline", "a": "method", "b": "method", "s": "control", "t": "control"}
    looks = looks_of(roles)
    assert looks["none"].colour == "#000000"
    assert not looks["s"].filled
    assert looks["s"].marker != looks["t"].marker
    assert looks["a"].colour != looks["b"].colour
