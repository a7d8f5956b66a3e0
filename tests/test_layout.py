"""The house: what may import what, without circles; every file and class under a name of its own."""

from __future__ import annotations

import ast
import graphlib
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "cmkd_bench"
LINKED = ("methods", "datasets", "configs")  # links to the folders of plug-ins

# A room imports from its own floor and from those below it. CONTRIBUTING.md has the picture.
FLOORS = (
    {"cli"},
    {"studies"},
    {"api"},
    {"report", "planning", "launch", "deployment", "diagnostics", "doctor", "testing", "method_pages", "scaffold"},
    {"training"},
    {"data"},
    {"config", "networks", "processes"},
    {"experiment"},
    {
        "registry",
        "source_files",
        "stand_ins",
        "declaration",
        "method",
        "network",
        "dataset",
        "batch",
        "composite",
        "fusion",
        "outputs",
        "parameters",
        "search",
        "weights",
    },
    {"losses", "statistics", "errors", "terminal"},
)
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}


def modules() -> list[Path]:
    """The files of the package, apart from its plug-ins and its front doors."""
    files = (path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))
    return [
        path for path in files if path.parts[0] not in LINKED and path.parts[0] not in ("__init__.py", "__main__.py")
    ]


def room(module: str) -> str:
    return module.split(".")[1]


@cache
def imports(path: Path) -> frozenset[str]:
    """The modules of the package that a file imports, wherever in the file, also for types alone."""
    return frozenset(_imports(ast.parse((PACKAGE / path).read_text(encoding="utf-8"))))


def _imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name.startswith("cmkd_bench."))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("cmkd_bench"):
            for name in node.names:
                submodule = f"{node.module}.{name.name}"
                yield submodule if _file(submodule) else str(node.module)


def _file(module: str) -> Path | None:
    base = PACKAGE.joinpath(*module.split(".")[1:])
    return next((path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()), None)


def name_of(path: Path) -> str:
    return ".".join(["cmkd_bench", *path.with_suffix("").parts]).removesuffix(".__init__")


def test_the_floors_have_all_rooms() -> None:
    assert {path.parts[0].removesuffix(".py") for path in modules()} == set(FLOOR)


@pytest.mark.parametrize("path", modules(), ids=str)
def test_a_room_imports_from_its_floor_and_those_below(path: Path) -> None:
    own = FLOOR[path.parts[0].removesuffix(".py")]
    above = [module for module in imports(path) if "." in module and FLOOR.get(room(module), own) < own]
    assert not above


def test_there_is_no_import_circle() -> None:
    graph = {name_of(path): imports(path) - {name_of(path)} for path in modules()}
    order = list(graphlib.TopologicalSorter(graph).static_order())  # raises CycleError, naming the circle
    assert len(order) >= len(graph)


def test_no_two_files_have_one_name() -> None:
    stems = Counter(path.stem for path in modules() if path.stem not in ("__init__", "__main__"))
    assert [stem for stem, count in stems.items() if count > 1] == []


def test_no_two_classes_have_one_name() -> None:
    trees = (ast.parse((PACKAGE / path).read_text(encoding="utf-8")) for path in modules())
    classes = Counter(node.name for tree in trees for node in tree.body if isinstance(node, ast.ClassDef))
    assert [name for name, count in classes.items() if count > 1] == []


def test_the_engine_names_no_method_and_no_dataset() -> None:
    plugins = {path.stem for folder in ("methods", "datasets") for path in (PACKAGE / folder).glob("*.py")} - {
        "none",
        "watch",
    }  # words of their own
    found = [
        f"{path}:{node.lineno}: {node.value}"
        for path in modules()
        for node in ast.walk(ast.parse((PACKAGE / path).read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value in plugins
    ]
    assert found == []
