"""The page as text and as a file."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from markupsafe import Markup

from cmkd_bench.errors import UserError
from cmkd_bench.experiment.files import write_text
from cmkd_bench.experiment.store import Experiment
from cmkd_bench.report.board import Leaderboard, leaderboard
from cmkd_bench.report.code_origins import code_table
from cmkd_bench.report.comparisons import Comparison
from cmkd_bench.report.experiment_data import ExperimentData, read_experiment
from cmkd_bench.report.experiment_tables import known_metrics
from cmkd_bench.report.formats import asset
from cmkd_bench.report.page import commands, completeness, figures, protocol, run_details
from cmkd_bench.report.page.bibliography import bibliography
from cmkd_bench.report.page.grid_commands import grid_commands
from cmkd_bench.report.plots.plot_data import plural
from cmkd_bench.report.published import compare_published
from cmkd_bench.report.quantities import QUANTITIES
from cmkd_bench.report.templating import render_template
from cmkd_bench.report.text_table import TextTable
from cmkd_bench.report.verdict_matrix import verdict
from cmkd_bench.report.wording import by_dataset, legend, numbers_line
from cmkd_bench.statistics.metrics import METRICS
from cmkd_bench.statistics.paired import LEVEL
from cmkd_bench.terminal import visible

# Characters that could end the block, begin another, or be read as the end of a line by a script
_ESCAPED = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def write_page(experiment: Experiment, out: Path | None = None, data: ExperimentData | None = None) -> Path:
    """Write an experiment as one HTML file, by rename; the same folder gives the same bytes.

    Args:
        out: the file; `report.html` in the experiment's folder where None is given.
        data: of the experiment, where the caller has them.

    Raises:
        UserError: if the plan cannot be read, or the file's folder does not exist.
    """
    path = experiment.path / "report.html" if out is None else out
    if path.is_dir() or not path.parent.is_dir():
        what = "is a folder" if path.is_dir() else f"is in {path.parent}/, which does not exist"
        raise UserError(f"--out {path}: this {what}. Give the name of a file in an existing folder.")
    write_text(path, make_page(experiment, data))
    return path


def make_page(experiment: Experiment, data: ExperimentData | None = None) -> str:
    """Return the page of an experiment; runs with damaged files are listed among those that are missing."""
    return render_template("page.html", **_context(data or read_experiment(experiment)))


def as_block(values: Any) -> Markup:
    """Write values as JSON that can stand in a script element, whatever texts are in them."""
    text = json.dumps(values, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character, escape in _ESCAPED.items():
        text = text.replace(character, escape)
    return Markup(text)  # noqa: S704 (no character that means anything to HTML is left)


def _visible(value: Any) -> Any:
    """Return JSON values whose texts, names among them, show their control characters."""
    if isinstance(value, dict):
        return {_visible(name): _visible(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_visible(one) for one in value]
    return visible(value) if isinstance(value, str) else value


def _context(data: ExperimentData) -> dict[str, Any]:
    style, script = asset("page.css"), asset("sort.js") + asset("page.js")
    board, root, directions = data.board, data.experiment.root.name, len(data.board.columns)
    further = list(_further_boards(data))
    return {
        "name": data.experiment.name,
        "style": style,
        "script": script,
        "policy": _policy(style, script),
        "overview": _overview(data),
        "counts": completeness.counts(data),
        "gaps": completeness.gaps(data),
        "repairs": completeness.repairs(data),
        "board": board,
        "plural": plural,
        "verdict": verdict(board),
        "legend": legend(board, with_gain=True)[:2],  # the ranks have a table of their own
        "address": run_details.address,
        "metrics": [one for one in further if one["with_gain"]],
        "costs": [one for one in further if not one["with_gain"]],
        "published": compare_published(board, data.results),
        "tests": _tests(board),
        "ranks": _ranks(board),
        "formats": run_details,
        "level": LEVEL,
        "kinds": figures.plots(data),
        "most_directions": figures.MOST_DIRECTIONS if directions > figures.MOST_DIRECTIONS else None,
        "diagnoses": list(figures.diagnoses(data)),
        "conditions": protocol.conditions(data),
        "splits": protocol.splits(data),
        "deviations": protocol.deviations(data),
        "environments": protocol.environments(data),
        "code": code_table(data.specs, data.costs),
        "grid": grid_commands(data),
        "bibliography": bibliography(data),
        "place": commands.where(root),
        "root": root,
        "data": as_block(_visible(run_details.run_details(data))),
    }


def _overview(data: ExperimentData) -> dict[str, Any]:
    cells = data.record.cells.values()
    roles = {cell.name: cell.role for cell in cells}
    return {
        "methods": [method for method, role in roles.items() if role == "method"],
        "controls": [method for method, role in roles.items() if role == "control"],
        "datasets": list(data.record.conditions),
        "directions": len(data.columns),
        "seeds": len({cell.seed for cell in cells}),
        "protocols": list(dict.fromkeys(str(one["protocol"]) for one in data.record.conditions.values())),
        "codes": list(dict.fromkeys(str(cost.get("code", "")) for cost in data.costs.values())),
        "period": protocol.period(data.costs.values()),
        "hours": sum(float(cost.get("seconds", 0.0)) for cost in data.costs.values()) / 3600,
        "fixtures": [name for name, one in data.record.conditions.items() if one["fixture"]],
    }


def _further_boards(data: ExperimentData) -> Iterator[dict[str, Any]]:
    """Yield the other metrics, then the costs; without tests, each of which would read all predictions anew."""
    main = {str(name) for name in data.results["metric"].dropna().unique()}
    for name in known_metrics(data.results):
        if main == {name}:
            continue
        board = leaderboard(data.record, data.results, metric=name)
        heading, is_metric = QUANTITIES[name].title, name in METRICS
        lines = [numbers_line(board, with_gain=is_metric)]
        if is_metric:
            lines.append(f"Not tested here; see cmkd-bench leaderboard {data.experiment.name} --metric {name}.")
        yield {"title": heading[0].upper() + heading[1:], "board": board, "lines": lines, "with_gain": is_metric}


def _tests(board: Leaderboard) -> list[tuple[str, list[Comparison]]]:
    """List by dataset the differences to the student alone."""
    pairs = board.comparisons.pairs
    found = [
        (title, [pairs[key] for c in columns for row in board.rows if (key := (c, row, board.baseline)) in pairs])
        for title, columns in by_dataset(board)
    ]
    return [one for one in found if one[1]]


def _ranks(board: Leaderboard) -> TextTable | None:
    if board.ranking is None:
        return None
    rows = tuple((row, f"{rank:.2f}") for row, rank in board.ranking.ordered)
    return TextTable("Average ranks", ("method", "average rank"), rows, (), texts=1)


def _policy(style: str, script: str) -> str:
    """Forbid to fetch anything, to run anything but the script of this package, and images from elsewhere."""
    own = "style-src {}; script-src {}".format(*map(_digest, (style, script)))
    return f"default-src 'none'; img-src data:; {own}; base-uri 'none'; form-action 'none'"


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
