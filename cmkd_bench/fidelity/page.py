"""A method's page as Markdown, made of what its file, its losses and its tests declare."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from cmkd_bench import losses
from cmkd_bench.errors import UserError
from cmkd_bench.fidelity.oracles import Oracle
from cmkd_bench.method import Implementation, Method
from cmkd_bench.parameters import describe
from cmkd_bench.registry import datasets, methods

TO_ROOT = "../.."  # from docs/methods/


def as_markdown(name: str, oracles: Sequence[Oracle]) -> str:
    """The page of a method; sections that nothing is declared for say so or are left out.

    Args:
        name: in the registry.
        oracles: of all methods and losses.

    Raises:
        UserError: if there is no method of that name.
    """
    if name not in methods.names() and name in datasets.names():
        raise UserError(f"--fidelity: '{name}' is a dataset, and only methods have such a page. See: cmkd-bench list")
    cls = methods.get(name)
    sections = [
        [f"# {name}", _text(methods.summary(name)), *_origin(cls)],
        ["## Method", *_docstrings(cls)],
        *([f"## `{used}`", *_loss(used)] for used in used_losses(cls)),
        ["## Interface", _items(_traits(cls))],
        ["## Parameters", *_parameters(cls)],
        ["## Departures from the paper", _items(map(_text, cls.departures)) or "None declared."],
        ["## Known implementations", _items(map(_implementation, cls.implementations)) or "None compared."],
        ["## Independent oracles", *_oracles(cls, oracles)],
    ]
    return "\n\n".join(block for section in sections for block in section) + "\n"


def used_losses(cls: type[Method[Any]]) -> list[str]:
    """The public losses that the method's file, or that of a method it builds on, imports, and those they name."""
    used = {
        name
        for module in dict.fromkeys(base.__module__ for base in _lineage(cls))
        for name, value in vars(sys.modules[module]).items()
        if inspect.isfunction(value) and value is getattr(losses, name, None)
    }
    waiting = list(used)
    while waiting:
        named = set(re.findall(r"`(\w+)`", _prose(waiting.pop()))) & set(losses.__all__) - used
        used |= named
        waiting += named
    return [name for name in losses.__all__ if name in used]


def _lineage(cls: type[Method[Any]]) -> list[type[Method[Any]]]:
    """The method and the methods that it builds on."""
    return [base for base in cls.__mro__ if issubclass(base, Method) and base is not Method]


def _origin(cls: type[Method[Any]]) -> list[str]:
    module, _, stem = cls.__module__.rpartition(".")
    built_in = module == "cmkd_bench.methods"
    file = f"[methods/{stem}.py]({TO_ROOT}/methods/{stem}.py)" if built_in else f"`{inspect.getfile(cls)}`"
    written = f"Written by `python -m cmkd_bench.fidelity` from {file}, the losses that it imports, and the tests."
    if cls.paper is None:
        return [written]
    paper = cls.paper
    return [_text(f"{paper.authors}. {paper.title}. {paper.venue}. {paper.url}".strip()), written]


def _docstrings(cls: type[Method[Any]]) -> Iterator[str]:
    """The method's own text, then that of the methods it builds on."""
    for base in _lineage(cls):
        text = _text(inspect.cleandoc(base.__doc__ or ""))
        if base is not cls and text:
            text = f"Builds on `{getattr(base, 'registry_name', base.__name__)}`:\n\n{text}"
        if text:
            yield text


def _loss(name: str) -> Iterator[str]:
    """What a loss computes and returns, without its arguments."""
    yield _text(_prose(name))
    if returned := re.search(r"^Returns:\n((?:    .*\n?|\n)+)", _docstring(name), re.MULTILINE):
        yield "Returns: " + _text(inspect.cleandoc(returned[1]))


def _prose(name: str) -> str:
    """A loss's docstring before its sections."""
    return re.split(r"^(?:Args|Returns|Raises):$", _docstring(name), maxsplit=1, flags=re.MULTILINE)[0]


def _docstring(name: str) -> str:
    return inspect.cleandoc(getattr(losses, name).__doc__ or "")


def _traits(cls: type[Method[Any]]) -> Iterator[str]:
    yield f"role: {cls.role}"
    yield f"teacher: {cls.teacher}" + (", and trained on with the student" if cls.updates_teacher else "")
    if cls.teacher != "none":
        yield f"pairs: {cls.pairing}"
    if cls.without_distillation:
        yield f"the student alone, bit for bit, at {_settings(cls.without_distillation.items())}"


def _parameters(cls: type[Method[Any]]) -> Iterator[str]:
    described = describe(cls.HyperParameters)
    if not described:
        yield "None."
        return
    rows = [
        (
            f"`{one.name}`",
            _value(one.default),
            one.meaning + (f" ({', '.join(map(str, one.choices))})" if one.choices else ""),
            one.source or "not said",
            f"{one.search or ''}",
        )
        for one in described
    ]
    heading = ("name", "default", "meaning", "source of the default", "`--trials` draws from")
    width = len(heading) if any(one.search for one in described) else len(heading) - 1
    yield _table(heading[:width], [row[:width] for row in rows])
    if cls.presets:
        prefix = f"method.{getattr(cls, 'registry_name', cls.__name__)}.preset"
        yield _items(f"`{prefix}={name}`: {_settings(values.items())}" for name, values in cls.presets.items())


def _implementation(one: Implementation) -> str:
    commit = f" at {one.commit}" if one.commit else ""
    place = f", {one.place}" if one.place else ""
    checked = "read, and checked by numbers" if one.by_numbers else "read"
    parts = [f"**{one.repository}**{commit}{place} ({checked}): {_text(one.does)}"]
    parts += [f"Paper: {_text(one.paper)}"] if one.paper else []
    return " ".join([*parts, f"Here: {_text(one.ours)}"])


def _oracles(cls: type[Method[Any]], oracles: Sequence[Oracle]) -> Iterator[str]:
    subjects = [vars(base)["registry_name"] for base in _lineage(cls) if "registry_name" in vars(base)]
    subjects += used_losses(cls)
    held = [one for subject in subjects for one in oracles if one.subject == subject]
    yield _items(map(_oracle, held)) or "None declared."
    yield (
        f"Besides, the [conformance suite]({TO_ROOT}/cmkd_bench/testing/conformance.py) trains every method in both "
        "directions: what is trained and what is not, resuming, seeds, label-free phases, two classes, half precision."
    )


def _oracle(one: Oracle) -> str:
    file, _, test = one.test.partition("::")
    return f"`{one.subject}`: {_text(one.statement)} ([{Path(file).stem}]({TO_ROOT}/{file}): `{test}`)"


def _settings(values: Iterable[tuple[str, Any]]) -> str:
    return ", ".join(f"`{name}={_value(value)}`" for name, value in values)


def _value(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else f"{value}"


def _items(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heading, ["---"] * len(heading), *([_text(cell).replace("|", r"\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _text(docstring: str) -> str:
    """Plain text as Markdown: paragraphs on one line each, so that no line of an equation begins a list."""
    paragraphs = re.split(r"\n\s*\n", docstring.strip())
    return "\n\n".join(_escaped(" ".join(line.strip() for line in one.splitlines())) for one in paragraphs)


def _escaped(text: str) -> str:
    """`<` and `*` mean themselves outside of code."""
    code_or_text = re.split(r"(`[^`]*`)", text)
    return "".join(part if part.startswith("`") else re.sub(r"([<*])", r"\\\1", part) for part in code_or_text)
