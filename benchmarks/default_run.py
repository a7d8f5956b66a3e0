"""Compare a run of the default grid with the recorded one, and make the README's table from the latter.

Run from the root of the repository:

    python -m benchmarks.default_run results/fair             # compare
    python -m benchmarks.default_run results/fair --record    # record this run in results/default and in the README

Another CPU model rounds differently, and training amplifies that, so the means need not agree to the digit. Both runs
have the same seeds, so their means are paired. The spread of the differences is bounded by the spread over seeds, as if
the seeds were others. (On an AMD EPYC with AVX-512 and with AVX2, a seed's values differed by a quarter of what the
seeds differ by.) So the standard error of a difference of means is sqrt(2 v / n): n seeds; v the mean of both variances
over seeds, but at least the median of its direction, because a few seeds can agree by chance. A mean may differ by
LIMIT standard errors. So may the mean over a row and over a direction, where a small change that has one sign
everywhere is found.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer

RECORDED = Path("results/default")
FILES = ("leaderboard.csv", "leaderboard.md")
DIRECTION = ["dataset", "teacher_modality", "student_modality"]
CELL = [*DIRECTION, "row"]
LIMIT = 2.0
SIGNIFICANCE = 0.05
GROUPS = (CELL, ["row"], DIRECTION)
BEGIN, END = "<!-- default run -->\n", "<!-- end -->"


def main(
    experiment: Annotated[Path, typer.Argument(help="folder of the run, with leaderboard.csv")],
    recorded: Annotated[Path, typer.Option(help="folder of the recorded run")] = RECORDED,
    readme: Annotated[Path, typer.Option(help="file with the table")] = Path("README.md"),
    record: Annotated[bool, typer.Option("--record", help="record this run instead, and write the table")] = False,
) -> None:
    """Print how many means differ, and by how much; exit with 1 where one differs by more than the spread allows."""
    if record:
        recorded.mkdir(parents=True, exist_ok=True)
        for name in FILES:
            shutil.copyfile(experiment / name, recorded / name)
        readme.write_text(with_table(readme.read_text(encoding="utf-8"), board(recorded)), encoding="utf-8")
        return
    table = board(recorded).add_suffix("_recorded").join(board(experiment), how="outer")
    difference = (table["mean"] - table["mean_recorded"]).abs()
    print(
        f"{len(table)} means; {(difference > 0.0051).sum()} differ from the record, by at most {difference.max():.2f}"
    )
    if problems := [*incomplete(table), *exceeding(table.dropna(subset=["mean", "mean_recorded"]))]:
        print("\n".join(problems))
        raise typer.Exit(1)
    print("none by more than the spread over seeds allows")


def board(folder: Path) -> pd.DataFrame:
    """Read the cells of a leaderboard."""
    return pd.read_csv(folder / "leaderboard.csv").set_index(CELL)


def with_table(text: str, cells: pd.DataFrame) -> str:
    """Return the README with the gains of the record, one line per row and one column per direction."""
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}{gains(cells)}{END}{rest.split(END, 1)[1]}"


def gains(cells: pd.DataFrame) -> str:
    """Return the gains as a Markdown table; the baseline's line has its score instead."""
    columns = sorted(cells.index.droplevel("row").unique(), key=lambda column: str(column[0]))  # as in leaderboard.md
    lines = [
        "| | " + " | ".join(f"{dataset}<br>{teacher} → {student}" for dataset, teacher, student in columns) + " |",
        "|---|" + "---:|" * len(columns),
    ]
    for row in cells.index.unique("row"):
        found = [cells.loc[(*column, row)] for column in columns]
        if found[0].role != "teacher":
            lines.append(f"| {row} | {' | '.join(map(_cell, found))} |")
    return "\n".join(lines) + "\n"


def _cell(cell: pd.Series) -> str:
    if cell["role"] == "baseline":
        return f"{cell['mean']:.1f} ± {cell['std']:.1f}"
    gain = f"{cell['gain']:+.1f}"
    if not cell["gain_p_holm"] < SIGNIFICANCE:
        return gain
    return f"**{gain}** ↑" if cell["gain"] > 0 else f"{gain} ↓"


def incomplete(table: pd.DataFrame) -> Iterator[str]:
    """Name the cells that only one of both has, or that have other seeds or labels."""
    for place, row in table.iterrows():
        if np.isnan(row["mean"]) or np.isnan(row["mean_recorded"]):
            yield f"{_name(place)}: not in the {'run' if np.isnan(row['mean']) else 'record'}"
        else:
            for name in ("seeds", "labels"):
                if row[name] != row[f"{name}_recorded"]:
                    yield f"{_name(place)}: {name} {row[name]}, not {row[f'{name}_recorded']} as in the record"


def exceeding(table: pd.DataFrame) -> Iterator[str]:
    """Name the means that differ by more than their spread allows: of cells, rows and directions."""
    variance = (table["std"] ** 2 + table["std_recorded"] ** 2) / 2
    usual = variance.groupby(DIRECTION).transform("median")
    error = 2 * variance.clip(usual) / table["seeds"]
    squared = pd.DataFrame({"difference": table["mean"] - table["mean_recorded"], "error": error})
    for group in GROUPS:
        found = squared.groupby(group).agg(["sum", "count"])
        difference = found["difference", "sum"] / found["difference", "count"]
        allowed = LIMIT * np.sqrt(found["error", "sum"]) / found["error", "count"]
        for place in found.index[difference.abs() > allowed]:
            yield f"{_name(place)}: differs by {difference[place]:+.2f}, more than {allowed[place]:.2f}"


def _name(place: object) -> str:
    if not isinstance(place, tuple):
        return f"{place}, all directions"
    dataset, teacher, student, *row = map(str, place)
    return ", ".join([dataset, f"{teacher} → {student}", *row])


if __name__ == "__main__":
    typer.run(main)
