"""The syntax tree of a source file: a digest that only changes of the code change, and what the file imports."""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# Where Python versions differ in the tree of the same text, or what has no meaning for the code
_IGNORED = ("kind", "type_comment", "type_ignores")
_ADDRESS = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")  # MODULE:CLASS, as a network names its tokenizer
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class SourceFile:
    """What identifies a file."""

    digest: str  # of its syntax tree without docstrings; the same on all versions of Python
    # modules, with the names that are imported from them; no names where the whole module is imported or a string names
    # something in it
    imports: tuple[tuple[str, tuple[str, ...]], ...]


def read_source(file: Path, module: str) -> SourceFile:
    """Parse a source file.

    Args:
        file: the file.
        module: its full name, from which relative imports start.

    Returns:
        its digest and imports; a file that is not Python, whose import would fail, counts by its bytes.
    """
    content = file.read_bytes()
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError):
        return SourceFile(hashlib.blake2b(content, digest_size=8).hexdigest(), ())
    package = module if file.stem == "__init__" else module.rpartition(".")[0]
    words: list[str] = []
    _add_words(tree, words)
    digest = hashlib.blake2b("\0".join(words).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
    return SourceFile(digest, tuple(dict.fromkeys(_imports(tree, package))))


def _add_words(node: ast.AST, words: list[str]) -> None:
    """Append a node in words: its type, and the fields that are not empty."""
    words.append(type(node).__name__)
    for name in node._fields:
        value = getattr(node, name, None)
        if isinstance(value, ast.AST):
            words.append(name)
            _add_words(value, words)
        elif isinstance(value, list):
            if kept := [one for one in value if not _is_empty(one)][_is_documented(node, name, value) :]:
                words += (name, str(len(kept)))
            for one in kept:
                if isinstance(one, ast.AST):
                    _add_words(one, words)
                else:
                    words.append(repr(one))
        elif (value is not None or isinstance(node, ast.Constant)) and name not in _IGNORED:
            words += (name, repr(value))


def _is_documented(node: ast.AST, field: str, body: list[ast.AST]) -> bool:
    """Return whether a field is a body that begins with a docstring."""
    if field != "body" or not body or not isinstance(node, _DOCUMENTED):
        return False
    first = body[0]
    return isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)


def _is_empty(node: object) -> bool:
    """Return whether this is an empty part of a string, which some versions of Python add and others omit."""
    return isinstance(node, ast.Constant) and node.value == ""


def _imports(tree: ast.AST, package: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, ()) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join(filter(None, [*parents, node.module]))
            names = tuple(alias.name for alias in node.names)
            yield module, () if "*" in names else names
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and _ADDRESS.fullmatch(node.value):
            yield node.value.partition(":")[0], ()
