"""The plots of the page: those of `plot`, drawn anew, and those that `diagnose` has saved."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cmkd_bench.experiment.csv_text import read_rows
from cmkd_bench.experiment.damage import Damaged
from cmkd_bench.experiment.label_budget import block_name, parse_budget
from cmkd_bench.report.diagnosis_table import ROWS, diagnosis_table
from cmkd_bench.report.experiment_data import ExperimentData
from cmkd_bench.report.plots.kinds import KINDS
from cmkd_bench.report.plots.picture import Refusal, render
from cmkd_bench.report.plots.plot_data import plot_data_of
from cmkd_bench.report.plots.save import plot

MOST_DIRECTIONS = 12  # with more, the plots alone take minutes and tens of megabytes
OF_ALL = ("critical",)  # one plot, however many directions there are
TYPES = {"svg": "image/svg+xml", "png": "image/png"}


def plots(data: ExperimentData) -> list[dict[str, Any]]:
    """Make the plots of all kinds: title and address of each, and why others could not be made."""
    plot_data = plot_data_of(data)
    found = []
    for name, meaning in KINDS.items():
        is_plotted = len(data.board.columns) <= MOST_DIRECTIONS or name in OF_ALL
        made = list(plot(plot_data, [name])) if is_plotted else []
        figures = [one for one in made if not isinstance(one, Refusal)]
        found.append({
            "meaning": meaning,
            "figures": [(one.title, data_uri(render(one.figure, "svg"), "svg")) for one in figures],
            "refusals": [one.reason for one in made if isinstance(one, Refusal)],
        })  # fmt: skip
    return found


def data_uri(content: bytes, file_format: str) -> str:
    """Return an image as an address.

    An image and no part of the page: its ids cannot clash with those of another one, and nothing in it can run.
    """
    return f"data:{TYPES[file_format]};base64,{base64.b64encode(content).decode()}"


def diagnoses(data: ExperimentData) -> Iterator[dict[str, Any]]:
    """Read what `diagnose` has saved; a damaged table is left out, and the experiment remembers it."""
    folder = data.experiment.path / "plots"
    for path in sorted(folder.glob("diagnosis-*.csv")):
        if _is_inside(path, folder):
            try:
                yield _diagnosis(data, path)
            except Damaged as damage:
                data.experiment.note(damage)


def _diagnosis(data: ExperimentData, path: Path) -> dict[str, Any]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            lines = read_rows(file)
        numbers: dict[str, list[dict[str, float]]] = {}
        for line in lines:
            numbers.setdefault(line["method"], []).append({name: float(line[name] or "nan") for name in ROWS})
        runs = {line[name] for line in lines for name in ("teacher_run", "student_run")}
        first = lines[0]
        block = block_name(first["dataset"], parse_budget(first["labels"]))
        title = f"{block}: {first['teacher_modality']} → {first['student_modality']}"
    except (KeyError, ValueError, IndexError, TypeError) as error:
        repair = "Rerun `cmkd-bench diagnose` for this dataset: it writes the file anew."
        raise Damaged(path, "is not a table of diagnostics", repair) from error
    images = [one for kind in TYPES if _is_inside(one := path.with_suffix(f".{kind}"), path.parent)]
    return {
        "table": diagnosis_table(title, numbers),
        "image": data_uri(images[0].read_bytes(), images[0].suffix[1:]) if images else "",
        "is_old": not runs <= set(data.runs),
    }


def _is_inside(path: Path, folder: Path) -> bool:
    """Whether a file exists and no link leads out of the folder."""
    return path.is_file() and path.resolve().parent == folder.resolve()
