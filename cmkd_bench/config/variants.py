"""Rows as text: a method, or a variant of it such as `kd(temperature=1)=soft`, with a given or a made name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cmkd_bench.config.overrides import Malformed, read_value, split_at_commas, value_text
from cmkd_bench.experiment.trials import TUNED

LONGEST = 80
_DEFINITION = re.compile(r"\s*(?P<method>\w[\w.-]*)\s*\((?P<rest>.*)", re.DOTALL)


@dataclass(frozen=True)
class Variant:
    """A requested row."""

    method: str  # name in the registry
    given: Mapping[str, Any] = field(default_factory=dict)  # own values; empty for the row of the method itself
    name: str = ""  # name of the row; empty for that of the method itself

    @property
    def row(self) -> str:
        """The name of the row."""
        return self.name or self.method


def parse_variant(text: str) -> Variant:
    """Return the row that a text describes: `METHOD`, `METHOD(NAME=VALUE,...)`, or the latter with `=ROW` after it.

    Raises:
        Malformed: if it is none of these.
    """
    found = _DEFINITION.fullmatch(text)
    if found is None:
        return Variant(text.strip())
    inside, closed, after = _until_closed(found["rest"])
    equals, name = after.strip()[:1], after.strip()[1:].strip()
    if not closed or equals not in ("", "=") or (equals and not name):
        raise Malformed(f"'{text}': expected METHOD(NAME=VALUE,...), or METHOD(NAME=VALUE,...)=ROW to name the row.")
    method, given = found["method"], _values(text, inside)
    made = made_name(method, given)
    return Variant(method, given, name or made)


def made_name(method: str, given: Mapping[str, Any]) -> str:
    """Return the name of a row from its values, the same for every order and notation of them."""
    return f"{method}({','.join(f'{name}={value_text(_shortest(given[name]))}' for name in sorted(given))})"


def _shortest(value: Any) -> Any:
    """Return a whole number without decimals."""
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 1e15 else value


def definition(method: str, given: Mapping[str, Any], name: str) -> str:
    """Return the text that `parse_variant` reads as this row."""
    if not name:
        return method
    made = made_name(method, given)
    return made if name == made else f"{made}={name}"


def problem_with_name(name: str) -> str | None:
    """Return why a text cannot name a row; None if it can."""
    if not name.isprintable() or name != name.strip() or not name:
        return "a name has printable characters, and no space at its ends"
    if name.endswith(TUNED):
        return f"a name does not end with '{TUNED}', which marks the row of tuned values"
    if len(name) > LONGEST:
        return f"a name has at most {LONGEST} characters"
    if len(split_at_commas(name)) > 1 or not _is_balanced(name):
        return "a name has no comma outside parentheses, and as many closing as opening ones"
    return None


def _values(text: str, inside: str) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for part in split_at_commas(inside):
        name, equals, value = (one.strip() for one in part.partition("="))
        if not equals or not name or not value:
            raise Malformed(f"'{text}': expected NAME=VALUE between the parentheses, got '{part.strip()}'.")
        if name in given:
            raise Malformed(f"'{text}': {name} is given twice.")
        given[name] = read_value(text, value)
    return given


def _until_closed(rest: str) -> tuple[str, str, str]:
    """Return what stands before the parenthesis that closes an open one, the parenthesis, and what follows."""
    depth, quote = 1, ""
    for i, character in enumerate(rest):
        if quote or character in "'\"":
            quote = "" if character == quote else quote or character
            continue
        depth += (character in "([{") - (character in ")]}")
        if depth == 0:
            return rest[:i], character, rest[i + 1 :]
    return rest, "", ""


def _is_balanced(name: str) -> bool:
    depth = 0
    for character in name:
        depth += (character == "(") - (character == ")")
        if depth < 0:
            return False
    return depth == 0
