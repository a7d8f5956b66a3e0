"""results.json and results.md, written anew whenever something becomes known."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.gpu._part import FAILURES
from cmkd_bench.experiment.files import write_text
from cmkd_bench.report.text_table import TextTable, as_markdown

Row = dict[str, Any]
LONGEST_DETAILS = 6000


@dataclass
class PartReport:
    """What is known of a part."""

    name: str  # of the part
    status: str = "waiting"  # waiting, running, done, failed, or out of time
    seconds: float = 0.0  # that it took
    rows: list[Row] = field(default_factory=list)  # of its tables
    tail: str = ""  # the end of its output, where it did not end by itself


class Report:
    """All parts; may be written to by several threads."""

    def __init__(self, folder: Path, about: Row, names: list[str]) -> None:
        self._folder, self._about, self._lock = folder, about, threading.Lock()
        self.parts = {name: PartReport(name) for name in names}
        folder.mkdir(parents=True, exist_ok=True)
        self._write()

    def update(self, name: str, row: Row | None = None, **changes: Any) -> None:
        """Add a row, or change what is known of a part."""
        with self._lock:
            part = self.parts[name]
            if row is not None:
                part.rows.append(row)
            for attribute, value in changes.items():
                setattr(part, attribute, value)
            self._write()

    def _write(self) -> None:
        known = {"about": self._about, "parts": [vars(part) for part in self.parts.values()]}
        write_text(self._folder / "results.json", json.dumps(known, indent=1))
        write_text(self._folder / "results.md", self._markdown())

    def _markdown(self) -> str:
        lines = ["# benchmarks.gpu", "", *(f"- {name}: {value}" for name, value in self._about.items()), ""]
        summary = [
            {
                "part": part.name,
                "status": part.status,
                "seconds": part.seconds,
                "failures": sum(row["table"] == FAILURES for row in part.rows),
            }
            for part in self.parts.values()
        ]
        lines += [*_table(summary), ""]
        for part in self.parts.values():
            if part.rows or part.tail:
                lines += [f"## {part.name}", "", *_of_part(part)]
        return "\n".join(lines) + "\n"


def _of_part(part: PartReport) -> list[str]:
    lines: list[str] = []
    for name in dict.fromkeys(row["table"] for row in part.rows):
        rows = [
            {key: value for key, value in row.items() if key != "table"} for row in part.rows if row["table"] == name
        ]
        details = [str(row.pop("details")) for row in rows if row.get("details")]
        lines += [f"### {name}", "", *_table([{k: v for k, v in row.items() if k != "details"} for row in rows]), ""]
        for text in details:
            lines += ["```", text[-LONGEST_DETAILS:].strip(), "```", ""]
    if part.tail:
        lines += ["The end of its output:", "", "```", part.tail[-LONGEST_DETAILS:].strip(), "```", ""]
    return lines


def _table(rows: list[Row]) -> list[str]:
    columns = list(dict.fromkeys(key for row in rows for key in row))
    return as_markdown(
        TextTable("", columns, [[_cell(row.get(column)) for column in columns] for row in rows], texts=0)
    )


def _cell(value: Any) -> str:
    if value is None:
        return ""
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return text.replace("|", "\\|").replace("\n", " ")
