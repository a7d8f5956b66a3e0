"""Our numbers beside the papers': all sources, gains against the right row, and what forbids a direct reading."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable

import pytest

from cmkd_bench.experiment.store import Experiment
from cmkd_bench.report.board import Leaderboard
from cmkd_bench.report.experiment_tables import write_board
from cmkd_bench.report.formats import render
from cmkd_bench.report.published import compare_published
from cmkd_bench.report.text_table import TextTable

Build = Callable[..., Experiment]


@pytest.fixture
def found(build: Build) -> tuple[Leaderboard, TextTable]:
    experiment = build({"none": 0.4, "c2kd": 0.5}, dataset="ave", protocol="c2kd")
    results, board = write_board(experiment)
    return board, compare_published(board, results)


def rows(published: TextTable, method: str, direction: str) -> list[dict[str, str]]:
    table = [dict(zip(published.header, row, strict=True)) for row in published.rows]
    return [row for row in table if (row["method"], row["direction"]) == (method, direction)]


def test_every_source_of_a_method_appears(found: tuple[Leaderboard, TextTable]) -> None:
    c2kd = rows(found[1], "c2kd", "audio → video")
    assert {(row["source"], row["published"]) for row in c2kd} == {
        ("FD-CMKD 2026", "39.3"),
        ("UCMKD 2026", "33.33 ± 0.73"),
        ("C2KD 2024", "34.7"),
    }


def test_the_difference_is_ours_minus_theirs_and_the_gain_is_over_their_own_student(
    found: tuple[Leaderboard, TextTable],
) -> None:
    board, published = found
    (row,) = [one for one in rows(published, "c2kd", "audio → video") if one["source"] == "FD-CMKD 2026"]
    entry = next(
        entry for (name, column), entry in board.scores.items() if (name, column.student_modality) == ("c2kd", "video")
    )
    assert entry.mean is not None
    assert entry.gain is not None
    assert row["difference"] == f"{entry.mean - 39.3:+.1f}"
    assert row["gain there"] == "+0.5"  # 39.3 and 38.8 of its own row without distillation
    assert row["gain here"] == f"{entry.gain:+.1f}"
    (quoted,) = [one for one in rows(published, "c2kd", "audio → video") if one["source"] == "C2KD 2024"]
    assert quoted["gain there"] == "", "no student alone is known of that table"


def test_the_student_alone_stands_beside_the_papers(found: tuple[Leaderboard, TextTable]) -> None:
    values = {row["published"] for row in rows(found[1], "none", "audio → video")}
    assert {"38.8", "27.7 ± 2.35"} <= values


def test_what_forbids_a_direct_reading_is_said(found: tuple[Leaderboard, TextTable]) -> None:
    published = found[1]
    (row,) = [one for one in rows(published, "c2kd", "audio → video") if one["source"] == "C2KD 2024"]
    (line,) = [text for text in published.lines if text.startswith(row["note"])]
    assert "network ResNet-18, ours mlp" in line
    assert "number of runs not stated" in line
    assert "not checked against the paper" in line
    assert any("Compare gains, not levels" in text for text in published.lines)
    assert any("protocol c2kd" in text for text in published.lines)


@pytest.mark.parametrize("form", ["markdown", "latex", "html"])
def test_it_is_in_every_format(found: tuple[Leaderboard, TextTable], form: str) -> None:
    text = str(render(found[0], form, "made", further=found[1]))
    assert "FD-CMKD 2026" in text.replace("{-}", "-")
    assert "Compare gains, not levels" in text


def test_as_csv_it_stands_alone(found: tuple[Leaderboard, TextTable]) -> None:
    lines = list(csv.DictReader(io.StringIO(str(render(found[0], "csv", "made", further=found[1])))))
    assert len(lines) == len(found[1].rows)


def test_where_nothing_is_published_that_is_said(build: Build) -> None:
    results, board = write_board(build({"none": 0.4, "c2kd": 0.5}))
    published = compare_published(board, results)
    assert published.rows == ()
    assert published.lines[0].startswith("No published number")
    assert "No published number" in str(render(board, "latex", "made", further=published))
