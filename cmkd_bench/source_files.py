"""Source files of modules: found without importing anything, and imported without stale bytecode."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import FileFinder, ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import ModuleType

PLUGIN = "cmkd_bench_plugin_"


def module_file(module: str) -> Path | None:
    """Return the source file of a module, or None if it has none; imports neither it nor its packages."""
    if (loaded := sys.modules.get(module)) is not None:
        origin = getattr(loaded, "__file__", None)
    else:
        spec = _find(module)
        origin = spec.origin if spec else None
    return Path(origin) if origin and origin.endswith(".py") else None


def plugin_name(file: Path) -> str:
    """Return the name of the module for a plug-in file: files of the same name in two folders are two modules."""
    path = file.resolve()
    return f"{PLUGIN}{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"


def is_plugin(module: str) -> bool:
    """Return whether a module is a plug-in file."""
    return module.startswith(PLUGIN)


def import_file(file: Path) -> ModuleType:
    """Import a plug-in file, which may import the modules beside it.

    Raises:
        ImportError: if it is not a Python file; anything that the file raises.
    """
    path, name = file.resolve(), plugin_name(file)
    spec = importlib.util.spec_from_file_location(name, path, loader=_FromSource(name, str(path)))
    if spec is None or spec.loader is None:
        raise ImportError("not a Python file")
    if _beside not in sys.meta_path:
        sys.meta_path.append(_beside)  # at the end: a plug-in's neighbor never hides an installed module
    _beside.folders.setdefault(str(path.parent), FileFinder(str(path.parent), (_FromSource, [".py"])))
    importlib.invalidate_caches()
    module, before = importlib.util.module_from_spec(spec), set(sys.modules)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        for new in set(sys.modules) - before:
            if isinstance(sys.modules[new].__loader__, _FromSource):
                del sys.modules[new]
        raise
    return module


class _FromSource(SourceFileLoader):
    """Compiles a source file on every import.

    Python decides by a file's size and the second of its last change whether its bytecode is current, so an edit can
    go unnoticed.
    """

    def path_stats(self, path: object) -> dict[str, float]:
        raise OSError


class _Beside(MetaPathFinder):
    """Finds modules in the folders of plug-ins."""

    def __init__(self) -> None:
        self.folders: dict[str, FileFinder] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if path is not None:  # part of a package, which Python finds in the package's folder
            return None
        return next((spec for one in self.folders.values() if (spec := one.find_spec(fullname))), None)

    def invalidate_caches(self) -> None:
        for finder in self.folders.values():
            finder.invalidate_caches()


_beside = _Beside()


def _find(module: str) -> ModuleSpec | None:
    package = module.rpartition(".")[0]
    try:
        if not package:
            return importlib.util.find_spec(module)
        loaded = sys.modules.get(package)
        parent = loaded.__spec__ if loaded is not None else _find(package)
    except (ImportError, ValueError):
        return None
    if parent is None or parent.submodule_search_locations is None:
        return None
    return PathFinder.find_spec(module, list(parent.submodule_search_locations))
