"""Source files of modules: found without importing anything, and imported without stale bytecode."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
from importlib.machinery import (
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    ModuleSpec,
    PathFinder,
    SourceFileLoader,
)
from pathlib import Path
from types import ModuleType

PLUGIN = "cmkd_bench_plugin_"
INSTALLED = frozenset(("site-packages", "dist-packages"))


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


def is_of_plugin(module: ModuleType) -> bool:
    """Return whether a module is a plug-in file, or was imported from the folder of one."""
    return isinstance(getattr(module, "__loader__", None), _FromSource)


def import_file(file: Path) -> ModuleType:
    """Import a plug-in file, which may import the modules beside it.

    Raises:
        ImportError: if it is not a Python file; anything that the file raises.
    """
    path, name = file.resolve(), plugin_name(file)
    spec = importlib.util.spec_from_file_location(name, path, loader=_FromSource(name, str(path)))
    if spec is None or spec.loader is None:
        raise ImportError("not a Python file")
    _search(path.parent)
    module, before = importlib.util.module_from_spec(spec), set(sys.modules)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        for new in set(sys.modules) - before:
            if is_of_plugin(sys.modules[new]):
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


_folders: list[Path] = []


def _search(folder: Path) -> None:
    """Look for modules in a plug-in's folder too, last, so that no installed module is hidden."""
    if _without_bytecode not in sys.path_hooks:
        sys.path_hooks.insert(0, _without_bytecode)
    if folder not in _folders:
        _folders.append(folder)
        for entry in list(sys.path_importer_cache):
            if Path(entry).is_relative_to(folder):
                del sys.path_importer_cache[entry]
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
    importlib.invalidate_caches()


def _without_bytecode(entry: str) -> FileFinder:
    """Find the modules in a plug-in's folder, and below it; Python calls this for each folder that it searches."""
    path = Path(entry).resolve()
    ours = Path(entry).is_relative_to(Path(__file__).parent)
    installed = INSTALLED.intersection(path.parts) or path.is_relative_to(sys.prefix)
    if ours or installed or not any(path.is_relative_to(folder) for folder in _folders):
        raise ImportError
    return FileFinder(entry, (ExtensionFileLoader, EXTENSION_SUFFIXES), (_FromSource, SOURCE_SUFFIXES))


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
