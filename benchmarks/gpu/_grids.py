"""Grids of the suite: as commands, or planned and executed in this process."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.gpu._part import Part
from cmkd_bench.experiment.store import Experiment


def command(part: Part, *arguments: str, what: str, seconds: float | None = None, **variables: str) -> float | None:
    """Run `cmkd-bench` and report its time: seconds, or None where it failed or took too long."""
    started = time.monotonic()
    limit = max(min(part.left, seconds or part.left), 1.0)
    process = subprocess.Popen(
        [sys.executable, "-m", "cmkd_bench", *arguments],
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        output, _ = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        part.fail(what, f"still running after {limit:.0f} s", _ended(process)[-3000:])
        return None
    took = time.monotonic() - started
    part.row("commands", what=what, seconds=took, code=process.returncode)
    if process.returncode:
        part.fail(what, f"exit code {process.returncode}", f"{' '.join(arguments)}\n{output[-4000:]}")
        return None
    return took


def _ended(process: subprocess.Popen[str]) -> str:
    """Interrupt a command, which lets it write its tables, or kill it; what it printed."""
    process.send_signal(signal.SIGINT)
    try:
        return process.communicate(timeout=15)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        return process.communicate()[0]


def report_runs(part: Part, experiment: Path) -> list[dict[str, str]]:
    """Report each run of an experiment, and the traceback of each that failed."""
    if not (experiment / "runs.csv").exists():
        part.fail(experiment.name, "no runs.csv")
        return []
    with (experiment / "runs.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    columns = ("method", "teacher_modality", "student_modality", "status", "value", "epochs", "seconds", "peak_mb")
    for row in rows:
        part.row(f"runs of {experiment.name}", **{name: row.get(name, "") for name in columns})
        error = experiment / "runs" / row["run_id"] / "error.json"
        if error.exists():
            said = json.loads(error.read_text())
            part.fail(f"{row['method']} in {experiment.name}", row.get("error", ""), "".join(said["traceback"]))
    return rows


def planned(results: Path, name: str, **asked: Any) -> tuple[Experiment, dict[str, str]]:
    """A grid's runs, not begun: the experiment, and methods by run id, teachers first."""
    from cmkd_bench.experiment.record import add_plan
    from cmkd_bench.planning.build import make_plan
    from cmkd_bench.planning.request import GridOptions
    from cmkd_bench.planning.resolve import resolve

    given = {"seeds": 1, "controls": False, "one_way": True, "experiment": name, "results": results, **asked}
    grid = resolve(GridOptions(**given))
    plan = make_plan(grid)
    add_plan(grid.experiment, plan)
    specs = sorted(plan.specs.values(), key=lambda spec: spec.teacher is not None)
    return grid.experiment, {spec.id: spec.method for spec in specs}


def miniature(part: Part, name: str, clips: int, prepare: Sequence[str]) -> dict[str, str] | None:
    """Write and prepare a miniature: the variables under which it is found, or None where that failed."""
    places = {"CMKD_DATA_ROOT": str(part.folder / "data"), "CMKD_PREPARED_ROOT": str(part.folder / "prepared")}
    written = command(
        part, "fixture", name, "--out", places["CMKD_DATA_ROOT"], "--clips", str(clips), what=f"fixture {name}"
    )
    if written is None:
        return None
    done = command(
        part, "prepare", name, *prepare, "--jobs", str(min(os.cpu_count() or 1, 8)), what=f"prepare {name}", **places
    )
    return None if done is None else places
