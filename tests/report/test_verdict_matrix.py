"""The matrix of the verdict: numbers, marks, colors and heads, worked out by hand, and how each format shows it."""

from __future__ import annotations

import dataclasses
import io
import re
from collections.abc import Callable

import pytest
from rich.console import Console, Group
from verdict_scores import SEEDS, Gains, made_score, made_scores

from cmkd_bench.experiment.store import Experiment
from cmkd_bench.report.board import Leaderboard
from cmkd_bench.report.cells import Column
from cmkd_bench.report.comparisons import Comparisons
from cmkd_bench.report.experiment_tables import write_board
from cmkd_bench.report.formats import render
from cmkd_bench.report.page.report_page import make_page
from cmkd_bench.report.quantities import QUANTITIES
from cmkd_bench.report.verdict_matrix import GainVerdict, verdict
from cmkd_bench.report.verdict_table import verdict_as_rich

AB, BA, OTHER = Column("toy", "audio", "video"), Column("toy", "video", "audio"), Column("mood", "text", "audio")
GAINS: Gains = {
    ("kd", AB): (16.0, 0.01),
    ("kd", BA): (-1.9, 0.3),
    ("kd", OTHER): (0.2, 0.01),
    ("crd", AB): (9.9, 0.2),
    ("crd", BA): (-0.04, 0.9),
    ("crd", OTHER): (6.1, 0.9),
    ("shuffled", AB): (-60.0, 0.04),
    ("shuffled", BA): (-63.3, 0.071),
    ("shuffled", OTHER): (-30.0, None),
}
ROLES = {"teacher": "teacher", "none": "baseline", "shuffled": "control", "kd": "method", "crd": "method"}
Build = Callable[..., Experiment]


def board(gains: Gains = GAINS, claims: int = 1) -> Leaderboard:
    columns = tuple(dict.fromkeys(column for _, column in gains))
    scores = made_scores(gains)
    tests = {(column, row, "none"): score.comparison for (row, column), score in scores.items() if score.comparison}
    alone = {(row, column): made_score(row, column, 0.0, None) for row in ("teacher", "none") for column in columns}
    return Leaderboard(
        rows={row: role for row, role in ROLES.items() if (row, columns[0]) in alone | gains},
        columns=columns,
        scores=scores | alone,
        seeds=SEEDS,
        marks={column.block: ["fold 0 of 5"] if column.dataset == "toy" else [] for column in columns},
        comparisons=Comparisons(tests, {("toy", "method"): claims}),
    )


def judged(gains: Gains = GAINS, claims: int = 1) -> GainVerdict:
    found = verdict(board(gains, claims))
    assert found is not None
    return found


def texts(found: GainVerdict) -> dict[tuple[str, Column], tuple[str, str, int]]:
    return {place: (cell.gain, cell.mark, cell.shade) for place, cell in found.cells.items()}


def test_cells_have_sign_mark_and_a_shade_relative_to_the_largest_gain_of_a_method() -> None:
    # quarters of 16: 1.9 is 0.475 of one, 9.9 is 2.475 and 6.1 is 1.525; a significant gain is never without color
    assert texts(judged()) == {
        ("kd", AB): ("+16.0", "↑", 4),
        ("kd", BA): ("-1.9", "", 0),
        ("kd", OTHER): ("+0.2", "↑", 1),
        ("crd", AB): ("+9.9", "", 2),
        ("crd", BA): ("0.0", "", 0),
        ("crd", OTHER): ("+6.1", "?", 2),
        ("shuffled", AB): ("-60.0", "↓", -4),
        ("shuffled", BA): ("-63.3", "", -4),
        ("shuffled", OTHER): ("-30.0", "", -4),
    }


def test_methods_come_before_controls_and_nothing_else_is_judged() -> None:
    assert judged().groups == (("kd", "crd"), ("shuffled",))
    assert judged().baseline == "none"


def test_heads_span_the_directions_of_a_dataset() -> None:
    assert judged().levels == [
        [("toy", 2), ("mood", 1)],
        [("audio → video", 1), ("video → audio", 1), ("text → audio", 1)],
    ]


