"""The `KEY=VALUE` arguments of a command, sorted by what they configure. Mistyped keys are found without Hydra."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cmkd_bench.config.settings_files import GROUPS, choices, grid_defaults, known_settings
from cmkd_bench.errors import hint

_KEY = re.compile(r"[A-Za-z_][^\s=@]*")
_OPEN = re.compile(r"launcher\.(methods|datasets|networks|extra)(\..+)?$")  # sections whose keys the user chooses
_INTEGER = re.compile(r"-?(0|[1-9]\d{0,99})")
_DECIMAL = re.compile(r"-?(0|[1-9]\d{0,99})(\.\d+)?(e-?\d+)?")
_WORD = re.compile(r"[A-Za-z_]\w*")
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")
_READ_AS_OTHERS = ("true", "false", "null", "nan", "inf")  # a text that reads like these needs quotation marks
_SPECIAL = {"true": True, "false": False, "null": None}


@dataclass(frozen=True)
class Overrides:
    """The `KEY=VALUE` arguments of a command, sorted by what they configure."""

    plain: tuple[str, ...] = ()  # arguments for Hydra: groups, and values of its sections
    methods: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # hyper-parameters by method
    # by method, hyper-parameters with several values, each of which makes a row
    listed: Mapping[str, Mapping[str, Sequence[Any]]] = field(default_factory=dict)
    datasets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # options by dataset
    problems: tuple[str, ...] = ()  # arguments that cannot be read


class Malformed(Exception):
    """An argument, or the text of a row, that cannot be read."""


def parse_overrides(arguments: Sequence[str]) -> Overrides:
    """Sort the overrides by what they configure; nothing is composed yet."""
    plain: list[str] = []
    chosen = {group: value for group, _, value in (text.partition("=") for text in arguments) if group in GROUPS}
    chosen = {group: value for group, value in chosen.items() if value in choices(group)}
    addressed: dict[str, dict[str, dict[str, Any]]] = {"method": {}, "dataset": {}}
    listed: dict[str, dict[str, list[Any]]] = {}
    problems = []
    for argument in arguments:
        key, _, text = argument.partition("=")
        head, _, rest = key.partition(".")
        try:
            _check_form(argument)
            if head in addressed:
                name, _, parameter = rest.partition(".")
                if not name or not parameter or "." in parameter:
                    raise Malformed(
                        f"{argument}: expected {head}.NAME.PARAMETER=VALUE; `cmkd-bench show NAME` lists them."
                    )
                values = split_at_commas(text) if head == "method" else [text]
                if len(values) > 1:
                    listed.setdefault(name, {})[parameter] = [read_value(argument, one.strip()) for one in values]
                else:
                    addressed[head].setdefault(name, {})[parameter] = read_value(argument, text)
            elif _OPEN.match(key):
                read_value(argument, text)
                plain.append(f"++{argument}")  # unknown names are found when it is composed
            elif problem := _problem_of_key(key, text, chosen):
                problems.append(problem)
            else:
                read_value(argument, text)
                plain.append(argument)
        except Malformed as error:
            problems.append(str(error))
    return Overrides(tuple(plain), addressed["method"], listed, addressed["dataset"], tuple(problems))


def split_at_commas(text: str) -> list[str]:
    """Split a text at the commas outside parentheses, and outside quotation marks in them or around a value."""
    parts, depth, quote = [""], 0, ""
    for character in text:
        if quote or (character in "'\"" and (depth or parts[-1].strip()[-1:] in ("", "="))):
            quote = "" if character == quote else quote or character
        depth += 0 if quote else (character in "([{") - (character in ")]}")
        if character == "," and depth <= 0 and not quote:
            parts.append("")
        else:
            parts[-1] += character
    return parts


def value_text(value: Any) -> str:
    """Write a value as `read_value` reads it back."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str) or (_PLAIN.fullmatch(value) and value.lower() not in _READ_AS_OTHERS):
        return str(value)
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _check_form(argument: str) -> None:
    key, equals, _ = argument.partition("=")
    if argument[:1] in ("+", "~") or "@" in key:
        raise Malformed(
            f"'{argument}': expected KEY=VALUE without Hydra's +, ~ and @: settings are changed, not added or removed."
        )
    if not equals or not _KEY.fullmatch(key) or key.endswith("."):
        raise Malformed(f"'{argument}': expected KEY=VALUE, e.g. train.epochs=30.")


def read_value(argument: str, text: str) -> Any:
    """Return a value as Hydra reads it; what is not plainly a number or a word is left to Hydra."""
    if text in _SPECIAL:
        return _SPECIAL[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text):
        return float(text)
    if _WORD.fullmatch(text) and text.lower() not in (*_SPECIAL, "nan", "inf"):
        return text
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        override = OverridesParser.create().parse_override(f"value={text}")
    except (HydraException, ValueError):  # the latter for thousands of digits
        raise Malformed(f"'{argument}': the value cannot be read. Quote special characters: KEY='\"TEXT\"'.") from None
    if override.is_sweep_override():
        raise Malformed(f"{argument}: expected a single value; run each value under its own --experiment.")
    return override.value()


def _problem_of_key(key: str, value: str, chosen: Mapping[str, str]) -> str | None:
    if key in GROUPS:
        return _problem_of_group(key, value)
    known = known_settings(chosen)
    if key in known:
        return None
    if key in known_settings({**chosen, "launcher": "slurm"}):
        return f"{key}={value}: this is a setting of launcher=slurm, which is not selected. Add --launcher slurm."
    if key in ("methods", "datasets", "pairs", "seeds", "folds", "labels") and key in grid_defaults():
        return f"{key}={value}: this is an option, not a setting. Use --{key} {value}."
    return f"{key}={value}: no such setting.{hint(key, known)} See: cmkd-bench show config"


def _problem_of_group(group: str, value: str) -> str | None:
    allowed = choices(group)
    if value in allowed:
        return None
    return f"{group}={value}: no such file in configs/{group}/.{hint(value, allowed)} Available: {', '.join(allowed)}."
