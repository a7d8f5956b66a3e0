"""Waiting for other processes and what they leave behind; the limit of time only ends a test that fails."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PATIENCE = 900.0


def wait_until(happens: Callable[[], Any], what: str, process: subprocess.Popen[Any] | None = None) -> None:
    """Return as soon as something is true.

    Args:
        happens: asked again and again.
        what: for the message.
        process: must not end before.
    """
    end = time.monotonic() + PATIENCE
    while not happens():
        assert process is None or process.poll() is None, f"the command ended before {what}"
        assert time.monotonic() < end, f"waited {PATIENCE:.0f} s in vain until {what}"
        time.sleep(0.01)


def workers_of(process: subprocess.Popen[Any]) -> list[int]:
    """Its children."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    return [int(child) for child in children.read_text().split()] if children.exists() else []


def are_gone(processes: list[int]) -> bool:
    return not any(Path(f"/proc/{process}").exists() for process in processes)
