"""How a network is trained, which is the same for every method of a cell; configs/protocol/ sets the values."""

from __future__ import annotations

from dataclasses import MISSING, asdict, dataclass, fields, replace
from typing import Any

from cmkd_bench.parameters import parameter


@dataclass(frozen=True)
class Recipe:
    """The training part of a protocol, without a method's losses and phases. Every value must be configured."""

    epochs: int = parameter(MISSING, "passes over the training part, summed over all phases of a method", minimum=0)
    batch_size: int = parameter(MISSING, "samples per step; the last partial batch of an epoch is dropped", minimum=2)
    optimizer: str = parameter(MISSING, "update rule", choices=("adamw", "sgd"))
    learning_rate: float = parameter(MISSING, "learning rate at the start", minimum=0)
    final_learning_rate: float = parameter(MISSING, "learning rate at the end of the schedule", minimum=0)
    momentum: float = parameter(MISSING, "momentum of SGD", minimum=0, maximum=1)
    weight_decay: float = parameter(MISSING, "weight decay: decoupled for AdamW, L2 for SGD", minimum=0)
    schedule: str = parameter(MISSING, "schedule of the learning rate", choices=("cosine", "poly", "constant"))
    schedule_step: str = parameter(MISSING, "how often the learning rate changes", choices=("step", "epoch"))
    poly_power: float = parameter(MISSING, "exponent of the poly schedule", minimum=0)
    gradient_clip: float = parameter(MISSING, "largest gradient norm of each module; 0 disables clipping", minimum=0)
    precision: str = parameter(
        MISSING,
        "precision of the networks; losses are computed in float32. `auto` is resolved before a run is planned",
        choices=("auto", "float32", "bfloat16"),
    )
    evaluate_every: int = parameter(MISSING, "epochs between evaluations on the part that selects", minimum=1)
    select_on: str = parameter(
        MISSING,
        "part on which the epoch is selected, or `last` for the last epoch",
        choices=("validation", "test", "train", "last"),
    )
    select_from: float = parameter(MISSING, "share of the epochs after which selection starts", minimum=0, maximum=1)
    cache_mb: float = parameter(MISSING, "largest size in MB of a frozen teacher's outputs that are kept", minimum=0)

    # How a GPU computes. A CPU does not read these, so they are no part of what identifies its runs.
    tf32: bool = parameter(False, "on a GPU: whether float32 products and convolutions are computed in TF32")
    channels_last: bool = parameter(True, "on a GPU: whether convolutional networks store the channels last")
    cudnn_benchmark: bool = parameter(False, "on a GPU: whether cuDNN tries its algorithms and takes the fastest")
    compile: bool = parameter(False, "on a GPU: whether networks are compiled, which takes a minute or more")
    deterministic: bool = parameter(False, "on a GPU: whether the same run gives the same bits again on the same card")

    def on(self, device: str, *, half: bool) -> Recipe:
        """Return the recipe with the precision that `auto` stands for.

        Args:
            device: `cpu` or `cuda`.
            half: whether the networks are computed in bfloat16 on a GPU.
        """
        if self.precision != "auto":
            return self
        return replace(self, precision="bfloat16" if half and device == "cuda" else "float32")

    def identity(self, device: str) -> dict[str, Any]:
        """Return what identifies a run on a device; values for a GPU count only there, if they are not the default."""
        usual = {one.name: one.default for one in fields(self) if one.default is not MISSING}
        values = asdict(self)
        return {
            name: value
            for name, value in values.items()
            if name not in usual or (device == "cuda" and value != usual[name])
        }

    @property
    def kernels(self) -> list[str]:
        """The names of the settings for a GPU that are on."""
        return [one.name for one in fields(self) if one.default is not MISSING and getattr(self, one.name)]
