"""Every format of the table: what is marked, what is escaped, and that LaTeX and HTML stand on their own."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
from programs import do_without
from rich.console import Console

from cmkd_bench.cli.leaderboard import leaderboard as show_leaderboard
from cmkd_bench.errors import UserError
from cmkd_bench.experiment.files import read_json
from cmkd_bench.experiment.record import read_plan, write_plan
from cmkd_bench.experiment.store import Experiment
from cmkd_bench.report.board import Column, Leaderboard
from cmkd_bench.report.experiment_tables import make_board, write_board
from cmkd_bench.report.formats import render
from cmkd_bench.report.predictions import PredictionCache
from cmkd_bench.report.published import HEADER
from cmkd_bench.report.text_table import TextTable

Build = Callable[..., Experiment]
FORWARD = Column("toy", "audio", "video")
HOSTILE = "<script>alert('x')</script> \\input{a} 100% $x_1^2$ #&~\"`|"


@pytest.fixture
def board(build: Build) -> Leaderboard:
    """kd is far above none, dkd is close to kd, shuffled is far below none."""
    return write_board(build({"none": 0.6, "shuffled": 0.2, "kd": 0.9, "dkd": 0.89}, seeds=6))[1]


def shown(board: Leaderboard, width: int = 100, **options: bool) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(render(board, "rich", "made", **options))
    return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]


def test_marks_say_what_is_known(board: Leaderboard) -> None:
    entries = {row: board.scores[row, FORWARD] for row in board.rows}
    assert [row for row, entry in entries.items() if entry.is_best] == ["kd"]
    assert [row for row, entry in entries.items() if entry.is_second] == ["dkd"]
    assert [row for row, entry in entries.items() if entry.is_close] == ["dkd"]
    assert {row: entry.direction for row, entry in entries.items()} == {
        "teacher": 0,
        "none": 0,
        "shuffled": -1,
        "kd": 1,
        "dkd": 1,
    }


def test_the_terminal_table_is_compact_and_says_which_test(board: Leaderboard) -> None:
    text = shown(board)
    assert max(map(len, text.splitlines())) <= 100
    assert re.search(r"│ dkd +│ +\d+\.\d\d ± \d\.\d\d ↑≈ \(\+\d+\.\d\d\) │", text)
    plain = " ".join(text.split())
    assert all(
        part in plain
        for part in ("level 0.05", "the same 6 seeds", "Holm's", "methods, defaults and tuned (4)", "controls (2)")
    ), plain
    assert "(+" not in shown(board, with_gain=False)


def test_average_ranks_stand_below(board: Leaderboard) -> None:
    assert board.ranking is not None
    assert board.ranking.ranks == {"none": 3.0, "shuffled": 4.0, "kd": 1.0, "dkd": 2.0}
    assert "Average rank over 2 columns: kd 1.0, dkd 2.0, none 3.0, shuffled 4.0." in " ".join(shown(board).split())


def test_two_seeds_get_no_marks(build: Build) -> None:
    board = write_board(build({"none": 0.3, "kd": 0.9}, seeds=2))[1]
    text = " ".join(shown(board).split())
    assert "No significance is claimed" in text
    assert "at least 3 seeds" in text
    assert not re.search("[≈↑↓]", text)


def test_a_row_of_fewer_seeds_says_so(build: Build) -> None:
    experiment = build({"none": 0.6, "kd": 0.7, "dkd": 0.7}, seeds=3)
    plan = read_json(experiment.plan)
    plan["cells"] = [cell for cell in plan["cells"] if (cell["method"], cell["seed"]) != ("dkd", 2)]
    write_plan(experiment, plan)
    board = write_board(experiment)[1]
    assert re.search(r"│ dkd +│ +\d+\.\d\d ± \d+\.\d\d .. n=2 .*│", shown(board, with_gain=False))
    assert "dkd, toy: 2 of 3 seeds were requested." in board.notes


def test_costs_have_no_best_and_no_test(build: Build) -> None:
    experiment = build({"none": 0.6, "kd": 0.7})
    results, _ = write_board(experiment)
    board = make_board(PredictionCache(experiment), read_plan(experiment), results, "seconds")
    text = " ".join(shown(board, with_gain=False).split())
    assert "│ kd │ 1.5 ± 0.0 │ 1.5 ± 0.0 │" in text
    assert "Training time in seconds, mean ± standard deviation over 3 seeds." in text
    assert not any(entry.is_best for entry in board.scores.values())


def test_a_smaller_calibration_error_is_better(build: Build) -> None:
    experiment = build({"none": 0.6, "kd": 0.9})
    results, _ = write_board(experiment)
    board = make_board(PredictionCache(experiment), read_plan(experiment), results, "ece")
    means = {row: board.scores[row, FORWARD].mean for row in ("none", "kd")}
    best = min(means, key=lambda row: means[row] or 0.0)
    assert [row for row in means if board.scores[row, FORWARD].is_best] == [best]


def test_a_metric_that_no_run_has_is_refused(build: Build) -> None:
    experiment = build({"none": 0.6, "kd": 0.7})
    results, _ = write_board(experiment)
    with pytest.raises(UserError, match=r"'macrof1'\. Did you mean 'macro_f1'\? Available: accuracy, ece"):
        make_board(PredictionCache(experiment), read_plan(experiment), results, "macrof1")


class Page(HTMLParser):
    """The tags of a page, and the text outside of its scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags = [""]
        self.text = ""
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attributes

    def handle_data(self, data: str) -> None:
        if self.tags[-1] not in ("script", "style"):
            self.text += data


