"""The source files that an item depends on: the one that defines it, and what this file imports, in turn."""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from cmkd_bench.experiment.code_versions import ITEMS, files, source_of
from cmkd_bench.experiment.syntax import SourceFile, read_source
from cmkd_bench.source_files import INSTALLED, module_file

_ROOT = "cmkd_bench"


class CodeFiles:
    """The files that modules depend on, read from their syntax trees; nothing is imported.

    Args:
        modules: names of modules.
        packages: names of top-level modules that count although they are installed.

    Attributes:
        own: files by name of module, of all modules that are not installed and of those packages.
        sources: what identifies these files.
        built_in: files of this package that have versions.
    """

    def __init__(self, modules: Iterable[str], packages: Iterable[str] = ()) -> None:
        self.own: dict[str, Path] = {}
        self.sources: dict[str, SourceFile] = {}
        self.built_in: set[str] = set()
        self._packages = frozenset(packages)
        for module in modules:
            self._add(module)

    def _add(self, module: str, names: tuple[str, ...] = ()) -> None:
        """Add a module, its packages, which are executed before it, and the modules among what is imported from it."""
        top, *rest = module.split(".")
        if top == _ROOT:
            for file in _built_in(module, names):
                self._add_built_in(file)
        elif self._is_own(top):
            packages = [".".join([top, *rest[:depth]]) for depth in range(len(rest) + 1)]
            for name in [*packages, *(f"{module}.{name}" for name in names)]:
                self._add_own(name)

    def _is_own(self, top: str) -> bool:
        if top in self._packages:
            return True
        file = module_file(top) if top not in sys.stdlib_module_names else None
        return file is not None and not INSTALLED.intersection(file.parts)

    def _add_own(self, module: str) -> None:
        if module in self.own or (file := module_file(module)) is None:
            return
        self.own[module] = file
        self.sources[module] = read_source(file, module)
        for one in self.sources[module].imports:
            self._add(*one)

    def _add_built_in(self, file: str) -> None:
        if file not in self.built_in:
            self.built_in.add(file)
            for one in source_of(file).imports:
                self._add(*one)


@functools.cache
def _items() -> tuple[str, ...]:
    return tuple(files(ITEMS))


def _built_in(module: str, names: tuple[str, ...]) -> Iterator[str]:
    """Yield the files with versions in which a module of this package, or names imported from it, are defined."""
    place = "/".join(module.split(".")[1:])
    inside = [file for file in _items() if place and file.startswith(f"{place}/")]
    if f"{place}.py" in _items():
        yield f"{place}.py"
    elif not names:
        yield from inside
    for name in names if inside or not place else ():
        submodule = f"{place}/{name}".lstrip("/")
        if any(file == f"{submodule}.py" or file.startswith(f"{submodule}/") for file in _items()):
            yield from _built_in(f"{module}.{name}", ())
        elif inside and name in (exports := _exports(place)):
            yield from _built_in(exports[name], (name,))
        else:
            yield from inside


@functools.cache
def _exports(package: str) -> dict[str, str]:
    """Return the modules from which a package's `__init__` imports names."""
    return {name: module for module, names in source_of(f"{package}/__init__.py").imports for name in names}
