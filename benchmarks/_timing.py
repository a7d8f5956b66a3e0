"""Time functions in turns: each round runs every function once, so that all see the same state of the machine."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch

Functions = dict[str, Callable[[], object]]
SHORTEST_SAMPLE = 0.02
"""Seconds; faster functions are repeated to last this long, so that the clock and cold caches do not dominate."""


def interleaved(functions: Functions, rounds: int) -> dict[str, float]:
    """Return the median seconds per call of each function; only values from the same call are comparable."""
    repeats = {name: _repeats(function) for name, function in functions.items()}
    samples: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(rounds):
        for name, function in functions.items():
            samples[name].append(_seconds(function, repeats[name]) / repeats[name])
    return {name: statistics.median(times) for name, times in samples.items()}


def _repeats(function: Callable[[], object]) -> int:
    _seconds(function, 1)  # the first call fills caches
    return max(1, round(SHORTEST_SAMPLE / _seconds(function, 3) * 3))


def _seconds(function: Callable[[], object], times: int) -> float:
    """Return the seconds that the calls take together, until a GPU in use has done its part."""
    start = time.perf_counter()
    for _ in range(times):
        function()
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()
    return time.perf_counter() - start
