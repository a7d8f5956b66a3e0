"""What a part of the script is given, and how it reports: rows in a file, each as soon as it is known."""

from __future__ import annotations

import argparse
import json
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

FAILURES, ENDED = "failures", "ended"


@dataclass(frozen=True)
class Part:
    """One part at work in a process of its own."""

    device: str  # `cpu` or `cuda`
    folder: Path  # an empty one of its own
    what: str  # which variant of the part is asked for; empty for its only one
    rows: Path  # the file that it reports to
    end: float  # when it should be done, on the monotonic clock; it is killed soon after

    @property
    def is_small(self) -> bool:
        """Whether the script is only tried out, on a CPU."""
        return self.device == "cpu"

    @property
    def left(self) -> float:
        """Seconds."""
        return self.end - time.monotonic()

    def row(self, table: str, **columns: Any) -> None:
        """Report a row of one of the part's tables."""
        with self.rows.open("a") as file:
            file.write(json.dumps({"table": table, **columns}, default=str) + "\n")

    def fail(self, what: str, error: str, details: str = "") -> None:
        """Report a failure."""
        self.row(FAILURES, what=what, error=error, details=details)

    @contextmanager
    def attempt(self, what: str) -> Iterator[None]:
        """Report what is raised in the block, and go on after it."""
        try:
            yield
        except Exception as error:
            self.fail(what, f"{type(error).__name__}: {error}"[:500], traceback.format_exc())


def run_part(main: Callable[[Part], None]) -> None:
    """The entry of a part's process."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--what", default="")
    parser.add_argument("--rows", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=600)
    given = parser.parse_args()
    torch.set_num_threads(1)  # as the engine's workers
    started = time.monotonic()
    part = Part(given.device, given.folder, given.what, given.rows, started + given.seconds)
    with part.attempt("the part itself"):
        main(part)
    part.row(ENDED, status="done", seconds=round(time.monotonic() - started, 1))