def test_labels_are_a_third_line_where_a_dataset_has_several() -> None:
    few = [dataclasses.replace(column, labels=labels) for labels in (1.0, 0.05) for column in (AB, BA)]
    found = judged({("kd", column): (1.0, 0.5) for column in [*few, OTHER]})
    assert found.columns == (few[2], few[0], few[3], few[1], OTHER), "directions together, the fewest labels first"
    assert found.levels == [
        [("toy", 4), ("mood", 1)],
        [("audio → video", 2), ("video → audio", 2), ("text → audio", 1)],
        [("5 %", 1), ("100 %", 1), ("5 %", 1), ("100 %", 1), ("", 1)],
    ]
    only = judged({("kd", few[2]): (1.0, 0.5)})
    assert only.levels == [[("toy, 5 % of labels", 1)], [("audio → video", 1)]]


def test_sentences_carry_what_their_numbers_must_not_be_read_without() -> None:
    assert judged().sentences == {
        "toy (fold 0 of 5)": "kd gains 16 points from audio to video; no method gains significantly from video to "
        "audio; no control gains significantly.",
        "mood": "kd gains 0.20 points from text to audio.",
    }


def test_the_largest_difference_without_a_mark_is_explained() -> None:
    example = judged().example
    assert all(part in example for part in ("shuffled, -63.3 (toy, video → audio)", "p = 0.0710", "3 seeds differ"))
    assert "95 % interval -65.3 to -61.3" in judged().cells["shuffled", BA].hint
    scores = {("kd", AB): made_score("kd", AB, 9.0, 0.3, of_seeds=0.1)}
    few = verdict(dataclasses.replace(board({("kd", AB): (9.0, 0.3)}), scores=scores))
    assert few is not None
    assert "120 test samples are few" in few.example
    assert judged({("kd", AB): (9.0, 0.01), ("crd", AB): (8.0, 0.9)}).example == "", "8 is less than 9, and p is 0.09"


def test_what_is_larger_than_a_marked_difference_beside_it_has_a_question_mark_that_is_explained() -> None:
    found = judged(
        {("crd", AB): (-56.0, 0.2), ("kd", AB): (-30.0, 0.01), ("crd", BA): (-99.0, 0.2), ("kd", BA): (-1.0, 0.9)}
    )
    marks = {place: cell.mark for place, cell in found.cells.items()}
    assert marks == {("crd", AB): "?", ("kd", AB): "↓", ("crd", BA): "", ("kd", BA): ""}, (
        "nothing beside the last one has a mark"
    )
    assert "3 seeds differ widely" in found.cells["crd", AB].hint
    assert found.doubt.startswith("?: larger than")
    assert found.doubt in " ".join(printed(found).split())
    assert judged({("kd", AB): (9.0, 0.01), ("crd", AB): (8.0, 0.9)}).doubt == ""


def test_without_claims_there_are_gains_and_no_sentence() -> None:
    found = judged({("kd", AB): (9.0, None)}, claims=0)
    assert found.sentences == {}
    assert found.example == ""
    assert "at least 3 seeds" in found.key
    assert found.cells["kd", AB].gain == "+9.0"


def test_costs_and_errors_have_no_verdict_and_neither_has_an_empty_table() -> None:
    for name in ("seconds", "ece"):
        assert verdict(dataclasses.replace(board(), quantity=QUANTITIES[name])) is None
    none = {place: dataclasses.replace(score, gain=None) for place, score in board().scores.items()}
    assert verdict(dataclasses.replace(board(), scores=none)) is None


def test_a_cell_without_a_gain_says_why() -> None:
    scores = board().scores | {
        ("crd", AB): dataclasses.replace(made_score("crd", AB, 0, None), gain=None, problem="failed")
    }
    found = verdict(dataclasses.replace(board(), scores=scores))
    assert found is not None
    assert (found.cells["crd", AB].gain, found.cells["crd", AB].hint) == ("", "failed")


