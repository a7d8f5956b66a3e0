"""Rows of defaults and tuned values side by side, what was selected, and what that has cost."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest
from rich.console import Console

from cmkd_bench.experiment.plan import Cell, Plan
from cmkd_bench.experiment.trials import Study, Trial
from cmkd_bench.report.board import Column, Leaderboard, leaderboard
from cmkd_bench.report.csv_files import as_csv, text_csv
from cmkd_bench.report.formats import FORMATS, render
from cmkd_bench.report.tuning_results import TRIAL_COLUMNS, study_results, trial_rows

CONDITIONS = {"folds": 1, "fixture": False, "protocol": "fair", "train.select_on": "validation"}
DIRECTION = Column("toy", "audio", "video")
PLACE = ("toy", 0, 1.0, "audio", "video")


def run(run_id: str, value: float | None = None, **more: Any) -> dict[str, Any]:
    status = "failed" if value is None else "done"
    empty = {"hyperparameters": "", "val_value": None, "seconds": None, "error": None}
    return {"run_id": run_id, "status": status, "value": value, **empty, **more}


def draw_of(number: int, value: float | None, validation: float | None, seconds: float | None) -> dict[str, Any]:
    error = None if value is not None else "non-finite loss: nan"
    text = f"alpha=0.{number} form=sum"
    return run(f"kd{number}", value, val_value=validation, seconds=seconds, error=error, hyperparameters=text)


RUNS = [
    run("teacher", 90.0),
    run("none0", 50.0),
    run("none1", 52.0),
    draw_of(0, 55.0, 60.0, 1.5),
    draw_of(1, 53.0, 70.0, 2.0),  # the best on validation has not the best test score
    draw_of(2, 99.0, 65.0, 4.0),
    draw_of(3, None, None, None),
    run("default1", 57.0, hyperparameters="alpha=0.0 form=sum"),
    run("tuned1", 59.0, hyperparameters="alpha=0.1 form=sum"),
]


def record(with_cells: bool = True, trials: int = 4) -> Plan:
    cells = [Cell("none", "baseline", *PLACE, seed, f"none{seed}", "teacher") for seed in (0, 1)]
    cells += [Cell("late", "method", *PLACE, seed, f"none{seed}", "teacher") for seed in (0, 1)]
    cells += [Cell("kd", "method", *PLACE, seed, ("kd0", "default1")[seed], "teacher") for seed in (0, 1)]
    if with_cells:
        cells += [Cell("kd", "method", *PLACE, seed, ("kd1", "tuned1")[seed], "teacher", tuned=True) for seed in (0, 1)]
    drawn = tuple(Trial(number, {"alpha": number / 10}, f"kd{number}") for number in range(trials))
    trials = Study("kd", *PLACE, 0, drawn)
    return Plan("none", {"toy": CONDITIONS}, {cell.key: cell for cell in cells}, {}, {trials.group: trials})


def board(**changes: Any) -> Leaderboard:
    return leaderboard(record(**changes), pd.DataFrame(RUNS))


def test_a_tuned_row_stands_below_its_defaults_and_is_a_row_like_others() -> None:
    assert list(board().rows) == ["teacher", "none", "kd", "kd (tuned)", "late"]
    assert board().rows["kd (tuned)"] == "method"
    tuned = board().scores["kd (tuned)", DIRECTION]
    assert tuned.values == {0: 53.0, 1: 59.0}
    assert tuned.gain == pytest.approx(((53 - 50) + (59 - 52)) / 2)
    assert board().scores["kd", DIRECTION].values == {0: 55.0, 1: 57.0}


def test_the_table_has_selected_values_validation_and_cost() -> None:
    tuning = board().tuning
    assert tuning is not None
    assert tuning.rows == (("kd", "toy", "audio → video", "alpha=0.1", "1", "60.00 → 70.00", "4, 1 failed", "7.5"),)
    how, left_out, cost = tuning.lines
    assert how.startswith("Tuned rows: 4 trials")
    assert "all on seed 0" in how
    assert re.match(r"Not tuned: none \([^)]*\), late \(nothing to search", left_out)
    assert cost.endswith("tuning took 3 trials and 6.0 seconds of training.")


def test_what_is_not_selected_yet_is_said() -> None:
    tuning = board(with_cells=False).tuning
    assert tuning is not None
    assert tuning.rows == ()
    assert tuning.lines[2].startswith("1 selection can be made")
    pending = leaderboard(record(with_cells=False), pd.DataFrame(RUNS[:-3])).tuning
    assert pending is not None
    assert "1 selection must wait for trials, of which 3 of 4 are over." in pending.lines
    failed = pd.DataFrame([*RUNS[:3], *(draw_of(number, None, None, None) for number in range(4))])
    nothing = leaderboard(record(with_cells=False), failed).tuning
    assert nothing is not None
    assert "kd, toy, audio → video: none of the 4 trials was completed, so there is nothing to select." in nothing.lines


def test_the_defaults_may_be_what_is_selected() -> None:
    cells = record().cells
    same = {
        key: replace(cell, run_id=("kd0", "default1")[cell.seed]) if cell.tuned else cell for key, cell in cells.items()
    }
    tuning = leaderboard(replace(record(), cells=same), pd.DataFrame(RUNS)).tuning
    assert tuning is not None
    assert tuning.rows[0][3:6] == ("alpha=0.0", "0 (defaults)", "60.00 → 60.00")


def test_every_draw_has_a_line_in_trials_csv() -> None:
    text = as_csv(TRIAL_COLUMNS, trial_rows(study_results(record(), pd.DataFrame(RUNS))))
    lines = list(csv.DictReader(io.StringIO(text)))
    assert [line["number"] for line in lines] == ["0", "1", "2", "3"]
    assert [line["selected"] for line in lines] == ["0", "1", "0", "0"]
    assert [(line["validation"], line["test"]) for line in lines] == [
        ("60.0", "55.0"),
        ("70.0", "53.0"),
        ("65.0", "99.0"),
        ("", ""),
    ]
    assert (lines[3]["status"], lines[3]["error"]) == ("failed", "non-finite loss: nan")
    assert lines[2]["values"] == "alpha=0.2"
    assert lines[2]["run_id"] == "kd2"


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_shows_it_and_none_has_a_trace_of_it_where_nothing_was_sampled(form: str) -> None:
    def text(one: Leaderboard) -> str:
        rendered = render(one, form, "made")
        if isinstance(rendered, str):
            return rendered
        console = Console(file=io.StringIO(), width=160)
        console.print(rendered)
        return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]

    assert "kd (tuned)" in text(board())
    assert ("alpha=0.1" in text(board())) == (form != "csv"), "a CSV file is one table; tuning.csv is the other"
    plain = replace(record(with_cells=False), studies={})
    shown = text(leaderboard(plain, pd.DataFrame(RUNS))).lower()
    assert "tun" not in shown.replace('"tuning": null', ""), "JSON has the same keys in any case"


def test_the_csv_of_selected_values_is_a_file_of_its_own() -> None:
    tuning = board().tuning
    assert tuning is not None
    (line,) = csv.DictReader(io.StringIO(text_csv(tuning)))
    assert (line["method"], line["selected values"], line["trial"]) == ("kd", "alpha=0.1", "1")


def test_names_are_text_in_the_page() -> None:
    wanted = record()
    drawn = tuple(replace(trial, values={"form": "<b>x</b>"}) for trial in next(iter(wanted.studies.values())).trials)
    studies = {group: replace(one, trials=drawn) for group, one in wanted.studies.items()}
    page = render(leaderboard(replace(wanted, studies=studies), pd.DataFrame(RUNS)), "html", "made")
    assert isinstance(page, str)
    assert "&lt;b&gt;x&lt;/b&gt;" in page
    assert "<b>x</b>" not in page


def test_only_shows_the_draws_of_tuned_cells() -> None:
    keys = list(record().cells)
    assert record().only(keys).studies
    assert record().only([key for key in keys if not key[-1]]).studies == {}
