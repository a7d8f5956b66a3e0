"""Damage every stored file of a tiny experiment in every way, and see what each command says.

`python tests/damage_cases.py` prints the table of docs/damage.md.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from cmkd_bench.cli.app import main
from cmkd_bench.config.roots import Roots
from cmkd_bench.experiment.damage import RERUN, REWRITE
from cmkd_bench.experiment.record import REBUILD, read_plan
from cmkd_bench.experiment.store import Experiment, RunFolder
from cmkd_bench.testing._tiny_run import StopAfter
from cmkd_bench.training.checkpoint import RESTART
from cmkd_bench.training.execution import execute
from cmkd_bench.training.training_progress import Stopped

RUN = (
    *("run", "--methods", "kd", "--datasets", "mfeat", "--pairs", "pixels:fourier", "--one-way", "--no-controls"),
    *("--seeds", "1", "--jobs", "1", "--experiment", "e", "train.epochs=2"),
)
COMMANDS = {
    "status": ("status", "e"),
    "leaderboard": ("leaderboard", "e", "--format", "csv"),
    "report": ("report", "e"),
    "plot": ("plot", "e", "--kind", "learning", "--format", "svg"),
    "doctor": ("doctor", "e"),
    "run": RUN,
}
ENDED = ("result.json", "cost.json", "history.json", "predictions.safetensors", "student.safetensors")
FILES = (*ENDED, "spec.json", "checkpoint.pt", "error.json", "heartbeat", "lock", "plan.json")
ERROR = '{"cause": "bad data", "message": "no file a.wav", "traceback": []}'
CPU = torch.device("cpu")


def _flipped(content: bytes, _: bytes) -> bytes:
    """Flip a bit of a number in the second half, because JSON then stays JSON; of the middle if there is no number.

    It is the last digit of the integer part: without the last one after the point, a number can be the same in binary.
    """
    number = re.compile(rb"\d(?=(\.\d+)?,?\n)").search(content, len(content) // 2)
    place = number.start() if number else len(content) // 2
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :] if content else b"\1"


KINDS: dict[str, Callable[[bytes, bytes], bytes]] = {
    "truncated": lambda content, _: content[: len(content) // 2],
    "emptied": lambda content, _: b"",
    "zeroed": lambda content, _: bytes(len(content)),
    "one bit flipped": _flipped,
    "replaced by []": lambda content, _: b"[]",
    "replaced by another run's": lambda _, other: other,
}


@dataclass(frozen=True)
class Said:
    """What a command printed, and its exit code."""

    code: int
    text: str


def call(*arguments: str) -> Said:
    """Run a command in this process; an exception that it does not handle passes through."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        code = main(arguments)
    return Said(code, out.getvalue())


def make_experiment(results: Path) -> Experiment:
    """Run three runs: the teacher, the student alone, and the student with the method."""
    assert call(*RUN, "--results", str(results)).code == 0
    return Experiment(results, "e")


def the_run(experiment: Experiment, method: str = "kd") -> RunFolder:
    """Return the run of a row."""
    (found,) = [one.run_id for one in read_plan(experiment).cells.values() if one.method == method]
    return experiment.run(found)


def prepare(experiment: Experiment, name: str) -> tuple[Path, Path]:
    """Bring the run into the state in which it has the file, and return the file with its namesake of another run."""
    run, other = the_run(experiment), the_run(experiment, "none")
    if name == "plan.json":
        return experiment.plan, other.spec
    if name in ("checkpoint.pt", "error.json"):
        for folder in (run, other) if name == "checkpoint.pt" else (run,):
            for ended in ENDED:
                (folder.path / ended).unlink()
            with contextlib.suppress(Stopped):
                execute(experiment, folder.path.name, CPU, StopAfter(1), Roots())
    if name == "error.json":
        run.checkpoint.unlink()
        run.error.write_text(ERROR)
        other.error.write_text(ERROR.replace("a.wav", "b.wav"))
    if name == "heartbeat":
        run.heartbeat.write_text('{"host": "gone", "job": "", "epoch": 1, "epochs": 2}')
        other.heartbeat.write_text('{"host": "gone", "job": "", "epoch": 0, "epochs": 2}')
        for folder in (run, other):
            os.utime(folder.heartbeat, (1.0, 1.0))
    return run.path / name, other.path / name


def damage(path: Path, kind: str, other: Path) -> None:
    """Damage a file; a heartbeat stays old."""
    stamp = path.stat().st_mtime
    path.write_bytes(KINDS[kind](path.read_bytes(), other.read_bytes()))
    if path.name == "heartbeat":
        os.utime(path, (stamp, stamp))


def lines_about(said: Said, name: str) -> list[str]:
    """Return the lines that a command printed about a file, without what differs from one machine to the next."""
    text = re.sub(r"\S*/(?=runs/|plan\.json)", "", said.text)
    text = re.sub(r"\b[0-9a-f]{12}\b", "RUN", text)
    text = re.sub(r"\b\d+ bytes instead of \d+", "N bytes instead of N", text)
    lines = [" ".join(line.split()) for line in text.splitlines()]
    return list(dict.fromkeys(line for line in lines if name in line and not line.startswith("e,")))


def table(results: Path) -> str:
    """Return the table of the page: a row for each file, damage and command that says anything about it."""
    whole = make_experiment(results / "whole")
    rows = ["| file | damage | command | exit code | says |", "|---|---|---|---:|---|"]
    for name in FILES:
        for kind in KINDS:
            copy = Experiment(Path(shutil.copytree(whole.root, results / "copy")), "e")
            path, other = prepare(copy, name)
            damage(path, kind, other)
            for command, arguments in COMMANDS.items():
                said = call(*arguments, "--results", str(copy.root))
                for repair in (RERUN, REWRITE, RESTART, REBUILD):
                    said = Said(said.code, said.text.replace(f" -> {repair}", "").replace(f" {repair}", ""))
                if about := "<br>".join(lines_about(said, name)).replace("|", "\\|"):
                    rows.append(f"| {name} | {kind} | {command} | {said.code} | {about} |")
            shutil.rmtree(copy.root)
    return "\n".join(rows)


if __name__ == "__main__":
    os.environ["COLUMNS"] = "400"
    with tempfile.TemporaryDirectory() as folder:
        sys.stdout.write(table(Path(folder)) + "\n")