def printed(found: GainVerdict, colors: bool = False) -> str:
    console = Console(
        file=io.StringIO(),
        width=80,
        force_terminal=colors,
        color_system="truecolor" if colors else None,
        no_color=False,
    )
    console.print(Group(*verdict_as_rich(found)))
    return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]


def test_the_terminal_shows_the_matrix_above_the_tables() -> None:
    text = printed(judged())
    assert re.search(r"│ kd +│ +\+16\.0 ↑ │ +-1\.9   │ +\+0\.2 ↑ │", text)
    assert text.index("│ crd ") < text.index("├") < text.index("│ shuffled ")
    whole = Console(file=io.StringIO(), width=100)
    whole.print(render(board(), "rich", "made"))
    shown = whole.file.getvalue()  # type: ignore[attr-defined]
    assert shown.index("toy (fold 0 of 5): kd gains") < shown.index("│ teacher ")


def test_the_terminal_colors_by_sign_and_sets_the_ink_too() -> None:
    text = printed(judged(), colors=True)
    for gain, background in (("+16.0 ↑", "33;102;172"), ("-60.0 ↓", "178;24;43"), ("+9.9", "146;197;222")):
        (codes,) = re.findall(rf"\x1b\[([\d;]+)m *{re.escape(gain)}", text)
        assert re.fullmatch(rf"38;2;\d+;\d+;\d+;48;2;{background}", codes)


def test_a_wide_matrix_is_split_within_eighty_columns() -> None:
    columns = [Column("toy", f"modality{i}", "gyroscope") for i in range(8)]
    text = printed(judged({("label_smoothing_of_old", column): (1.0, 0.5) for column in columns} | {
        ("kd", column): (2.0, 0.5) for column in columns
    }))  # fmt: skip
    assert max(map(len, text.splitlines())) <= 80
    assert text.count("│ kd ") == 2
    assert all(f"modality{i}" in text for i in range(6))


def test_markdown_begins_with_the_sentences_and_adds_no_table(build: Build) -> None:
    experiment = build({"none": 0.6, "shuffled": 0.2, "kd": 0.9}, seeds=6)
    text = str(render(write_board(experiment)[1], "markdown", "made"))
    first, *_ = text.splitlines()
    assert first.startswith("- **toy:** kd gains ")
    assert "no control gains significantly" in first
    assert text.count("| kd |") == 1
    assert text.index("- **toy:**") < text.index("### toy")


HOSTILE = "<b>*x*</b>|`y`"


@pytest.fixture
def hostile(build: Build) -> Experiment:
    return build({"none": 0.6, HOSTILE: 0.9}, seeds=6, dataset=HOSTILE)


def test_names_are_escaped_in_sentences_and_cells(hostile: Experiment) -> None:
    board = write_board(hostile)[1]
    markdown = str(render(board, "markdown", "made")).splitlines()[0]
    assert markdown.count(r"\<b\>\*x\*\</b\>\|\`y\`") == 2
    for page in (str(render(board, "html", "made")), make_page(hostile)):
        assert "<b>" not in page
        assert page.count("<strong>&lt;b&gt;*x*&lt;/b&gt;|`y`:</strong> &lt;b&gt;*x*") == 1


def test_the_page_shows_each_gain_with_its_color_and_the_address_of_its_runs(hostile: Experiment) -> None:
    board = write_board(hostile)[1]
    page = make_page(hostile)
    (matrix,) = re.findall(r'<table class="verdict">.*?</table>', page, re.DOTALL)
    for column in board.columns:
        gain = board.scores[HOSTILE, column].gain
        (kind, address) = next(
            found
            for found in re.findall(r'<td class="(\w+)"><a href="#([^"]+)"', matrix)
            if column.teacher_modality + "/" in found[1]
        )
        assert kind.startswith("above")
        assert f">{gain:+.1f}<" in matrix
        assert address.startswith("cell/%3Cb%3E")
    assert "95 % interval" in matrix
