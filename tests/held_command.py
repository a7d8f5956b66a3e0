"""`cmkd-bench` as a process that waits at a chosen moment, so that a test can interrupt it there.

python held_command.py MOMENT REACHED ARGUMENTS...

    MOMENT: `import NAME`, before a module is imported; `call MODULE:NAME`, before a function runs; `swallow NAME`, like
        `import`, but the first interruption is lost there, as in a library that catches everything.
    REACHED: a file that is created at the moment.
"""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

SECONDS = 120  # a test that forgets its command fails instead of waiting for ever


class Brake(MetaPathFinder):
    """Waits before the import of a module, for as long as nobody interrupts."""

    def __init__(self, name: str, reached: Path, swallow: bool = False) -> None:
        self.name, self.reached, self.swallow = name, reached, swallow

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name == self.name and not self.reached.exists():
            self.hold()
        return None

    def hold(self) -> None:
        self.reached.touch()
        try:
            wait()
        except KeyboardInterrupt:
            if not self.swallow:
                raise
            self.reached.with_suffix(".again").touch()
            wait()


def wait() -> None:
    for _ in range(SECONDS * 100):
        time.sleep(0.01)
    sys.exit(f"nobody interrupted for {SECONDS} s")


def hold_call(place: str, brake: Brake) -> None:
    module_name, name = place.split(":")
    module = importlib.import_module(module_name)

    def held(*_: Any, **__: Any) -> None:
        brake.hold()

    setattr(module, name, held)


def main() -> int:
    moment, reached, *arguments = sys.argv[1:]
    kind, name = moment.split(" ")
    brake = Brake(name, Path(reached), swallow=kind == "swallow")
    if kind == "call":
        hold_call(name, brake)
    else:
        sys.meta_path.insert(0, brake)
    sys.argv = ["cmkd-bench", *arguments]
    from cmkd_bench.__main__ import main as program

    return program()


if __name__ == "__main__":
    sys.exit(main())
