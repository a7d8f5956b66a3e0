"""What a leaderboard can show: the metrics, and what a run cost."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Quantity:
    """What a leaderboard can show.

    Attributes:
        title: as it is printed.
        better: 1 if more is better, -1 if less is, 0 for costs, of which none is the best.
        decimals: as it is printed.
        unit: `percent` or what else.
    """

    title: str
    better: int = 1
    decimals: int = 2
    unit: str = "percent"


QUANTITIES = {
    "accuracy": Quantity("accuracy"),
    "miou": Quantity("mean IoU"),
    "macro_f1": Quantity("macro F1"),
    "top5": Quantity("top-5 accuracy"),
    "ece": Quantity("expected calibration error (15 bins)", better=-1),
    "pixel_accuracy": Quantity("pixel accuracy"),
    "seconds": Quantity("training time", better=0, decimals=1, unit="seconds"),
    "peak_mb": Quantity("peak memory", better=0, decimals=0, unit="MB"),
    "extra_parameters": Quantity("trainable parameters beside the student's", better=0, decimals=0, unit="parameters"),
    "epochs": Quantity("epochs trained", better=0, decimals=1, unit="epochs"),
}
