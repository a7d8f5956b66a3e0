"""Methods and datasets by name, found in their folders, by entry points, or in a plug-in file.

Listing reads file names and docstrings and imports nothing; an item's module is imported when the item is asked for.
"""

from __future__ import annotations

import ast
import importlib
import importlib.metadata
import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Generic, TypeVar

from cmkd_bench.declaration import Declaration
from cmkd_bench.errors import UnknownName, UserError
from cmkd_bench.stand_ins import declared_in

if TYPE_CHECKING:
    from typing import Any

    from cmkd_bench.data.dataset import Dataset
    from cmkd_bench.method import Method

    MethodClass = type[Method[Any]]


T = TypeVar("T", bound=type)
BUILT_IN = "built in"


@dataclass(frozen=True)
class Entry:
    """Where an item that is not imported yet is to be found."""

    module: str
    file: Path | None
    origin: str


class Registry(Generic[T]):
    """Classes of one kind under unique names.

    Args:
        kind: what an item is called in messages, e.g. `method`.
        package: the package whose folder holds the built-in items, one file each.
        group: the entry-point group of third parties.
    """

    def __init__(self, kind: str, package: str, group: str) -> None:
        self.kind = kind
        self._package = package
        self._group = group
        self._registered: dict[str, T] = {}
        self._entries: dict[str, Entry] | None = None

    def register(self, name: str) -> Callable[[T], T]:
        """Decorator: register a class under a name.

        Raises:
            UserError: if another class has the name already.
        """

        def decorate(item: T) -> T:
            taken = self._registered.get(name)
            if taken is not None and not _same_definition(taken, item):
                raise UserError(
                    f"{self.kind} '{name}' is registered twice: by {taken.__module__} and by {item.__module__}. "
                    "Choose another name."
                )
            item.registry_name = name  # type: ignore[attr-defined]
            self._registered[name] = item
            return item

        return decorate

    def names(self) -> list[str]:
        """All names, sorted; imports nothing."""
        return sorted({*self._find_entries(), *self._registered})

    def summary(self, name: str) -> str:
        """The first line of the docstring of the item's file; imports nothing that is not imported yet."""
        if name in self._registered:
            module = sys.modules[self._registered[name].__module__]
            return _first_line(module.__doc__ or self._registered[name].__doc__)
        entry = self._find_entries()[name]
        if entry.file is None:
            return entry.origin
        return _first_line(ast.get_docstring(ast.parse(entry.file.read_text(encoding="utf-8"))))

    def get(self, name: str) -> T:
        """The class of that name.

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
                raise UserError(f"{entry.module} registers no {self.kind} '{name}'; its name must be that of its file.")
        return self._registered[name]

    def require(self, name: str) -> None:
        """Check that the name exists, without importing it.

        Raises:
            UnknownName: with the nearest match and the list.
        """
        if name not in self.names():
            raise UnknownName(self.kind, name, self.names(), f"cmkd-bench list {self.kind}s")

    def source(self, name: str) -> Path | None:
        """The file that defines an item, as far as it is known; imports nothing."""
        if name in self._registered:
            file = sys.modules[self._registered[name].__module__].__file__
            return Path(file) if file else None
        entry = self._find_entries().get(name)
        return entry.file if entry else None

    def _find_entries(self) -> dict[str, Entry]:
        if self._entries is None:
            self._entries = {**self._third_party(), **self._built_in()}
        return self._entries

    def _built_in(self) -> dict[str, Entry]:
        folder = Path(__file__).parent / self._package.rpartition(".")[2]
        return {
            path.stem: Entry(f"{self._package}.{path.stem}", path, BUILT_IN) for path in sorted(folder.glob("[!_]*.py"))
        }

    def _third_party(self) -> dict[str, Entry]:
        found = {}
        for point in importlib.metadata.entry_points(group=self._group):
            origin = f"from {point.dist.name}" if point.dist else "entry point"
            found[point.name] = Entry(point.module, _source_file(point.module), origin)
        return found


class MethodRegistry(Registry["MethodClass"]):
    """The methods; what a built-in one declares is known without importing torch."""

    def declared(self, name: str) -> type[Declaration[Any]]:
        """The class attributes and parameters of a method.

        Raises:
            UnknownName: with the nearest match and the list.
            UserError: if the module that should register it does not, or cannot be imported.
        """
        self.require(name)
        entry = self._find_entries().get(name)
        if name in self._registered or entry is None or entry.origin != BUILT_IN or entry.file is None:
            return self.get(name)
        return declared_in(entry.file).get(name) or self.get(name)


methods = MethodRegistry("method", "cmkd_bench.methods", "cmkd_bench.methods")
datasets: Registry[type[Dataset[Any]]] = Registry("dataset", "cmkd_bench.datasets", "cmkd_bench.datasets")
register_method = methods.register
register_dataset = datasets.register


def load_plugin(file: Path) -> ModuleType:
    """Import a file that registers methods, datasets or networks.

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
            f"--plugin {file}: registers nothing. Use @register_method, @register_dataset or @register_network in it."
        )
    return module


def _registered() -> tuple[int, ...]:
    """How much is registered; importing the networks for it would mean importing torch."""
    networks = sys.modules.get("cmkd_bench.networks.base")
    return len(methods.names()), len(datasets.names()), len(networks.loaded_networks()) if networks else 0


def _same_definition(one: type, other: type) -> bool:
    return (one.__module__, one.__qualname__) == (other.__module__, other.__qualname__)


def _source_file(module: str) -> Path | None:
    try:
        spec = importlib.util.find_spec(module)
    except ImportError:
        return None
    return Path(spec.origin) if spec and spec.origin and spec.origin.endswith(".py") else None


def _first_line(docstring: str | None) -> str:
    return (docstring or "").strip().partition("\n")[0]
