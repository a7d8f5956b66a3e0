"""Variants in tables: rows of their own in results.csv, tables, pictures and commands, and all rows against one."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest
from command_line import Command

from cmkd_bench.api import load_results
from cmkd_bench.errors import UnknownName
from cmkd_bench.experiment.files import read_json
from cmkd_bench.experiment.record import read_plan, write_plan
from cmkd_bench.experiment.store import Experiment
from cmkd_bench.report.experiment_data import read_experiment
from cmkd_bench.report.experiment_tables import write_board
from cmkd_bench.report.formats import render
from cmkd_bench.report.plots.plot_data import plot_data_of
from cmkd_bench.report.versus import versus

Build = Callable[..., Experiment]
SHARES = {"none": 0.6, "shuffled": 0.2, "kd": 0.9, "dkd": 0.8}
NAME = "kd <x> & 10%, |a| (b, c)"


def with_variant(build: Build, seeds: int = 4) -> Experiment:
    """An experiment in which the runs of dkd are those of a variant of kd."""
    experiment = build(SHARES, seeds=seeds)
    plan = read_json(experiment.plan)
    for cell in plan["cells"]:
        if cell["method"] == "dkd":
            cell |= {"method": "kd", "variant": NAME}
    write_plan(experiment, plan)
    return experiment


def test_results_have_a_column_of_rows_only_where_there_are_variants(build: Build) -> None:
    assert "row" not in load_results("made", build(SHARES, seeds=1).root)


def test_rows_of_a_method_are_told_apart(build: Build) -> None:
    experiment = with_variant(build)
    _, board = write_board(experiment)
    frame = load_results("made", experiment.root)
    assert set(frame[frame.method == "kd"].row) == {"kd", NAME}
    assert set(frame[frame.row == "teacher"].role) == {"teacher"}
    means = frame.groupby(["row", "teacher_modality"]).value.mean()
    for (row, column), score in board.scores.items():
        assert score.mean == pytest.approx(means[row, column.teacher_modality])
    stored = pd.read_csv(experiment.path / "leaderboard.csv")
    assert NAME in set(stored.row)
    assert list(board.rows)[-2:] == ["kd", NAME]


def test_variants_have_styles_of_their_own(build: Build) -> None:
    styles = plot_data_of(read_experiment(with_variant(build, seeds=1))).styles
    assert styles["kd"] != styles[NAME]


@pytest.mark.parametrize(
    ("form", "escaped"),
    [
        ("markdown", r"kd \<x\> & 10%, \|a\| (b, c)"),
        ("latex", r"kd \textless{}x\textgreater{} \& 10\%, \textbar{}a\textbar{} (b, c)"),
        ("html", "kd &lt;x&gt; &amp; 10%, |a| (b, c)"),
        ("csv", f'"{NAME}"'),
    ],
)
def test_names_are_escaped(build: Build, form: str, escaped: str) -> None:
    _, board = write_board(with_variant(build, seeds=1))
    assert escaped in str(render(board, form, "made"))


def test_rows_against_a_row_are_differences_of_its_seeds(build: Build) -> None:
    experiment = with_variant(build)
    _, board = write_board(experiment)
    table = versus(board, "kd")
    values = load_results("made", experiment.root).pivot_table("value", ["teacher_modality", "row"], "seed")
    seen = 0
    for _, direction, row, difference, interval, *_ in table.rows:
        teacher = direction.partition(" ")[0]
        expected = (values.loc[teacher, row] - values.loc[teacher, "kd"]).mean()
        assert float(difference.split()[0]) == pytest.approx(expected, abs=0.006)
        low, high = map(float, interval.split(" to "))
        assert low <= float(difference.split()[0]) <= high
        seen += 1
    assert seen == 2 * 3  # directions, and rows other than kd


def test_the_direction_of_a_comparison_does_not_matter(build: Build) -> None:
    _, board = write_board(with_variant(build))
    ours = {tuple(row[:2]): row for row in versus(board, "kd").rows if row[2] == NAME}
    theirs = {tuple(row[:2]): row for row in versus(board, NAME).rows if row[2] == "kd"}
    for place, row in ours.items():
        assert float(row[3].split()[0]) == -float(theirs[place][3].split()[0])
        assert [-float(end) for end in row[4].split(" to ")][::-1] == list(map(float, theirs[place][4].split(" to ")))
        assert row[5] == theirs[place][5]


def test_an_unknown_row_has_the_nearest_match(build: Build) -> None:
    _, board = write_board(with_variant(build, seeds=1))
    with pytest.raises(UnknownName, match=r"Did you mean 'kd'"):
        versus(board, "kdd")


def test_status_names_rows(build: Build) -> None:
    experiment = with_variant(build, seeds=1)
    assert set(read_plan(experiment).names.values()) == {NAME}


def test_a_damaged_run_of_a_variant_is_a_number_missing_in_its_row(build: Build, cmkd: Command) -> None:
    experiment = with_variant(build, seeds=1)
    run_id, *_ = read_plan(experiment).names
    experiment.run(run_id).spec.write_text("{")
    _, board = write_board(experiment)
    lost = {row for (row, _), score in board.scores.items() if "damaged" in score.problem}
    assert lost == {NAME}
    assert any(note.startswith(f"{NAME}, toy") and f"{run_id}/spec.json" in note for note in board.notes)
    done = cmkd("doctor", "made", "--results", str(experiment.root))
    assert done.returncode == 3
    assert f"runs/{run_id}/spec.json" in done.stdout


def test_a_table_at_80_columns_has_the_whole_name(build: Build, cmkd: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = with_variant(build)
    monkeypatch.setenv("COLUMNS", "80")
    for arguments in ([], ["--versus", NAME], ["--format", "markdown"]):
        done = cmkd("leaderboard", "made", "--results", str(experiment.root), *arguments)
        assert done.returncode == 0, done.stderr
        assert "…" not in done.stdout
