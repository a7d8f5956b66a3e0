"""Where downloaded datasets, prepared arrays and pretrained weights lie on this machine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

DATA_ROOT, PREPARED_ROOT, WEIGHTS = "CMKD_DATA_ROOT", "CMKD_PREPARED_ROOT", "CMKD_WEIGHTS"


@dataclass(frozen=True)
class Roots:
    """Folders that a process was told of. They change no result, so they enter no run's id.

    Attributes:
        data: holds the downloaded datasets; None where the user named none.
        prepared: holds the prepared arrays.
        weights: local pretrained weights; None where none are used.
    """

    data: Path | None = None
    prepared: Path = Path("prepared")
    weights: Path | None = None

    @classmethod
    def read(
        cls, root: Path | str | None = None, prepared: Path | str | None = None, weights: Path | str | None = None
    ) -> Roots:
        """The folders that were given, or else those that the environment names.

        Args:
            root: of the data; $CMKD_DATA_ROOT where None is given.
            prepared: $CMKD_PREPARED_ROOT where None is given, or else `prepared` in the current folder.
            weights: $CMKD_WEIGHTS where None is given.
        """
        data, weights = root or os.environ.get(DATA_ROOT), weights or os.environ.get(WEIGHTS)
        return cls(
            data=Path(data).expanduser() if data else None,
            prepared=Path(prepared or os.environ.get(PREPARED_ROOT) or "prepared").expanduser(),
            weights=Path(weights).expanduser() if weights else None,
        )

    def to_json(self) -> dict[str, str | None]:
        """Absolute paths as plain JSON values, for processes that start elsewhere."""
        return {name: None if path is None else str(path.absolute()) for name, path in vars(self).items()}

    @classmethod
    def from_json(cls, values: Mapping[str, str | None]) -> Roots:
        """The folders that `to_json` wrote."""
        return cls.read(values["data"], values["prepared"], values["weights"])
