"""Methods, datasets and networks by name, found in their folders, by entry points, or in a plug-in file.

Listing reads file names and docstrings and imports nothing; an item's module is imported when the item is used.
"""

from __future__ import annotations

import ast
import functools
import importlib
import importlib.metadata
import sys
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from cmkd_bench.declaration import Category, Declaration
from cmkd_bench.errors import UnknownName, UserError
from cmkd_bench.source_files import import_file, module_file, plugin_name
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
    """Where an item is defined, imported or not."""

    module: str  # the module that registers it
    file: Path | None  # its source file; None if it has none
    origin: str  # BUILT_IN, the name and version of a package, or empty for a file of the user
    conflict: str = ""  # what is wrong if another place claims the same name; otherwise empty

    @property
    def place(self) -> str:
        """The place in words."""
        if self.origin == BUILT_IN:
            return f"cmkd-bench ({self.module})"
        return f"the package {self.origin} ({self.module})" if self.origin else str(self.file or self.module)


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
        self._claimed: dict[str, list[ItemLocation]] | None = None
        self._entries: dict[str, ItemLocation] | None = None

    def register(self, name: str) -> Callable[[T], T]:
        """Return a decorator that registers a class or a function under a name.

        Raises:
            UserError: if the name is already taken.
        """
        module = sys._getframe(1).f_globals["__name__"]  # the item itself may come from elsewhere, e.g. a partial

        def decorate(item: T) -> T:
            ours = ItemLocation(module, module_file(module), "")
            if (owner := self._other_owner(name, item, ours)) is not None:
                raise UserError(self._twice(name, owner, ours))
            item.registry_name = name  # type: ignore[attr-defined]
            item.registered_in = module  # type: ignore[attr-defined]
            self._registered[name] = item
            return item

        return decorate

    def names(self) -> list[str]:
        """Return all names, sorted; imports nothing."""
        return sorted({*self._find_entries(), *self._registered})

    def summary(self, name: str) -> str:
        """Return the first line of the docstring of the item's file, or what is wrong with it; imports nothing."""
        location = self.location(name)
        if location.conflict:
            return location.conflict
        if name in self._registered:
            module = sys.modules[location.module]
            return _first_line(module.__doc__ or self._registered[name].__doc__)
        if location.file is None:
            return f"from {location.origin}"
        try:
            text = location.file.read_text(encoding="utf-8")
            if location.origin != BUILT_IN:
                ast.parse(text, location.file.name)
        except (OSError, SyntaxError, ValueError) as error:
            return self._broken(name, location, error)
        return text.partition("\n")[0].strip().strip('"')  # of a docstring on top; parsing each would take longer

    def get(self, name: str) -> T:
        """Return the item with that name.

        Raises:
            UnknownName: with the nearest match and the list.
            UserError: if the module that should register it does not, or cannot be imported, or if the name is taken.
        """
        self.require(name)
        if name not in self._registered:
            entry = self._find_entries()[name]
            try:
                importlib.import_module(entry.module)
            except UserError:
                raise
            except (Exception, SystemExit) as error:  # a third party's module may raise anything
                raise UserError(self._broken(name, entry, error)) from error
            if name not in self._registered:
                raise UserError(f"{entry.place} does not register {self.kind} '{name}', the name of its file.")
        return self._registered[name]

    def require(self, name: str) -> None:
        """Check that the name exists once, without importing anything.

        Raises:
            UnknownName: with the nearest match and the list.
            UserError: if two places claim the name; both are named.
        """
        entry = self._find_entries().get(name)
        if entry is None and name not in self._registered:
            raise UnknownName(self.kind, name, self.names(), f"cmkd-bench list {self.kind}s")
        if entry is not None and entry.conflict:
            raise UserError(entry.conflict)

    def location(self, name: str) -> ItemLocation:
        """Return where an item is defined; imports nothing."""
        entry = self._find_entries().get(name)
        if entry is not None:
            return entry
        return self._location_of(self._registered[name])

    def forget(self, modules: Collection[str]) -> None:
        """Forget what modules registered, so that it can be registered again."""
        for name, item in list(self._registered.items()):
            if _home(item) in modules:
                del self._registered[name]

    def _other_owner(self, name: str, item: T, ours: ItemLocation) -> ItemLocation | None:
        """Return the location of another item with that name, imported or not."""
        claims = self._claims().get(name, [])
        if claims and not any(_is_part_of(ours.module, claim) for claim in claims):
            return claims[0]
        if (taken := self._registered.get(name)) is None:
            return None
        theirs = self._location_of(taken)
        same = (theirs.file, getattr(taken, "__qualname__", "")) == (ours.file, getattr(item, "__qualname__", ""))
        return None if same else theirs

    def _location_of(self, item: T) -> ItemLocation:
        return ItemLocation(_home(item), module_file(_home(item)), "")

    def _find_entries(self) -> dict[str, ItemLocation]:
        if self._entries is None:
            self._entries = {
                name: replace(claims[0], conflict=self._twice(name, *claims[:2]) if len(claims) > 1 else "")
                for name, claims in self._claims().items()
            }
        return self._entries

    def _claims(self) -> dict[str, list[ItemLocation]]:
        """Return all places that claim a name, the built-in one first."""
        if self._claimed is not None:
            return self._claimed
        folder = Path(__file__).parent.joinpath(*self._package.split(".")[1:])
        claims = {
            path.stem: [ItemLocation(f"{self._package}.{path.stem}", path, BUILT_IN)]
            for path in sorted(folder.glob("[!_]*.py"))
        }
        for point in _entry_points(tuple(sys.path), self._group):
            origin = f"{point.dist.name} {point.dist.version}" if point.dist else "of an entry point"
            claims.setdefault(point.name, []).append(ItemLocation(point.module, module_file(point.module), origin))
        self._claimed = claims
        return claims

    def _twice(self, name: str, one: ItemLocation, other: ItemLocation) -> str:
        remedy = "Uninstall or rename one of them." if other.origin else "Choose another name for the latter."
        places = f"in {one.place} and in {other.place}" if one != other else f"in {one.place}, by two definitions"
        return f"{self.kind} '{name}' is defined twice: {places}. {remedy}"

    def _broken(self, name: str, location: ItemLocation, error: BaseException) -> str:
        return f"{self.kind} '{name}' in {location.place} cannot be imported: {error_line(error)}"


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
        UserError: if it does not exist, cannot be imported, registers nothing, or claims a name that is taken.
    """
    path = file.resolve()
    if not path.is_file():
        raise UserError(f"--plugin {file}: no such file.")
    if (loaded := sys.modules.get(plugin_name(path))) is not None:
        return loaded
    before = _registered()
    try:
        module = import_file(path)
        if before == _registered():
            raise UserError(
                "nothing is registered. Use @register_method, @register_dataset, @register_network or "
                "@register_family in it."
            )
    except (Exception, SystemExit) as error:
        for registry, items in zip(registries(), before, strict=True):
            registry._registered.clear()
            registry._registered.update(items)
        raise UserError(f"--plugin {file}: {error if isinstance(error, UserError) else error_line(error)}") from error
    return module


def registries() -> tuple[Registry[Any], ...]:
    """Return the registries of all kinds."""
    return methods, datasets, networks, families


def error_line(error: BaseException) -> str:
    """Return an error that a user's or a third party's file raised, in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}".rstrip(": ")


def _registered() -> list[dict[str, Any]]:
    return [dict(registry._registered) for registry in registries()]


def _home(item: Callable[..., Any]) -> str:
    """Return the module that registered an item."""
    return str(getattr(item, "registered_in", item.__module__))


def _is_part_of(module: str, claim: ItemLocation) -> bool:
    """Return whether a module may register the item: a built-in one's own file, or any module of the package."""
    if claim.origin == BUILT_IN:
        return module == claim.module
    return module.partition(".")[0] == claim.module.partition(".")[0]


def _first_line(docstring: str | None) -> str:
    return (docstring or "").strip().partition("\n")[0]
