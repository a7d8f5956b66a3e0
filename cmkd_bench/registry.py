"""Methods, datasets and networks by name, found in their folders, by entry points, or in a plug-in file.

Listing reads file names and docstrings and imports nothing; an item's module is imported when the item is used.
"""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from cmkd_bench.declaration import Category, Declaration
from cmkd_bench.errors import UnknownName, UserError
from cmkd_bench.stand_ins import declared_in

if TYPE_CHECKING:
    from cmkd_bench.dataset import Dataset
    from cmkd_bench.method import Method
    from cmkd_bench.network import Builder, NetworkFamily

    MethodClass = type[Method[Any]]


T = TypeVar("T", bound="Callable[..., Any]")
BUILT_IN = "built in"


@dataclass(frozen=True)
class ItemLocation:
    """Where to find an item that is not imported yet."""

    module: str
    file: Path | None
    origin: str


class Registry(Generic[T]):
    """Classes or functions of one kind under unique names.

    Args:
        kind: what an item is called in messages, e.g. `method`.
        package: the package whose folder contains the built-in items, one file each, named after the item. Files whose
            name begins with an underscore are helpers.
        group: the entry-point group of third parties.
    """

    def __init__(self, kind: str, package: str, group: str) -> None:
        self.kind = kind
        self._package = package
        self._group = group
        self._registered: dict[str, T] = {}
        self._entries: dict[str, ItemLocation] | None = None

    def register(self, name: str) -> Callable[[T], T]:
        """Return a decorator that registers a class or a function under a name.

        Raises:
            UserError: if the name is already taken.
        """

        def decorate(item: T) -> T:
            if (owner := self._other_owner(name, item)) is not None:
                raise UserError(
                    f"{self.kind} '{name}' is registered twice: by {owner} and by {item.__module__}. "
                    "Choose another name."
                )
            item.registry_name = name  # type: ignore[attr-defined]
            self._registered[name] = item
            return item

        return decorate

    def names(self) -> list[str]:
        """Return all names, sorted; imports nothing."""
        return sorted({*self._find_entries(), *self._registered})

    def summary(self, name: str) -> str:
        """Return the first line of the docstring of the item's file; imports nothing."""
        if name in self._registered:
            module = sys.modules[self._registered[name].__module__]
            return _first_line(module.__doc__ or self._registered[name].__doc__)
        entry = self._find_entries()[name]
        if entry.file is None:
            return entry.origin
        with entry.file.open(encoding="utf-8") as file:
            return file.readline().strip().strip('"')  # of a docstring on top; parsing each file would take longer

    def get(self, name: str) -> T:
        """Return the item with that name.

        Raises:
            UnknownName: with the nearest match and the list.
            UserError: if the module that should register it does not, or cannot be imported.
        """
        if name not in self._registered:
            self.require(name)
            entry = self._find_entries()[name]
            try:
                importlib.import_module(entry.module)
            except ImportError as error:
                raise UserError(f"{self.kind} '{name}' ({entry.origin}) cannot be imported: {error}") from error
            if name not in self._registered:
                raise UserError(f"{entry.module} does not register {self.kind} '{name}', the name of its file.")
        return self._registered[name]

    def require(self, name: str) -> None:
        """Check that the name exists, without importing it.

        Raises:
            UnknownName: with the nearest match and the list.
        """
        if name not in self.names():
            raise UnknownName(self.kind, name, self.names(), f"cmkd-bench list {self.kind}s")

    def _other_owner(self, name: str, item: T) -> str | None:
        """Return the module of another item with that name, imported or not."""
        taken, built_in = self._registered.get(name), self._built_in().get(name)
        if taken is not None and not _same_definition(taken, item):
            return taken.__module__
        return built_in.module if built_in is not None and built_in.module != item.__module__ else None

    def source(self, name: str) -> Path | None:
        """Return the file that defines an item, or None if it is unknown; imports nothing."""
        if name in self._registered:
            file = sys.modules[self._registered[name].__module__].__file__
            return Path(file) if file else None
        entry = self._find_entries().get(name)
        return entry.file if entry else None

    def _find_entries(self) -> dict[str, ItemLocation]:
        if self._entries is None:
            self._entries = {**self._third_party(), **self._built_in()}
        return self._entries

    def _built_in(self) -> dict[str, ItemLocation]:
        folder = Path(__file__).parent.joinpath(*self._package.split(".")[1:])
        return {
            path.stem: ItemLocation(f"{self._package}.{path.stem}", path, BUILT_IN)
            for path in sorted(folder.glob("[!_]*.py"))
        }

    def _third_party(self) -> dict[str, ItemLocation]:
        found = {}
        for point in _entry_points(tuple(sys.path), self._group):
            origin = f"from {point.dist.name}" if point.dist else "entry point"
            found[point.name] = ItemLocation(point.module, _source_file(point.module), origin)
        return found


