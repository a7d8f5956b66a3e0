"""The folders of downloaded datasets, prepared arrays and pretrained weights on this machine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

DATA_ROOT, PREPARED_ROOT, WEIGHTS = "CMKD_DATA_ROOT", "CMKD_PREPARED_ROOT", "CMKD_WEIGHTS"


@dataclass(frozen=True)
class Roots:
    """The data folders of a process. They change no result, so they are not part of a run's id."""

    data: Path | None = None  # folder of the downloaded datasets; None if the user set none
    prepared: Path = Path("prepared")  # folder of the prepared arrays
    weights: Path | None = None  # path of local pretrained weights; None if none are used

    @classmethod
    def read(
        cls, root: Path | str | None = None, prepared: Path | str | None = None, weights: Path | str | None = None
    ) -> Roots:
        """Return the given folders, or else those from the environment.

        Args:
            root: folder of the datasets (default: $CMKD_DATA_ROOT).
            prepared: folder of the prepared arrays (default: $CMKD_PREPARED_ROOT, or else ./prepared).
            weights: path of local weights (default: $CMKD_WEIGHTS).
        """
        data, weights = root or os.environ.get(DATA_ROOT), weights or os.environ.get(WEIGHTS)
        return cls(
            data=Path(data).expanduser() if data else None,
            prepared=Path(prepared or os.environ.get(PREPARED_ROOT) or "prepared").expanduser(),
            weights=Path(weights).expanduser() if weights else None,
        )

    def to_json(self) -> dict[str, str | None]:
        """Return absolute paths as plain JSON values, for processes that start in another folder."""
        return {name: None if path is None else str(path.absolute()) for name, path in vars(self).items()}

    @classmethod
    def from_json(cls, values: Mapping[str, str | None]) -> Roots:
        """Return the folders that `to_json` wrote."""
        return cls.read(values["data"], values["prepared"], values["weights"])
