"""Timing by turns: each round runs every function once more, so that all of them see the same machine."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch

SHORTEST_SAMPLE = 0.02
"""Seconds; a quicker function is repeated to last this long, or the clock and cold caches would be what is measured."""


def interleaved(functions: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median seconds of one call of each function; compare only figures that come from one call of this.

    Args:
        functions: what to time, by name.
        rounds: how many samples of each are taken.
    """
    repeats = {name: _repeats(function) for name, function in functions.items()}
    samples: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(rounds):
        for name, function in functions.items():
            samples[name].append(_seconds(function, repeats[name]) / repeats[name])
    return {name: statistics.median(times) for name, times in samples.items()}


def _repeats(function: Callable[[], object]) -> int:
    _seconds(function, 1)  # the first call builds caches
    return max(1, round(SHORTEST_SAMPLE / _seconds(function, 3) * 3))


def _seconds(function: Callable[[], object], times: int) -> float:
    start = time.perf_counter()
    for _ in range(times):
        function()
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()
    return time.perf_counter() - start
