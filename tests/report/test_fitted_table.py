"""Tables in terminals of any width: every word of every cell is there whole."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from rich.text import Text

from cmkd_bench.experiment.store import Experiment
from cmkd_bench.report.experiment_tables import write_board
from cmkd_bench.report.fitted_table import FittedTable
from cmkd_bench.report.formats import render
from cmkd_bench.terminal import Terminal

Build = Callable[..., Experiment]
HEADER = ["name", "default", "meaning", "search space"]
ROWS = [
    ["teacher_weight_of_all", "renormalized_by_class", "how much the teacher counts in the sum of all losses", "0.1"],
    ["student_weight", "1.0", "the same for the student", ""],
]
WIDTHS = (200, 80, 60, 40, 30)


def lines(table: object, width: int) -> list[str]:
    console = Terminal(file=io.StringIO(), width=width)
    console.print(table)
    return console.file.getvalue().splitlines()  # type: ignore[attr-defined,no-any-return]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("repeated", [0, 1])
def test_nothing_is_cut_or_broken_at_any_width(width: int, repeated: int) -> None:
    table = FittedTable("set by method.kd", HEADER, [[*map(Text, row)] for row in ROWS], repeated=repeated)
    shown = lines(table, width)
    assert max(map(len, shown)) <= width
    for word in " ".join(" ".join(row) for row in ROWS).split():
        # at 30 a list has 16 characters for a value
        assert any(word in line for line in shown) or (width == 30 and len(word) > 14), word
    assert not any("…" in line for line in shown)


def test_what_fits_is_a_table_and_what_does_not_is_a_list() -> None:
    table = FittedTable("", HEADER, [[*map(Text, row)] for row in ROWS], texts=4)
    assert any("│" in line for line in lines(table, 120))
    narrow = lines(table, 50)
    assert not any("│" in line for line in narrow)
    assert narrow[0].strip() == "teacher_weight_of_all"
    assert narrow[1].split() == ["default", "renormalized_by_class"]
    assert sum("search space" in line for line in narrow) == 1, "what is empty is left out"


def test_a_wide_table_of_numbers_is_split_and_each_part_has_the_names() -> None:
    numbers = [Text(f"{value:.2f} ± 1.00", no_wrap=True) for value in range(6)]
    table = FittedTable("toy", ["method", *map("direction {}".format, range(6))], [[Text("kd"), *numbers]], repeated=1)
    shown = lines(table, 50)
    assert sum(line.startswith("│ kd ") for line in shown) == 3, "two columns of fourteen characters each"
    assert max(map(len, shown)) <= 50
    assert sum("toy" in line for line in shown) == 1
    for value in range(6):
        assert any(f"{value}.00 ± 1.00" in line for line in shown)


def test_the_leaderboard_of_a_terminal_has_gains_and_no_number_is_broken(build: Build) -> None:
    board = write_board(build({"none": 0.5, "kd": 0.9}, seeds=4))[1]
    wide, narrow = ("\n".join(lines(render(board, "rich", "made"), width)) for width in (200, 40))
    for column in board.columns:
        score = board.scores["kd", column]
        for shown in (wide, narrow):
            assert f"({score.gain:+.2f})" in shown
            assert f"{score.mean:.2f} ± {score.deviation:.2f}" in shown
    assert f"({board.scores['kd', board.columns[0]].gain:+.2f})" not in "\n".join(
        lines(render(board, "rich", "made", with_gain=False), 200)
    )
