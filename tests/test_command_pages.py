"""docs/commands: a current page for each command, in which every option stands."""

from __future__ import annotations

import re

from command_line import Command

from cmkd_bench.cli.app import COMMANDS
from cmkd_bench.cli.command_pages import FOLDER, contents
from cmkd_bench.cli.exit_codes import ExitCode

PAGES = {path: path.read_text(encoding="utf-8") for path in FOLDER.iterdir()}


def test_what_is_committed_is_what_the_command_writes() -> None:
    wanted = contents()
    assert set(PAGES) == set(wanted), "run: python -m cmkd_bench.cli.command_pages"
    for path, text in wanted.items():
        assert PAGES[path] == text, f"{path} is out of date: python -m cmkd_bench.cli.command_pages"


def test_every_command_and_exit_code_is_in_the_list() -> None:
    linked = set(re.findall(r"^- \[([a-z]+)\]\(\1\.md\): \S", PAGES[FOLDER / "README.md"], re.MULTILINE))
    assert linked == {command.__name__.rstrip("_") for command in COMMANDS}
    codes = re.findall(r"^\| (\d+) \| \w", PAGES[FOLDER / "README.md"], re.MULTILINE)
    assert [int(code) for code in codes] == sorted(ExitCode)


def test_a_page_has_the_options_that_help_shows(cmkd: Command) -> None:
    shown = set(re.findall(r"--[a-z][a-z-]+", cmkd("run", "--help").stdout)) - {"--help"}
    listed = {
        word for row in re.findall(r"^\| `(--.*?) \|", PAGES[FOLDER / "run.md"], re.MULTILINE) for word in row.split()
    }
    assert {word.strip("`,") for word in listed if word.strip("`").startswith("--")} == shown
