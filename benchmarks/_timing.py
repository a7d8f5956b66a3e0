"""Time functions in turns: each round runs every function once, so that all see the same state of the machine."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable

import torch

Functions = dict[str, Callable[[], object]]
Clock = Callable[[], float]
SHORTEST_SAMPLE = 0.02
"""Seconds; faster functions are repeated to last this long, so that the clock and cold caches do not dominate."""
CALM = 0.25
"""The share of rounds that count: those in which all functions together took least."""


def interleaved(
    functions: Functions, rounds: int, clock: Clock = time.perf_counter, shortest: float = SHORTEST_SAMPLE
) -> dict[str, float]:
    """Return the seconds per call of each function; only values from the same call are comparable.

    The first is a median over the calm rounds. The others are that median times the median of their ratios to the first
    within a round, because the load of the machine changes from round to round.

    Args:
        functions: at least one.
        rounds: how often each is measured.
        clock: `time.process_time` leaves out what other processes use of a busy machine, and counts all threads.
        shortest: seconds that a sample lasts at least.
    """
    repeats = {name: _repeats(function, clock, shortest) for name, function in functions.items()}
    samples: list[list[float]] = []
    for _ in range(rounds):
        samples.append(
            [_seconds(function, repeats[name], clock) / repeats[name] for name, function in functions.items()]
        )
    calm = sorted(samples, key=sum)[: math.ceil(CALM * rounds)]
    unit = statistics.median(times[0] for times in calm)
    ratios = [statistics.median(times[i] / times[0] for times in calm) for i in range(len(functions))]
    return {name: unit * ratio for name, ratio in zip(functions, ratios, strict=True)}


def _repeats(function: Callable[[], object], clock: Clock, shortest: float) -> int:
    _seconds(function, 1, clock)  # the first call fills caches
    return max(1, round(shortest / _seconds(function, 3, clock) * 3))


def _seconds(function: Callable[[], object], times: int, clock: Clock) -> float:
    """Return the seconds that the calls take together, until a GPU in use has done its part."""
    start = clock()
    for _ in range(times):
        function()
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()
    return clock() - start
