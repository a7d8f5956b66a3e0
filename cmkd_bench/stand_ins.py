"""Read what a method declares without importing torch.

A method's parameters are in the same file as its mathematics. Importing torch takes seconds, too long for listing,
planning, or reporting a mistyped name. So this module executes a built-in method's file with stand-ins in place of
torch and everything that needs it, and with `Declaration` as the base class; what remains are the class attributes and
the parameters. A test compares them with those of the real classes.
"""

from __future__ import annotations

import builtins
import functools
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from cmkd_bench.declaration import Declaration, Paper
from cmkd_bench.parameters import parameter

_LIGHT = ("cmkd_bench.parameters", "cmkd_bench.search")
_METHODS = "cmkd_bench.methods."


class StandIn:
    """A placeholder for what a declaration does not need; its attributes, calls and items are placeholders too."""

    def __getattr__(self, name: str) -> StandIn:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __call__(self, *args: Any, **kwargs: Any) -> StandIn:
        return self

    def __getitem__(self, item: Any) -> StandIn:
        return self

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type, ...]:
        return ()


_STAND_IN = StandIn()


@functools.cache
def declared_in(file: Path) -> Mapping[str, type[Declaration[Any]]]:
    """Return the methods that a file registers, by name, with their declarations only.

    Args:
        file: the file of a built-in method, whose imports are known to be harmless.
    """
    return _execute(file)[1]


@functools.cache
def _execute(file: Path) -> tuple[ModuleType, dict[str, type[Declaration[Any]]]]:
    """Return the names that a file defines and the methods that it registers."""
    found: dict[str, type[Declaration[Any]]] = {}

    def register(name: str) -> Any:
        def decorate(cls: type[Declaration[Any]]) -> type[Declaration[Any]]:
            cls.registry_name = name
            return found.setdefault(name, cls)

        return decorate

    def import_(
        name: str, globals_: Any = None, locals_: Any = None, from_: Sequence[str] | None = (), level: int = 0
    ) -> Any:
        if name == "cmkd_bench":
            return _Interface(register)
        if name.startswith(_METHODS):
            return _execute(file.with_name(f"{name.removeprefix(_METHODS)}.py"))[0]
        if name in _LIGHT or name.partition(".")[0] in sys.stdlib_module_names:
            return builtins.__import__(name, globals_, locals_, from_ or (), level)
        return _STAND_IN

    module = ModuleType(f"{__name__}.{file.stem}")
    sys.modules[module.__name__] = module  # dataclasses look up the types of its fields here
    vars(module)["__builtins__"] = {**vars(builtins), "__import__": import_}
    code = compile(file.read_text(encoding="utf-8"), str(file), "exec", dont_inherit=True)
    exec(code, vars(module))  # noqa: S102  # a file of this package, which importing it would execute too
    return module, found


class _Interface(StandIn):
    """The plug-in interface: what declares a method is real, everything else is a placeholder."""

    Method, Paper, parameter = Declaration, Paper, staticmethod(parameter)

    def __init__(self, register: Callable[[str], Any]) -> None:
        self.register_method = register