def hostile(build: Build) -> Leaderboard:
    """A method and a dataset with a name that means something to HTML, LaTeX and Markdown."""
    return write_board(build({"none": 0.6, HOSTILE: 0.7}, dataset=HOSTILE))[1]


def test_html_shows_names_as_text_and_loads_nothing(build: Build) -> None:
    page = Page(str(render(hostile(build), "html", "made")))
    assert page.tags.count("script") == 1, "the script that sorts"
    assert page.text.count(HOSTILE) >= 2
    assert not [name for name, _ in page.attributes if name in ("src", "href") or name.startswith("on")]


def test_html_has_unrounded_values_to_sort_by(board: Leaderboard) -> None:
    page = Page(str(render(board, "html", "made")))
    values = [value for name, value in page.attributes if name == "data-value"]
    assert str(board.scores["kd", FORWARD].mean) in values
    assert page.tags.count("button") == 4, "method, two directions, rank"


def test_latex_is_balanced_and_has_no_bare_special_character(build: Build) -> None:
    text = str(render(hostile(build), "latex", "made"))
    lines = [line for line in text.splitlines() if not line.startswith("%")]
    body = re.sub(r"\\[\\%&#_$]", "", "\n".join(line.removesuffix("%") for line in lines))
    depth = 0
    for character in re.sub(r"\\[{}]", "", body):
        depth += {"{": 1, "}": -1}.get(character, 0)
        assert depth >= 0
    assert depth == 0
    shown = body.split(r"\begin{document}")[1].replace(r"\ifdim\wd0>\linewidth", "")
    assert not re.search(r"[%#$_^~\"|<>`≈→±]", shown)
    assert r"\input{a}" not in text
    assert body.count(r"\begin{") == body.count(r"\end{") == 3
    cells = {line.count("&") for line in body.splitlines() if "&" in line and "multicolumn" not in line}
    assert cells == {3}, "method, two directions, rank"


@pytest.mark.latex
@pytest.mark.parametrize("gain", [False, True])
def test_latex_compiles(build: Build, tmp_path: Path, gain: bool) -> None:
    if shutil.which("pdflatex") is None:
        do_without("no pdflatex: apt-get install texlive-latex-recommended")
    board = hostile(build)
    board.notes.extend(f"{HOSTILE}, run {i}: failed: out of memory" for i in range(300))
    published = TextTable("Published", HEADER, ((HOSTILE,) * len(HEADER),) * 100, (HOSTILE,) * 50)
    text = str(render(board, "latex", "made", gain, published))
    (tmp_path / "board.tex").write_text(text, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "board.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout[-2000:]
    assert (tmp_path / "board.pdf").stat().st_size > 10_000


def test_markdown_keeps_its_columns(build: Build) -> None:
    lines = str(render(hostile(build), "markdown", "made")).splitlines()
    table = [line for line in lines if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in table} == {4}


def test_csv_has_what_the_table_has(board: Leaderboard) -> None:
    frame = pd.read_csv(io.StringIO(str(render(board, "csv", "made"))))
    kd = frame[(frame["row"] == "kd") & (frame["student_modality"] == "video")].iloc[0]
    assert (kd["best"], kd["second"], kd["average_rank"]) == (1, 0, 1.0)
    assert kd["gain_low_uncorrected"] < kd["gain"] < kd["gain_high_uncorrected"]


def test_every_format_is_the_same_the_second_time(build: Build) -> None:
    experiment = build({"none": 0.6, "kd": 0.9}, seeds=4)
    forms = ("markdown", "latex", "csv", "html")
    first, second = ({form: render(write_board(experiment)[1], form, "made") for form in forms} for _ in range(2))
    assert first == second


def test_a_metric_is_left_out_where_it_is_not_measured(build: Build) -> None:
    experiment = build({"none": 0.6, "kd": 0.7})
    results, _ = write_board(experiment)
    results.loc[results["student_modality"] == "video", "macro_f1"] = None
    board = make_board(PredictionCache(experiment), read_plan(experiment), results, "macro_f1")
    assert [column.student_modality for column in board.columns] == ["audio"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("latx", None, None), r"unknown format 'latx'\. Did you mean 'latex'\?"),
        (("rich", "top5", None), r"unknown metric of this experiment 'top5'"),
        (("rich", None, "publishd"), r"unknown comparison 'publishd'\. Did you mean 'published'\?"),
        (("rich", "ece", "published"), r"only for accuracy and miou"),
    ],
)
def test_the_command_names_what_there_is(
    build: Build, arguments: tuple[str, str | None, str | None], message: str
) -> None:
    experiment = build({"none": 0.6, "kd": 0.7})
    form, metric, other = arguments
    with pytest.raises(UserError, match=message):
        show_leaderboard(["made"], form, metric, None, other, results=experiment.root)


def test_the_command_prints_a_format_and_writes_the_files(build: Build, capsys: pytest.CaptureFixture[str]) -> None:
    experiment = build({"none": 0.6, "kd": 0.7})
    show_leaderboard(None, "markdown", "macro_f1", False, None, results=experiment.root)
    printed = capsys.readouterr().out
    assert "\n### toy\n" in printed
    assert "Test macro F1 in percent" in printed
    assert "Test accuracy in percent" in (experiment.path / "leaderboard.md").read_text(encoding="utf-8")
    assert (experiment.path / "comparisons.csv").exists()
