"""Load plug-in files, again where they were edited."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from cmkd_bench.experiment.code_files import CodeFiles
from cmkd_bench.experiment.syntax import read_source
from cmkd_bench.registry import load_plugin, registries
from cmkd_bench.source_files import plugin_name

_loaded: dict[Path, dict[str, tuple[Path, str]]] = {}  # by plug-in, its modules with their files and digests


def load_plugins(files: Iterable[Path]) -> None:
    """Load plug-ins; those that were edited since an earlier call, in a notebook say, are loaded anew.

    Raises:
        UserError: as for `load_plugin`.
    """
    for file in [file for file in _loaded if plugin_name(file) not in sys.modules]:
        del _loaded[file]
    edited = {file: modules for file, modules in _loaded.items() if _is_edited(modules)}
    for file, modules in edited.items():
        _forget(modules)
        del _loaded[file]
    for file in dict.fromkeys([*(file for file in edited if file.is_file()), *(file.resolve() for file in files)]):
        load_plugin(file)
        found = CodeFiles([plugin_name(file)], [plugin_name(file)])
        _loaded[file] = {name: (path, found.sources[name].digest) for name, path in found.own.items()}


def _is_edited(modules: Mapping[str, tuple[Path, str]]) -> bool:
    try:
        return any(read_source(path, name).digest != digest for name, (path, digest) in modules.items())
    except OSError:  # deleted
        return True


def _forget(modules: Iterable[str]) -> None:
    names = set(modules)
    for registry in registries():
        registry.forget(names)
    for name in names:
        sys.modules.pop(name, None)
