"""Run everything that needs a GPU within a time limit: first checks, then measurements.

Run from the root of the repository: python -m benchmarks.gpu [--minutes 8] [--device cpu|cuda] [--out FOLDER]

Each part is a separate process with its own time limit, so failures and timeouts do not affect the others. It appends
its results to FOLDER/PART.jsonl, its output is in FOLDER/PART.txt, and FOLDER/results.md shows all results so far. The
parts of the first wave look for failures and run in parallel; those that measure times run one after another. On a CPU,
all parts run at a small scale.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.gpu._part import ENDED
from benchmarks.gpu._report import markdown
from cmkd_bench.experiment.files import write_text

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

    def file(self, folder: Path, suffix: str) -> Path:
        return folder / f"{self.name.replace(' ', '-')}.{suffix}"


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
    about = {"command": " ".join(sys.argv), "started": time.strftime("%Y-%m-%dT%H:%M:%S"), "host": platform.node()}
    rows = {part.name: part.file(given.out, "jsonl") for wave in waves for part in wave}
    given.out.mkdir(parents=True, exist_ok=True)
    for file in rows.values():
        file.unlink(missing_ok=True)
    for number, wave in enumerate(waves):
        seconds = _time_box(waves[number:], end - time.monotonic(), FIRST_WAVE[given.device] if number == 0 else 1)
        _run_wave(wave, seconds, given.device, given.out)
        write_text(given.out / "results.md", markdown(about, rows))
    print((given.out / "results.md").read_text())


def _time_box(waves: Sequence[Sequence[Planned]], left: float, most: float) -> float:
    """Seconds for the first of the waves that are left; of all the time it gets `most` where others follow."""
    if most < 1 and len(waves) > 1:
        return most * left - GRACE
    shares = [max(part.share for part in wave) for wave in waves]
    return left * shares[0] / sum(shares) - GRACE


def _run_wave(wave: Sequence[Planned], seconds: float, device: str, out: Path) -> None:
    """Run the parts of a wave until all have ended, or their time has."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        deadline = time.monotonic() + seconds + GRACE
        running = {part: _start(part, seconds, device, out, Path(scratch)) for part in wave if seconds >= 2}
        for part in wave:
            status = "out of time"
            if part in running:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    status = f"exit code {running[part].wait(max(deadline - time.monotonic(), 0.1))}"
                _kill(running[part])  # and what it may have left behind
            if not status.endswith(" 0"):
                with part.file(out, "jsonl").open("a") as file:
                    file.write(json.dumps({"table": ENDED, "status": status}) + "\n")
            print(f"== {part.name}: {status}", flush=True)


def _start(part: Planned, seconds: float, device: str, out: Path, scratch: Path) -> subprocess.Popen[bytes]:
    folder, rows = part.file(scratch, "scratch"), part.file(out, "jsonl")
    folder.mkdir()
    command = [sys.executable, "-m", f"benchmarks.gpu.{part.module}", "--device", device, "--what", part.what]
    command += ["--folder", folder, "--rows", rows, "--seconds", f"{seconds:.1f}"]
    print(f"== {part.name}: {seconds:.0f} s", flush=True)
    with part.file(out, "txt").open("wb") as output:
        return subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a part and all that it started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


if __name__ == "__main__":
    main()
