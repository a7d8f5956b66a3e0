"""What this user has named on a command line; nothing else that an experiment stores is ever executed.

A results folder may come from somebody else. Plug-in files are code, and settings of a cluster can contain shell
lines, so `retry` and jobs take from an experiment only what is remembered here, outside of all results folders.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path

from cmkd_bench.errors import UserError
from cmkd_bench.experiment.files import file_lock, read_json, write_json

LOCK_SECONDS = 10.0
CONFIG_HOME = "XDG_CONFIG_HOME"


def named_file() -> Path:
    """Return the file with what this user has named."""
    home = Path(os.environ.get(CONFIG_HOME, ""))
    # The standard says that a relative path counts as not set.
    base = home if home.is_absolute() else Path.home() / ".config"
    return base / "cmkd-bench" / "named.json"


def as_words(plugins: Iterable[Path | str], overrides: Iterable[str]) -> list[str]:
    """Return plug-ins and settings as they are written on a command line; plug-ins have absolute paths."""
    return [*overrides, *(f"--plugin={Path(plugin).resolve()}" for plugin in plugins)]


def remember(words: Sequence[str]) -> None:
    """Remember words that the user has just given on a command line.

    Raises:
        UserError: if the file cannot be written.
    """
    file = named_file()
    if not (new := set(words) - _remembered()):
        return
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with file_lock(file.with_name(".lock"), patience=LOCK_SECONDS):
            write_json(file, sorted({*_remembered(), *new}))
    except OSError as error:
        raise UserError(
            f"{file}: {error.strerror or error}. Jobs execute only the plug-ins that this file names. Set "
            f"{CONFIG_HOME} to a folder that you can write to."
        ) from error


def refuse_unnamed(experiment: str, words: Sequence[str], place: str = "") -> None:
    """Check that the user has named all words on a command line, now or earlier.

    Args:
        experiment: name of the experiment that stores them.
        words: plug-ins and settings as words.
        place: options that the next command needs to find the experiment.

    Raises:
        UserError: with the words that were not named, and the command that names them.
    """
    known = _remembered()
    unnamed = [word for word in words if word not in known]
    if unnamed:
        shown = "".join(f"\n  {word}" for word in unnamed)
        raise UserError(
            f"experiment '{experiment}' stores plug-ins or settings that you have never named on a command line:"
            f"{shown}\nThey can execute anything on your account, so nothing was loaded. If you trust them, name them "
            f"once: cmkd-bench retry {shlex.quote(experiment)}{place} {shlex.join(unnamed)}"
        )


def _remembered() -> set[str]:
    file = named_file()
    try:
        words = read_json(file)
    except FileNotFoundError:
        return set()
    except (OSError, ValueError, UserError):
        words = None
    if not isinstance(words, list):
        raise UserError(f"{file} cannot be read. Remove it, and name plug-ins again with --plugin.")
    return {word for word in words if isinstance(word, str)}
