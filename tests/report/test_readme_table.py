"""CI's comparison of its own run with the README's table: what is read from both, and what may differ by how much."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import typer

from cmkd_bench.experiment.store import Experiment
from cmkd_bench.report.experiment_tables import write_board

ROOT = Path(__file__).parent.parent.parent
SCRIPT = runpy.run_path(str(ROOT / "benchmarks" / "readme_table.py"))
main, published, exceeding = SCRIPT["main"], SCRIPT["published"], SCRIPT["exceeding"]
Build = Callable[..., Experiment]


def frame(*cells: tuple[str, str, float, float, float, float]) -> pd.DataFrame:
    """Cells of one dataset: direction, row, the README's mean and deviation, the run's mean and deviation."""
    rows = [("toy", *cell) for cell in cells]
    columns = ["dataset", "direction", "row", "mean", "std", "value", "spread"]
    return pd.DataFrame(rows, columns=columns).set_index(["dataset", "direction", "row"])


def test_the_readmes_table_is_read_whole() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    found = published(text)
    lines = [line for line in text.splitlines() if line.startswith("| ") and "→" not in line and " ± " in line]
    assert len(found) == sum(line.count(" ± ") for line in lines)
    assert {"teacher", "none", "label_smoothing"} <= set(found.index.get_level_values("row"))
    assert not any("(" in name for name in found.index.get_level_values("dataset"))


@pytest.mark.parametrize(("difference", "problems"), [(1.6, 0), (-1.6, 0), (1.7, 3), (-1.7, 3)])
def test_a_mean_may_differ_by_two_standard_errors(difference: float, problems: int) -> None:
    # 3 seeds with a deviation of 1 in both: 2 * sqrt(2 / 3) = 1.63; the row and the direction are this cell alone
    found = list(exceeding(frame(("a → b", "kd", 50.0, 1.0, 50.0 + difference, 1.0)), 3))
    assert len(found) == problems
    assert all("1.63" in line and f"{difference:+.2f}" in line for line in found)


def test_a_row_may_differ_less_than_its_cells() -> None:
    # two directions: 2 * sqrt(2 * 2 / 3) / 2 = 1.15
    cells = [(direction, "kd", 50.0, 1.0, 51.3, 1.0) for direction in ("a → b", "b → a")]
    (line,) = exceeding(frame(*cells), 3)
    assert line.startswith("kd")
    assert "1.15" in line


def test_seeds_that_agree_by_chance_do_not_count_as_exact() -> None:
    others = [("a → b", row, 50.0, 1.0, 50.0, 1.0) for row in ("kd", "dkd", "crd")]
    assert not list(exceeding(frame(("a → b", "mfh", 50.0, 0.0, 51.5, 0.0), *others), 3))


def test_a_run_agrees_with_its_own_table_and_not_with_another(
    build: Build, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    experiment = build({"none": 0.6, "kd_shuffled": 0.2, "kd": 0.9}, seeds=3)
    write_board(experiment)
    text = (experiment.path / "leaderboard.md").read_text(encoding="utf-8")
    readme = tmp_path / "README.md"
    readme.write_text(text, encoding="utf-8")
    main(experiment.path, readme)
    assert "8 means; 0 differ" in capsys.readouterr().out

    kd = published(text).loc[("toy", "audio → video", "kd"), "mean"]
    readme.write_text(text.replace(f"{kd:.2f}", f"{kd - 30:.2f}", 1), encoding="utf-8")
    with pytest.raises(typer.Exit):
        main(experiment.path, readme)
    assert "toy, audio → video, kd: differs by +30" in capsys.readouterr().out


def test_cells_that_only_one_has_are_named(build: Build, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    experiment = build({"none": 0.6, "kd": 0.9}, seeds=3, directions=1)
    write_board(experiment)
    text = (experiment.path / "leaderboard.md").read_text(encoding="utf-8")
    readme = tmp_path / "README.md"
    readme.write_text(text.replace("| kd |", "| dkd |"), encoding="utf-8")
    with pytest.raises(typer.Exit):
        main(experiment.path, readme)
    printed = capsys.readouterr().out
    assert "toy, audio → video, dkd: not in the run" in printed
    assert "toy, audio → video, kd: not in the README" in printed
