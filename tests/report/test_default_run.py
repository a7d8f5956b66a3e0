"""CI's comparison of its own run with the recorded one, and the README's table, which is made from the latter."""

from __future__ import annotations

import re
import runpy
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import typer

from cmkd_bench.experiment.store import Experiment
from cmkd_bench.report.experiment_tables import write_board

ROOT = Path(__file__).parent.parent.parent
SCRIPT = runpy.run_path(str(ROOT / "benchmarks" / "default_run.py"))
main, board, exceeding, with_table = (SCRIPT[name] for name in ("main", "board", "exceeding", "with_table"))
README = (ROOT / "README.md").read_text(encoding="utf-8")
Build = Callable[..., Experiment]


def frame(*cells: tuple[str, str, float, float, float, float]) -> pd.DataFrame:
    """Cells of one dataset with 3 seeds: student, row, mean and deviation in the record, and in the run."""
    rows = [("toy", "audio", *cell, 3) for cell in cells]
    values = ["mean_recorded", "std_recorded", "mean", "std", "seeds"]
    columns = ["dataset", "teacher_modality", "student_modality", "row"]
    return pd.DataFrame(rows, columns=[*columns, *values]).set_index(columns)


def test_the_readmes_table_is_that_of_the_record() -> None:
    assert with_table(README, board(ROOT / "results" / "default")) == README


def test_the_readmes_table_has_the_gains_and_arrows_of_the_leaderboard() -> None:
    """The same, from the record's Markdown, line by line."""
    board_lines = (ROOT / "results" / "default" / "leaderboard.md").read_text(encoding="utf-8").splitlines()
    rows = [line.strip("| ").split(" | ") for line in README.splitlines() if re.match(r"\| \w+ \| \**[+-]", line)]
    assert len(rows) >= 10
    for row, *cells in rows:
        name = row.replace("_", "\\_")
        lines = [line for line in board_lines if line.startswith(f"| {name} |")]
        gains = [float(gain) for line in lines for gain in re.findall(r"\(([+-][\d.]+)\)", line)]
        arrows = ["".join(re.findall("[↑↓]", cell)) for line in lines for cell in line.strip("| ").split(" | ")[1:]]
        assert [float(cell.strip("* ↑↓")) for cell in cells] == pytest.approx(gains, abs=0.0551)
        assert ["".join(re.findall("[↑↓]", cell)) for cell in cells] == arrows


@pytest.mark.parametrize(("difference", "problems"), [(1.6, 0), (-1.6, 0), (1.7, 3), (-1.7, 3)])
def test_a_mean_may_differ_by_two_standard_errors(difference: float, problems: int) -> None:
    # 3 seeds with a deviation of 1 in both: 2 * sqrt(2 / 3) = 1.63; the row and the direction are this cell alone
    found = list(exceeding(frame(("b", "kd", 50.0, 1.0, 50.0 + difference, 1.0))))
    assert len(found) == problems
    assert all("1.63" in line and f"{difference:+.2f}" in line for line in found)


def test_a_row_may_differ_less_than_its_cells() -> None:
    # two directions: 2 * sqrt(2 * 2 / 3) / 2 = 1.15
    cells = [(direction, "kd", 50.0, 1.0, 51.3, 1.0) for direction in ("b", "c")]
    (line,) = exceeding(frame(*cells))
    assert line.startswith("kd")
    assert "1.15" in line


def test_seeds_that_agree_by_chance_do_not_count_as_exact() -> None:
    others = [("b", row, 50.0, 1.0, 50.0, 1.0) for row in ("kd", "dkd", "crd")]
    assert not list(exceeding(frame(("b", "mfh", 50.0, 0.0, 51.5, 0.0), *others)))


@pytest.fixture
def recorded(tmp_path: Path) -> Callable[[Experiment], Path]:
    """Record an experiment, and return the folder."""

    def record(experiment: Experiment) -> Path:
        write_board(experiment)
        readme = tmp_path / "README.md"
        readme.write_text(f"before\n{SCRIPT['BEGIN']}{SCRIPT['END']}\nafter\n", encoding="utf-8")
        main(experiment.path, tmp_path / "record", readme, record=True)
        assert "| kd |" in readme.read_text(encoding="utf-8")
        return tmp_path / "record"

    return record


def test_a_run_agrees_with_its_own_record_and_not_with_another(
    build: Build, recorded: Callable[[Experiment], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    experiment = build({"none": 0.6, "kd_shuffled": 0.2, "kd": 0.9}, seeds=3)
    record = recorded(experiment)
    main(experiment.path, record)
    assert "8 means; 0 differ" in capsys.readouterr().out

    table = pd.read_csv(record / "leaderboard.csv")
    table.loc[table.row == "kd", "mean"] -= 30
    table.to_csv(record / "leaderboard.csv", index=False)
    with pytest.raises(typer.Exit):
        main(experiment.path, record)
    assert "toy, audio → video, kd: differs by +30" in capsys.readouterr().out


def test_cells_that_only_one_has_are_named(
    build: Build, recorded: Callable[[Experiment], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    experiment = build({"none": 0.6, "kd": 0.9}, seeds=3, directions=1)
    record = recorded(experiment)
    table = pd.read_csv(record / "leaderboard.csv")
    table.replace({"row": {"kd": "dkd"}}).to_csv(record / "leaderboard.csv", index=False)
    with pytest.raises(typer.Exit):
        main(experiment.path, record)
    printed = capsys.readouterr().out
    assert "toy, audio → video, dkd: not in the run" in printed
    assert "toy, audio → video, kd: not in the record" in printed

    table.assign(seeds=2).to_csv(record / "leaderboard.csv", index=False)
    with pytest.raises(typer.Exit):
        main(experiment.path, record)
    assert "kd: seeds 3, not 2 as in the record" in capsys.readouterr().out
