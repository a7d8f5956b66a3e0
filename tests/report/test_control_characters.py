"""Names and messages from files never control a terminal, and never hide in a page."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from command_line import Command
from made_runs import write_experiment
from rich.table import Table
from rich.text import Text

from cmkd_bench.experiment.files import write_json
from cmkd_bench.experiment.record import read_plan
from cmkd_bench.experiment.store import Experiment
from cmkd_bench.terminal import Terminal, visible

TITLE, RED, REVERSED = "\x1b]0;owned\x07", "\x1b[31m", "\u202etxet"
METHOD = f"kd{TITLE}{REVERSED}"
MESSAGE = f"loss {RED}is nan\x9b2J"
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]")
PACKAGE = Path(__file__).parents[2] / "cmkd_bench"


@pytest.fixture
def foreign(tmp_path: Path) -> Experiment:
    """An experiment with a hostile method, of which one run has failed with a hostile message."""
    experiment = write_experiment(tmp_path / "results", {"none": 0.6, METHOD: 0.8}, seeds=2)
    plan = read_plan(experiment)
    failed = next(cell.run_id for cell in plan.cells.values() if cell.method == METHOD)
    experiment.run(failed).result.unlink()
    write_json(experiment.run(failed).error, {"cause": "non-finite loss", "message": MESSAGE, "traceback": [RED]})
    return experiment


def test_what_python_would_write_is_shown() -> None:
    assert visible("a\x1bb\x07\r\x9b\u202e\u2028\udc9b") == r"a\x1bb\x07\r\x9b\u202e\u2028\udc9b"
    kept = "tab\t line\n ü → 🙂 \u200d שלום"
    assert visible(kept) == kept


@pytest.mark.parametrize("command", ["leaderboard", "status", "collect"])
def test_terminal(foreign: Experiment, cmkd: Command, command: str) -> None:
    done = cmkd(command, "made", "--results", str(foreign.root))
    said = done.stdout + done.stderr
    assert r"kd\x1b]0" in said  # a table may cut a long name off
    assert not CONTROL.search(said)
    if command == "status":
        assert r"loss \x1b[31mis nan\x9b2J" in said


@pytest.mark.parametrize("form", ["markdown", "html", "latex"])
def test_formats(foreign: Experiment, cmkd: Command, form: str) -> None:
    done = cmkd("leaderboard", "made", "--results", str(foreign.root), "--format", form)
    assert "owned" in done.stdout
    assert not CONTROL.search(done.stdout)


def test_files_for_reading(foreign: Experiment, cmkd: Command) -> None:
    for command in ("leaderboard", "report"):
        assert cmkd(command, "made", "--results", str(foreign.root)).returncode == 0
    for name in ("leaderboard.md", "report.html"):
        text = (foreign.path / name).read_text(encoding="utf-8")
        assert "owned" in text
        assert not CONTROL.search(text)


def test_colors_still_work() -> None:
    console = Terminal(file=io.StringIO(), force_terminal=True, color_system="standard", width=60)
    table = Table()
    table.add_column("name")
    table.add_row(Text(f"a{TITLE}b", style="red"))
    console.print(table)
    written = console.file.getvalue()  # type: ignore[attr-defined]
    assert "\x1b[31m" in written
    assert "\x1b]" not in written
    assert r"a\x1b]0;o" in written


def test_every_console_is_this_one() -> None:
    made = [path.name for path in PACKAGE.rglob("*.py") if re.search(r"\bConsole\(", path.read_text(encoding="utf-8"))]
    assert made == []
