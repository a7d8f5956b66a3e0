"""Compare a run of the default grid with the README's table, which another CPU model does not give to the digit.

Run from the root of the repository: python -m benchmarks.readme_table results/fair

Both tables have the same seeds, so their means are paired: what differs is only how the CPU rounds. The README has no
values by seed, but the spread of the differences is bounded by the spread over seeds, as if the seeds were others. (On
an AMD EPYC with AVX-512 and with AVX2, a seed's values differed by a quarter of what the seeds differ by.) So the
standard error of a difference of means is sqrt(2 v / n): n seeds; v the mean of both variances over seeds, but at least
the median of its direction, because a few seeds can agree by chance. A mean may differ by LIMIT standard errors. So may
the mean over a row and over a direction, where a small change that has one sign everywhere is found.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer

CELL = ["dataset", "direction", "row"]
LIMIT = 2.0
GROUPS = (CELL, ["row"], ["dataset", "direction"])


def main(
    experiment: Annotated[Path, typer.Argument(help="folder of the run, with results.csv")],
    readme: Annotated[Path, typer.Option(help="file with the table")] = Path("README.md"),
) -> None:
    """Print how many means differ, and by how much; exit with 1 where one differs by more than the spread allows."""
    text = readme.read_text(encoding="utf-8")
    (seeds, *_) = map(int, re.findall(r"deviation\s+over\s+(\d+)\s+seeds", text))
    table = published(text).join(measured(experiment / "results.csv", seeds), how="outer")
    difference = (table["value"] - table["mean"]).abs()
    print(
        f"{len(table)} means; {(difference > 0.0051).sum()} differ from the README's, by at most {difference.max():.2f}"
    )
    if problems := [*incomplete(table), *exceeding(table.dropna(), seeds)]:
        print("\n".join(problems))
        raise typer.Exit(1)
    print("none by more than the spread over seeds allows")


def published(text: str) -> pd.DataFrame:
    """Read the mean and the standard deviation of each cell from tables of directions under headings of datasets."""
    rows: list[tuple[str, str, str, float, float]] = []
    dataset, directions = "", [""]
    for line in text.splitlines():
        first, *cells = (re.sub(r"\\(.)", r"\1", cell.strip()) for cell in line.strip("|").split("|"))
        if line.startswith("### "):
            dataset = line.removeprefix("### ").partition(" (")[0]
        elif line.startswith("| method |"):
            directions = cells
        elif line.startswith("| "):
            found = [re.search(r"(\d+\.\d+) ± (\d+\.\d+)", cell) for cell in cells]
            pairs = zip(directions, found, strict=True)
            rows += [(dataset, direction, first, float(one[1]), float(one[2])) for direction, one in pairs if one]
    return pd.DataFrame(rows, columns=[*CELL, "mean", "std"]).set_index(CELL)


def measured(path: Path, seeds: int) -> pd.DataFrame:
    """Return the mean and the standard deviation over seeds of each cell of a run; none where seeds are missing."""
    results = pd.read_csv(path)
    results["direction"] = results["teacher_modality"] + " → " + results["student_modality"]
    results["row"] = results["method"].where(~results["tuned"], results["method"] + " (tuned)")
    by_seed = results.groupby([*CELL, "seed"])["value"].mean().groupby(CELL)
    return pd.DataFrame({"value": by_seed.mean(), "spread": by_seed.std()}).where(by_seed.count() == seeds)


def incomplete(table: pd.DataFrame) -> Iterator[str]:
    """Name the cells that only one of both has."""
    for place, row in table[table.isna().any(axis=1)].iterrows():
        yield f"{_name(place)}: not in the {'README' if np.isnan(row['mean']) else 'run'}, or not with all seeds"


def exceeding(table: pd.DataFrame, seeds: int) -> Iterator[str]:
    """Name the means that differ by more than their spread allows: of cells, rows and directions."""
    variance = (table["std"] ** 2 + table["spread"] ** 2) / 2
    usual = variance.groupby(["dataset", "direction"]).transform("median")
    squared = pd.DataFrame({"difference": table["value"] - table["mean"], "error": 2 * variance.clip(usual) / seeds})
    for group in GROUPS:
        found = squared.groupby(group).agg(["sum", "count"])
        difference = found["difference", "sum"] / found["difference", "count"]
        allowed = LIMIT * np.sqrt(found["error", "sum"]) / found["error", "count"]
        for place in found.index[difference.abs() > allowed]:
            yield f"{_name(place)}: differs by {difference[place]:+.2f}, more than {allowed[place]:.2f}"


def _name(place: object) -> str:
    return ", ".join(map(str, place)) if isinstance(place, tuple) else f"{place}, all directions"


if __name__ == "__main__":
    typer.run(main)
