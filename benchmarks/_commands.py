"""Measure what a command costs the user, including Python's startup and all imports."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence


def measured(
    arguments: Sequence[str], environment: Mapping[str, str] | None = None, codes: Sequence[int] = (0,)
) -> tuple[float, float]:
    """Run a `cmkd-bench` command and return its processor seconds and wall seconds.

    Args:
        environment: environment variables; None means those of this process.
        codes: allowed exit codes.

    Raises:
        RuntimeError: with the output of the command, if it exits with another code.
    """
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [sys.executable, "-m", "cmkd_bench", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in codes:
        raise RuntimeError(f"{' '.join(arguments)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall
