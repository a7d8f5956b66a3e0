"""The identity of the code that a run uses: of its method, its dataset and its networks, and of the engine."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import json
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from cmkd_bench.composite import networks_in
from cmkd_bench.errors import UserError
from cmkd_bench.experiment import code_versions
from cmkd_bench.experiment.code_files import CodeFiles
from cmkd_bench.experiment.code_versions import ENGINE
from cmkd_bench.experiment.provenance import package_version
from cmkd_bench.experiment.spec import RunSpec, Settings, settings
from cmkd_bench.registry import BUILT_IN, ItemLocation, Registry, datasets, families, methods, networks
from cmkd_bench.source_files import is_plugin, module_file

_known: WeakKeyDictionary[Callable[..., Any], CodeIdentity] = WeakKeyDictionary()


class CodeChanged(Exception):
    """Raised if a run was planned with other code than this process has."""


@dataclass(frozen=True)
class CodeIdentity:
    """What identifies the code of an item."""

    id: str  # part of a run's id: other code has another one. A built-in file counts by its version.
    digest: str  # of the syntax trees of all files
    origin: str  # where the code comes from, in words


def code_of(registry: Registry[Any], name: str) -> CodeIdentity:
    """Return the identity of an item's code, as this process runs it. A built-in item is not imported.

    Raises:
        UserError: if the item cannot be imported, or has no source file.
    """
    registry.require(name)
    location = registry.location(name)
    if location.origin == BUILT_IN:
        return _built_in(location.module)
    item = registry.get(name)
    if item not in _known:  # a module that is imported again registers another item
        _known[item] = _identify(registry.kind, name, item, registry.location(name))
    return _known[item]


def code_of_network(name: str) -> CodeIdentity:
    """Return the identity of a network's code; a family's model has that of the family, a fusion that of all parts."""
    names = networks_in(name)
    if len(names) > 1:
        codes = {one: code_of_network(one) for one in names}
        return CodeIdentity(
            id=_hash((one, code.id) for one, code in codes.items()),
            digest=_hash((one, code.digest) for one, code in codes.items()),
            origin="; ".join(dict.fromkeys(code.origin for code in codes.values())),
        )
    family, slash, _ = name.partition("/")
    return code_of(families if slash else networks, family)


def codes_of(spec: RunSpec) -> dict[str, CodeIdentity]:
    """Return the identities of the engine and of a run's items by their role in it."""
    found = {"engine": engine(), "method": code_of(methods, spec.method), "dataset": code_of(datasets, spec.dataset)}
    roles = {"student": spec.student_network, **{one.role: one.network for one in spec.teachers}}
    return found | {role: code_of_network(name) for role, name in roles.items()}


def run_code(spec: RunSpec) -> Settings:
    """Return what identifies the code of a run in its spec."""
    return settings({role: one.id for role, one in codes_of(spec).items()})


def check_code(spec: RunSpec) -> None:
    """Check that this process has the code for which a run was planned.

    Raises:
        CodeChanged: naming what differs.
    """
    here, planned = dict(run_code(spec)), dict(spec.code)
    if changed := sorted(role for role in here.keys() | planned.keys() if here.get(role) != planned.get(role)):
        raise CodeChanged(
            f"the code of the {' and the '.join(changed)} is not the one that the run was planned with. Run the "
            "command of the experiment again: it plans the runs anew, for the present code."
        )


@functools.cache
def engine() -> CodeIdentity:
    """Return the identity of the code that every run uses."""
    return _of_built_in(code_versions.files(ENGINE))


@functools.cache
def _built_in(module: str) -> CodeIdentity:
    return _of_built_in(CodeFiles([module]).built_in)


def _of_built_in(files: Collection[str]) -> CodeIdentity:
    edited = " and ".join(sorted(Path(file).name for file in files if code_versions.is_edited(file)))
    return CodeIdentity(
        id=_hash(_versions(files)),
        digest=_hash((file, code_versions.source_of(file).digest) for file in files),
        origin=f"{BUILT_IN}, cmkd-bench {package_version()}" + (f" with {edited} edited" if edited else ""),
    )


def _identify(kind: str, name: str, item: Callable[..., Any], location: ItemLocation) -> CodeIdentity:
    home = getattr(item, "registered_in", item.__module__)
    if (file := module_file(home)) is None or not file.is_file():
        raise UserError(
            f"{kind} '{name}' is defined in {home}, which is not a Python file, so its numbers could not be traced to "
            "its code. Write it to a file, and pass that with --plugin FILE (in Python: plugins=[FILE]) or import it."
        )
    modules = dict.fromkeys([home, item.__module__, *(base.__module__ for base in getattr(item, "__mro__", ()))])
    found = CodeFiles(modules, _packages(home, location))
    if is_plugin(home):
        _check_neighbors(file, found)
    own = {"" if module == home else module: source.digest for module, source in found.sources.items()}
    code = _hash([*own.items(), *_versions(found.built_in)])
    return CodeIdentity(
        id=code,
        digest=_hash([*own.items(), *((one, code_versions.source_of(one).digest) for one in found.built_in)]),
        origin=f"{location.origin or file.name}, {code}",
    )


def _versions(files: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield the versions of files, apart from those that were added without a change of any result."""
    versions = ((file, code_versions.version_of(file)) for file in files)
    return ((file, version) for file, version in versions if version != code_versions.ADDED)


def _packages(home: str, location: ItemLocation) -> set[str]:
    """Return the top-level modules whose code counts although it may be installed: those of the item's package."""
    tops = {home.partition(".")[0]}
    if location.origin:
        found = importlib.metadata.distribution(location.origin.rpartition(" ")[0]).files or ()
        tops |= {file.parts[0].removesuffix(".py") for file in found if file.suffix == ".py"}
    return tops


def _check_neighbors(file: Path, found: CodeFiles) -> None:
    """Check that the own modules that a file imports are those beside it, and not those beside another plug-in.

    Raises:
        UserError: naming both files.
    """
    for module, other in found.own.items():
        beside = [file.with_name(f"{module}.py"), file.parent / module / "__init__.py"]
        for one in beside:
            if one.is_file() and one.resolve() != other.resolve():
                raise UserError(
                    f"{file} imports '{module}', which is {other} in this command and not {one}, because Python has "
                    "one module of a name. Rename one of the two."
                )


def _hash(pairs: Iterable[tuple[str, str]]) -> str:
    return hashlib.blake2b(json.dumps(sorted(pairs)).encode(), digest_size=6).hexdigest()
