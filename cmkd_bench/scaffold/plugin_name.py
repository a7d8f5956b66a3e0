"""Check the name of a new method or dataset before a package is built around it."""

from __future__ import annotations

import importlib.util
import keyword
import re

from cmkd_bench.declaration import CATEGORIES
from cmkd_bench.errors import UserError
from cmkd_bench.registry import registries

LONGEST = 60  # the name is part of file names and table headings
WORDS = ("all", "config", "teacher", *CATEGORIES)  # they mean something else where a name is expected


def package_of(name: str) -> str:
    """Return the module under which the package of a plug-in is imported; the prefix keeps clear of other packages."""
    return f"cmkd_{name}"


def check_name(kind: str, name: str) -> None:
    """Check that nothing else has the name, and that Python and the command line can take it.

    Args:
        kind: `method` or `dataset`.
        name: the name.

    Raises:
        UserError: with the reason, and a name that would do or the command that lists the taken ones.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name) or len(name) > LONGEST:
        raise UserError(
            f"'{name}' cannot be the name of a {kind}: expected a lower-case letter, then up to {LONGEST - 1} letters, "
            f"digits and underscores, and no keyword of Python.{_suggestion(kind, name)}"
        )
    if name in WORDS:
        raise UserError(
            f"'{name}' cannot be the name of a {kind}: commands give it another meaning. Choose another name."
        )
    for registry in registries():
        if name in registry.names():
            listed = "networks" if "network" in registry.kind else f"{registry.kind}s"
            raise UserError(
                f"the name '{name}' is taken by a {registry.kind}, in {registry.location(name).place}. Choose another "
                f"name. See: cmkd-bench list {listed}"
            )
    if (found := importlib.util.find_spec(package_of(name))) is not None:
        place = found.origin or "another place"
        raise UserError(f"the package '{package_of(name)}' is already installed, in {place}. Choose another name.")


def _suggestion(kind: str, name: str) -> str:
    words = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[: LONGEST - len(kind) - 1]
    if not words:
        return ""
    valid = f"{words}_{kind}" if keyword.iskeyword(words) or words in WORDS else words
    return f" Did you mean '{valid if valid[0].isalpha() else f'{kind}_{valid}'}'?"
