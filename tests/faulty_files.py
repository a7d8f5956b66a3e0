"""A machine whose files cannot be written, by errors put in where a file is opened or locked."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path
from typing import Any

import pytest


def break_writing(monkeypatch: pytest.MonkeyPatch, number: int, name: str, switch: Path) -> None:
    """Let files with a text in their name fail to be written while the switch exists, also in forked workers."""
    open_file = Path.open

    def fail(self: Path, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        if set(mode) & set("wax+") and name in self.name and switch.exists():
            raise OSError(number, os.strerror(number), str(self))
        return open_file(self, mode, *args, **kwargs)

    monkeypatch.setattr(Path, "open", fail)


def break_locks(monkeypatch: pytest.MonkeyPatch, number: int = errno.ENOLCK) -> None:
    """Let every lock fail."""

    def fail(*_: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", fail)


def ignore_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every lock succeed, as where locks have no effect between machines."""
    monkeypatch.setattr(fcntl, "flock", lambda *_: None)
