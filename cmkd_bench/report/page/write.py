"""The page as text and as a file."""

from __future__ import annotations

import base64
import hashlib
import json
import shlex
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from cmkd_bench.errors import UserError
from cmkd_bench.experiment.files import write_text
from cmkd_bench.experiment.store import Experiment
from cmkd_bench.report.page import boards, commands, figures, missing, protocol
from cmkd_bench.report.page.drill import drill_down
from cmkd_bench.report.page.source import Source, read_source
from cmkd_bench.report.published import compare_published

TEMPLATES = Path(__file__).with_name("templates")
# What could end the block, begin another, or be read as a line's end by a script
_ESCAPED = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def write_page(experiment: Experiment, out: Path | None = None) -> Path:
    """Write an experiment as one HTML file, by rename; the same folder gives the same bytes.

    Args:
        experiment: which.
        out: the file; `report.html` in the experiment's folder where None is given.

    Raises:
        UserError: if a record of a run cannot be read, or the file's folder does not exist.
    """
    path = experiment.path / "report.html" if out is None else out
    if path.is_dir() or not path.parent.is_dir():
        what = "a folder" if path.is_dir() else f"in {path.parent}/, which does not exist"
        raise UserError(f"--out {path}: this is {what}. Give the name of a file in a folder that exists.")
    write_text(path, make_page(experiment))
    return path


def make_page(experiment: Experiment) -> str:
    """The page of an experiment.

    Raises:
        UserError: if a record of a run cannot be read.
    """
    try:
        source = read_source(experiment)
        context = _context(source)
    except (OSError, ValueError) as error:
        raise UserError(
            f"{experiment.path} cannot be read: {error}. Delete the folder of the run that is named and give the "
            "command of the experiment again."
        ) from error
    return _environment().get_template("page.html").render(context)


def as_block(values: Any) -> Markup:
    """Values as JSON that can stand in a script element, whatever texts are in them."""
    text = json.dumps(values, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character, escape in _ESCAPED.items():
        text = text.replace(character, escape)
    return Markup(text)  # noqa: S704 (no character that means anything to HTML is left)


def _context(source: Source) -> dict[str, Any]:
    style, script = (TEMPLATES / name for name in ("page.css", "page.js"))
    further = list(boards.further_boards(source))
    name, root = source.experiment.name, source.experiment.root.name
    return {
        "name": name,
        "style": Markup(style.read_text(encoding="utf-8")),  # noqa: S704 (a file of this package)
        "script": Markup(script.read_text(encoding="utf-8")),  # noqa: S704 (a file of this package)
        "policy": _policy(style, script),
        "overview": _overview(source),
        "counts": missing.counts(source),
        "gaps": missing.gaps(source),
        "bringing": missing.bringing(source),
        "board": boards.main_board(source),
        "metrics": [one for one in further if not one["is_cost"]],
        "costs": [one for one in further if one["is_cost"]],
        "notes": source.board.notes,
        "baseline": source.board.baseline,
        "tuning": source.board.tuning,
        "published": compare_published(source.board, source.results),
        "tests": boards.tests(source),
        "claims": source.board.claims,
        "ranks": boards.ranks(source),
        "kinds": figures.drawn(source),
        "limits": figures.summary_of_limits(source),
        "diagnoses": list(figures.diagnoses(source)),
        "conditions": protocol.conditions(source),
        "splits": protocol.splits(source),
        "deviations": protocol.deviations(source),
        "environments": protocol.environments(source),
        "papers": protocol.papers(source),
        "place": _where(root),
        "root": root,
        "data": as_block(
            {
                **drill_down(source),
                "own": commands.place(name, root, retry=True),
                "copy": commands.place(name, "repeated"),
            }
        ),
    }


def _overview(source: Source) -> dict[str, Any]:
    cells = source.record.cells.values()
    roles = {cell.method: cell.role for cell in cells}
    return {
        "methods": [method for method, role in roles.items() if role == "method"],
        "controls": [method for method, role in roles.items() if role == "control"],
        "datasets": list(source.record.conditions),
        "directions": len(source.columns),
        "seeds": len({cell.seed for cell in cells}),
        "protocols": list(dict.fromkeys(str(one["protocol"]) for one in source.record.conditions.values())),
        "codes": list(dict.fromkeys(str(cost.get("code", "")) for cost in source.costs.values())),
        "period": protocol.period(source.costs.values()),
        "hours": sum(float(cost.get("seconds", 0.0)) for cost in source.costs.values()) / 3600,
        "fixtures": [name for name, one in source.record.conditions.items() if one["fixture"]],
    }


def _where(root: str) -> str:
    """The option that finds the experiment, for commands that only read."""
    return "" if root in ("results", "") else f" --results {shlex.quote(root)}"


def _policy(style: Path, script: Path) -> str:
    """Nothing may be fetched, nothing may run but the script of this package, and pictures are what it unpacks."""
    own = "style-src {}; script-src {}".format(*map(_digest, (style, script)))
    return f"default-src 'none'; img-src blob:; {own}; base-uri 'none'; form-action 'none'"


def _digest(path: Path) -> str:
    content = hashlib.sha256(path.read_text(encoding="utf-8").encode()).digest()
    return f"'sha256-{base64.b64encode(content).decode()}'"


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
