"""Commands of cmkd-bench in the test's own process, which saves the seconds that a new one takes for its imports."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from cmkd_bench import registry
from cmkd_bench.source_files import is_of_plugin

REGISTRIES = (registry.methods, registry.datasets, registry.networks, registry.families)


@dataclass(frozen=True)
class Done:
    """How a command ended; the names are those of subprocess.CompletedProcess."""

    returncode: int
    stdout: str
    stderr: str


Command = Callable[..., Done]


@contextmanager
def without_plugins() -> Iterator[None]:
    """Registries as in a new process; what the block registers is forgotten at its end."""
    with ExitStack() as stack:
        stack.enter_context(_set_aside(sys.modules, lambda _, module: is_of_plugin(module)))
        stack.callback(sys.path.__setitem__, slice(None), list(sys.path))
        for items in REGISTRIES:
            stack.enter_context(_set_aside(items._registered, lambda _, item: not _is_built_in(item)))
        yield


def _is_built_in(item: Any) -> bool:
    return bool(item.__module__.startswith("cmkd_bench."))


@contextmanager
def _set_aside(table: dict[str, Any], chosen: Callable[[str, Any], bool]) -> Iterator[None]:
    """Take the chosen entries out for the block, and those that the block adds out at its end."""
    before = _take(table, chosen)
    try:
        yield
    finally:
        _take(table, chosen)
        table.update(before)


def _take(table: dict[str, Any], chosen: Callable[[str, Any], bool]) -> dict[str, Any]:
    names = [name for name, item in table.items() if chosen(name, item)]
    return {name: table.pop(name) for name in names}
