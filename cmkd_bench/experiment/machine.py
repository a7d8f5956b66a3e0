"""The identity of this machine, which no other machine shares, even one with the same name."""

from __future__ import annotations

import functools
import hashlib
import socket
from pathlib import Path

_IDENTITY_FILES = (Path("/etc/machine-id"), Path("/proc/sys/kernel/random/boot_id"))


@functools.cache
def this_machine() -> str:
    """Return 12 hexadecimal digits for this machine since it was booted: a process of an earlier boot is gone.

    Copies of a system often share the name and the machine's id, but not the id of the boot.
    """
    parts = [socket.gethostname(), *(_content(file) for file in _IDENTITY_FILES)]
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=6).hexdigest()


def _content(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
