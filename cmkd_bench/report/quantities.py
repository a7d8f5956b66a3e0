"""The quantities that a leaderboard can show: metrics and costs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Quantity:
    """A quantity that a leaderboard can show."""

    title: str  # its printed name
    better: int = 1  # 1 if higher is better, -1 if lower is, 0 for costs, which have no best
    decimals: int = 2  # printed
    unit: str = "percent"  # of the numbers


QUANTITIES = {
    "accuracy": Quantity("accuracy"),
    "miou": Quantity("mean IoU"),
    "macro_f1": Quantity("macro F1"),
    "top5": Quantity("top-5 accuracy"),
    "ece": Quantity("expected calibration error (15 bins)", better=-1),
    "pixel_accuracy": Quantity("pixel accuracy"),
    "seconds": Quantity("training time", better=0, decimals=1, unit="seconds"),
    "peak_mb": Quantity("peak memory", better=0, decimals=0, unit="MB"),
    "student_parameters": Quantity("parameters of what is deployed", better=0, decimals=0, unit="parameters"),
    "extra_parameters": Quantity("trainable parameters beside the student's", better=0, decimals=0, unit="parameters"),
    "epochs": Quantity("epochs trained", better=0, decimals=1, unit="epochs"),
}
