"""Run everything that needs a GPU within a time limit: first checks, then measurements.

Run from the root of the repository: python -m benchmarks.gpu [--minutes 8] [--device cpu|cuda] [--out FOLDER]

Each part is a separate process with its own time limit, so failures and timeouts do not affect the others.
FOLDER/results.json and FOLDER/results.md always contain the results so far. The parts of the first wave look for
failures and run in parallel; those that measure times run one after another. On a CPU, all parts run at a small scale.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from benchmarks.gpu._part import MARK
from benchmarks.gpu._report import Report

GRACE = 5.0  # seconds after its time box in which a part may still end by itself


@dataclass(frozen=True)
class Planned:
    """A part: its module, which variant, and its share of the time that is left when it starts."""

    module: str
    what: str = ""
    share: float = 1.0

    @property
    def name(self) -> str:
        return f"{self.module} {self.what}".strip()


WAVES: tuple[tuple[Planned, ...], ...] = (
    (
        Planned("machine"),
        Planned("miniature", "ave"),
        Planned("miniature", "crisismmd"),
        Planned("repeat", "plain"),
        Planned("repeat", "deterministic"),
        Planned("checks"),
        Planned("resume"),
    ),
    (Planned("steps", share=1.6),),
    (Planned("sharing", share=1.2),),
    (Planned("feeding", share=0.6),),
    (Planned("losses", share=0.5),),
    (Planned("steps", "compiled"),),
)
FIRST_WAVE = {"cpu": 0.6, "cuda": 0.42}  # of all the time, at most; on few cores its parts are in each other's way


def main() -> None:
    """Run the parts, and say where their results are."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--device", default="cuda", choices=("cpu", "cuda"))
    parser.add_argument("--out", type=Path, default=Path("gpu-results"))
    parser.add_argument("--only", default="", help="modules of parts, separated by commas")
    given = parser.parse_args()
    end = time.monotonic() + 60 * given.minutes
    only = set(filter(None, given.only.split(",")))
    waves = [[part for part in wave if not only or part.module in only] for wave in WAVES]
    waves = [wave for wave in waves if wave]
    names = [part.name for wave in waves for part in wave]
    about = {"command": " ".join(sys.argv), "started": time.strftime("%Y-%m-%dT%H:%M:%S"), "host": platform.node()}
    report = Report(given.out, about, names)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        for number, wave in enumerate(waves):
            seconds = _time_box(waves[number:], end - time.monotonic(), FIRST_WAVE[given.device] if number == 0 else 1)
            _run_wave(wave, seconds, given.device, Path(scratch), report)
    print((given.out / "results.md").read_text())


def _time_box(waves: Sequence[Sequence[Planned]], left: float, most: float) -> float:
    """Seconds for the first of the waves that are left; of all the time it gets `most` where others follow."""
    if most < 1 and len(waves) > 1:
        return most * left - GRACE
    shares = [max(part.share for part in wave) for wave in waves]
    return left * shares[0] / sum(shares) - GRACE


def _run_wave(wave: Sequence[Planned], seconds: float, device: str, scratch: Path, report: Report) -> None:
    if seconds < 2:
        for part in wave:
            report.update(part.name, status="out of time")
        return
    with ThreadPoolExecutor(len(wave)) as executor:
        for done in [executor.submit(_run_part, part, seconds, device, scratch, report) for part in wave]:
            done.result()


def _run_part(part: Planned, seconds: float, device: str, scratch: Path, report: Report) -> None:
    """Run a part to its end or the end of its time, and take over its rows as they come."""
    folder = scratch / part.name.replace(" ", "-")
    folder.mkdir()
    command = [sys.executable, "-m", f"benchmarks.gpu.{part.module}", "--device", device, "--folder", str(folder)]
    command += ["--what", part.what, "--seconds", f"{seconds:.1f}"]
    report.update(part.name, status="running")
    print(f"== {part.name}: {seconds:.0f} s", flush=True)
    started, tail = time.monotonic(), deque[str](maxlen=60)
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True, env=environment
    )
    alarm = threading.Timer(seconds + GRACE, _kill, [process])
    alarm.start()
    assert process.stdout is not None
    for line in process.stdout:
        before, mark, row = line.partition(MARK)
        if mark:
            report.update(part.name, json.loads(row))
        else:
            tail.append(before)
        print(f"[{part.name}] {line}", end="", flush=True)
    code = process.wait()
    alarm.cancel()
    took = time.monotonic() - started
    status = "done" if code == 0 else "out of time" if took > seconds else f"failed with code {code}"
    _kill(process)  # what it may have left behind
    report.update(part.name, status=status, seconds=round(took, 1), tail="" if code == 0 else "".join(tail))
    print(f"== {part.name}: {status} after {took:.0f} s", flush=True)


def _kill(process: subprocess.Popen[str]) -> None:
    """End a part and all that it started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


if __name__ == "__main__":
    main()
