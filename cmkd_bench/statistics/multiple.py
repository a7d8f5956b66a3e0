"""Many tests at once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def holm(p: NDArray[Any]) -> NDArray[Any]:
    """Holm's step-down correction: p-values whose comparison with a level keeps the chance of any false claim below it.

    Args:
        p: (m,), of the m hypotheses that are tested together.

    Returns:
        (m,), not smaller than `p` and not above 1.
    """
    order = np.argsort(p, kind="stable")
    steps = np.arange(len(p), 0, -1)
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(np.maximum.accumulate(p[order] * steps), 1.0)
    return corrected
