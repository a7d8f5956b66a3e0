"""`python -m cmkd_bench.cli.command_pages`: write a page for each command into docs/commands, from the code."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import typer.main

from cmkd_bench.cli.app import app
from cmkd_bench.cli.exit_codes import MEANINGS
from cmkd_bench.experiment.files import write_text

FOLDER = Path(__file__).parent.parent.parent / "docs" / "commands"
PROGRAM = "cmkd-bench"


def contents() -> dict[Path, str]:
    """Return everything that the command writes: a page for each command, and their list."""
    group: Any = typer.main.get_command(app)
    pages = {FOLDER / f"{name}.md": _page(name, command) for name, command in group.commands.items()}
    return {**pages, FOLDER / "README.md": _list(group.commands)}


def _page(name: str, command: Any) -> str:
    title = f"{PROGRAM} {name}"
    context = typer.Context(command, info_name=title)
    usage = " ".join([title, *command.collect_usage_pieces(context)])
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    options = [one for one in command.params if one.param_type_name == "option" and not one.hidden]
    sections = [
        f"# {title}",
        _text(command.help or ""),
        f"    {usage}",
        *_section("Arguments", ("argument", "meaning"), (_argument(one, context) for one in arguments)),
        *_section("Options", ("option", "default", "meaning"), (_option(one, context) for one in options)),
        f"Generated from the code by `python -m {__spec__.name if __spec__ else __name__}`.",
    ]
    return "\n\n".join(sections) + "\n"


def _list(commands: dict[str, Any]) -> str:
    sections = [
        "# Commands",
        f"`{PROGRAM} COMMAND --help` shows what these pages say. `{PROGRAM} --install-completion` lets the shell "
        "complete names and options.",
        "\n".join(
            f"- [{name}]({name}.md): {_text(command.get_short_help_str(200))}" for name, command in commands.items()
        ),
        *_section("Exit codes", ("code", "meaning"), ((str(int(code)), text) for code, text in MEANINGS.items())),
    ]
    return "\n\n".join(sections) + "\n"


def _section(title: str, heading: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield a heading and a table; nothing if the table is empty."""
    lines = [[_text(cell).replace("|", r"\|") for cell in row] for row in rows]
    if lines:
        yield f"## {title}"
        yield "\n".join(f"| {' | '.join(line)} |" for line in [heading, ["---"] * len(heading), *lines])


def _argument(argument: Any, context: typer.Context) -> tuple[str, str]:
    return f"`{argument.make_metavar(context)}`", argument.help or ""


def _option(option: Any, context: typer.Context) -> tuple[str, str, str]:
    value = "" if option.is_flag else f" {option.make_metavar(context)}"
    names = ", ".join(f"`{name}{value}`" for name in [*option.opts, *option.secondary_opts])
    return names, "required" if option.required else _default(option), option.help or ""


def _default(option: Any) -> str:
    if option.default in (None, False) or callable(option.default):
        return ""
    return f"`{option.opts[0] if option.is_flag else option.default}`"


def _text(text: str) -> str:
    """Return one line of Markdown in which no sign outside code is taken for HTML."""
    code_or_text = re.split(r"(`[^`]*`)", " ".join(text.split()))
    return "".join(part if part.startswith("`") else part.replace("<", r"\<") for part in code_or_text)


if __name__ == "__main__":
    for path, text in contents().items():
        write_text(path, text)
        print(path.relative_to(FOLDER.parent.parent))
