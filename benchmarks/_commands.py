"""What a command costs, as a user waits for it: with Python's start and all imports."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence


def measured(
    arguments: Sequence[str], environment: Mapping[str, str] | None = None, codes: Sequence[int] = (0,)
) -> tuple[float, float]:
    """Processor seconds and wall seconds of a `cmkd-bench` command.

    Args:
        arguments: of the command.
        environment: its own one; this process's where None is given.
        codes: exit codes with which it may end.

    Raises:
        RuntimeError: with what it printed, if it ends with another exit code.
    """
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [sys.executable, "-m", "cmkd_bench", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in codes:
        raise RuntimeError(f"{' '.join(arguments)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall
