"""The plots of the page: those of `plot`, drawn anew, and those that `diagnose` has saved."""

from __future__ import annotations

import base64
import csv
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from cmkd_bench.errors import UserError
from cmkd_bench.experiment.label_budget import block_name, parse_budget
from cmkd_bench.report.page.experiment_data import ExperimentData
from cmkd_bench.report.text_table import TextTable

MOST_DIRECTIONS = 12  # with more, the plots alone take minutes and tens of megabytes
OF_ALL = ("critical",)  # one plot, however many directions there are
TYPES = {"svg": "image/svg+xml", "png": "image/png"}


def plots(data: ExperimentData) -> list[dict[str, Any]]:
    """Make the plots of all kinds: title and address of each, and why others could not be made."""
    from cmkd_bench.report.plots.picture import Refusal, render
    from cmkd_bench.report.plots.plot_data import PlotData
    from cmkd_bench.report.plots.save import KINDS, plot

    plot_data = PlotData(data.record, data.results, cache(data.history), data.board)
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
    """Read what `diagnose` has saved.

    Raises:
        UserError: if a table of it cannot be read.
    """
    folder = data.experiment.path / "plots"
    for path in sorted(folder.glob("diagnosis-*.csv")):
        if _is_inside(path, folder):
            yield _diagnosis(data, path)


def _diagnosis(data: ExperimentData, path: Path) -> dict[str, Any]:
    from cmkd_bench.diagnostics.diagnosis_table import ROWS, spread

    try:
        with path.open(encoding="utf-8", newline="") as file:
            lines = list(csv.DictReader(file))
        methods = tuple(dict.fromkeys(line["method"] for line in lines))
        rows = []
        for name, (meaning, digits) in ROWS.items():
            values = ([float(line[name]) for line in lines if line["method"] == method] for method in methods)
            rows.append((meaning, *(spread(one, digits) for one in values)))
        runs = {line[name] for line in lines for name in ("teacher_run", "student_run")}
        first = lines[0]
        block = block_name(first["dataset"], parse_budget(first["labels"]))
        title = f"{block}: {first['teacher_modality']} → {first['student_modality']}"
    except (OSError, KeyError, ValueError, IndexError, TypeError) as error:
        raise UserError(
            f"{path} cannot be read: {error!r}. Delete it, or rerun `cmkd-bench diagnose` to write it anew."
        ) from error
    images = [one for kind in TYPES if _is_inside(one := path.with_suffix(f".{kind}"), path.parent)]
    return {
        "table": TextTable(title, ("quantity", *methods), tuple(rows), (), texts=1),
        "image": data_uri(images[0].read_bytes(), images[0].suffix[1:]) if images else "",
        "is_old": not runs <= set(data.runs),
    }


def _is_inside(path: Path, folder: Path) -> bool:
    """Whether a file exists and no link leads out of the folder."""
    return path.is_file() and path.resolve().parent == folder.resolve()
