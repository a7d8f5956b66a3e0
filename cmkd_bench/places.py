"""Where downloaded datasets, prepared arrays and weights lie: environment variables, which worker processes inherit."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

VARIABLES = {"root": "CMKD_DATA_ROOT", "prepared": "CMKD_PREPARED_ROOT", "weights": "CMKD_WEIGHTS"}


def use_places(data: Mapping[str, Any], pretrained: bool | str = False) -> None:
    """Let the configuration's paths win over the environment's, for this process and those that it starts.

    Args:
        data: the configuration's section `data`: `root` and `prepared`, null where nothing is said.
        pretrained: `model.pretrained`; a string is a path to weights.
    """
    given = {**data, "weights": pretrained if isinstance(pretrained, str) else None}
    for name, variable in VARIABLES.items():
        if given[name] is not None:
            os.environ[variable] = str(Path(str(given[name])).expanduser().resolve())