class MethodRegistry(Registry["MethodClass"]):
    """The methods. The declaration of a built-in method is read without importing torch."""

    def declared(self, name: str) -> type[Declaration[Any]]:
        """Return the class attributes and parameters of a method.

        Raises:
            UnknownName: with the nearest match and the list.
            UserError: if the module that should register it does not, or cannot be imported.
        """
        self.require(name)
        entry = self._find_entries().get(name)
        if name in self._registered or entry is None or entry.origin != BUILT_IN or entry.file is None:
            return self.get(name)
        return declared_in(entry.file).get(name) or self.get(name)

    def category(self, name: str) -> Category:
        """Return the category of a method; `other` for one of a third party that is not imported yet."""
        entry = self._find_entries().get(name)
        if name not in self._registered and (entry is None or entry.origin != BUILT_IN):
            return "other"
        declared = self.declared(name)
        return declared.category if declared.role == "method" else "controls"

    def in_category(self, category: str) -> list[str]:
        """Return the names of the methods of a category, sorted; empty if there is no such category."""
        return [name for name in self.names() if self.category(name) == category]


methods = MethodRegistry("method", "cmkd_bench.methods", "cmkd_bench.methods")
datasets: Registry[type[Dataset[Any]]] = Registry("dataset", "cmkd_bench.datasets", "cmkd_bench.datasets")
networks: Registry[Builder] = Registry("network", "cmkd_bench.networks", "cmkd_bench.networks")
families: Registry[type[NetworkFamily]] = Registry(
    "network family", "cmkd_bench.networks.families", "cmkd_bench.network_families"
)
register_method = methods.register
register_dataset = datasets.register
register_network = networks.register
register_family = families.register


@functools.cache
def _entry_points(path: tuple[str, ...], group: str) -> tuple[importlib.metadata.EntryPoint, ...]:
    """Return those of all packages on sys.path; looking for them reads a file of each."""
    return tuple(importlib.metadata.entry_points(group=group))


def load_plugin(file: Path) -> ModuleType:
    """Import a file that registers methods, datasets, networks or families of networks.

    Raises:
        UserError: if it does not exist, cannot be imported, or registers nothing.
    """
    path = file.resolve()
    if not path.is_file():
        raise UserError(f"--plugin {file}: no such file.")
    name = f"cmkd_bench_plugin_{path.stem}"
    if name in sys.modules and sys.modules[name].__file__ == str(path):
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UserError(f"--plugin {file}: not a Python file.")
    before = _registered()
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except UserError:
        raise
    except Exception as error:
        sys.modules.pop(name, None)
        raise UserError(f"--plugin {file}: {type(error).__name__}: {error}") from error
    if before == _registered():
        raise UserError(
            f"--plugin {file}: nothing is registered. Use @register_method, @register_dataset, @register_network or "
            "@register_family in it."
        )
    return module


def _registered() -> tuple[int, ...]:
    """Return the number of names of each kind."""
    return tuple(len(registry.names()) for registry in (methods, datasets, networks, families))


def _same_definition(one: Callable[..., Any], other: Callable[..., Any]) -> bool:
    return (one.__module__, one.__qualname__) == (other.__module__, other.__qualname__)


def _source_file(module: str) -> Path | None:
    try:
        spec = importlib.util.find_spec(module)
    except ImportError:
        return None
    return Path(spec.origin) if spec and spec.origin and spec.origin.endswith(".py") else None


def _first_line(docstring: str | None) -> str:
    return (docstring or "").strip().partition("\n")[0]
