"""Tests of the CPU and of a GPU: what both must do runs on a CPU always, and on a GPU where there is one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from cmkd_bench.registry import methods

_MARKS = (pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"))
DEVICES = ("cpu", pytest.param("cuda", marks=_MARKS))


def needs_gpu(test: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator: a test that means nothing without a GPU."""
    for mark in _MARKS:
        test = mark(test)
    return test


def built_in_methods() -> list[str]:
    """The suite's own; other tests' plug-ins stay registered, and some of them are made to fail."""
    return [name for name in methods.names() if methods.get(name).__module__.startswith("cmkd_bench.")]
