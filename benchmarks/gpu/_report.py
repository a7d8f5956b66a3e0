"""What the parts have reported so far, as Markdown."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.gpu._part import ENDED, FAILURES
from cmkd_bench.report.text_table import TextTable, as_markdown

Row = dict[str, Any]
LONGEST_DETAILS = 6000


def markdown(about: Mapping[str, str], parts: Mapping[str, Path]) -> str:
    """Return the report.

    Args:
        about: the command, its start and the host.
        parts: the file of each part's rows.
    """
    found = {name: [json.loads(line) for line in file.open()] for name, file in parts.items() if file.exists()}
    lines = ["# benchmarks.gpu", "", *(f"- {name}: {value}" for name, value in about.items()), ""]
    lines += [*_table([_summary(name, found.get(name, [])) for name in parts]), ""]
    for name, rows in found.items():
        lines += [f"## {name}", "", *_of_part([row for row in rows if row["table"] != ENDED])]
    return "\n".join(lines) + "\n"


def _summary(name: str, rows: Sequence[Row]) -> Row:
    ended = next((row for row in rows if row["table"] == ENDED), {"status": "waiting"})
    failures = sum(row["table"] == FAILURES for row in rows)
    return {"part": name, "status": ended["status"], "seconds": ended.get("seconds"), "failures": failures}


def _of_part(rows: Sequence[Row]) -> list[str]:
    lines: list[str] = []
    for name in dict.fromkeys(row["table"] for row in rows):
        own = [row for row in rows if row["table"] == name]
        lines += [f"### {name}", "", *_table(own), ""]
        for row in own:
            if row.get("details"):
                lines += ["```", str(row["details"])[-LONGEST_DETAILS:].strip(), "```", ""]
    return lines


def _table(rows: Sequence[Row]) -> list[str]:
    columns = [key for key in dict.fromkeys(key for row in rows for key in row) if key not in ("table", "details")]
    cells = [[_cell(row.get(column)) for column in columns] for row in rows]
    return as_markdown(TextTable("", columns, cells, texts=0))


def _cell(value: Any) -> str:
    if value is None:
        return ""
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return text.replace("|", "\\|").replace("\n", " ")
