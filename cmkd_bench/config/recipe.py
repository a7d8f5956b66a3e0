"""How a network is trained, which is the same for every method of a cell; configs/protocol/ sets the values."""

from __future__ import annotations

from dataclasses import MISSING, dataclass

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
        MISSING, "precision of the networks; losses are computed in float32", choices=("float32", "bfloat16")
    )
    evaluate_every: int = parameter(MISSING, "epochs between evaluations on the part that selects", minimum=1)
    select_on: str = parameter(
        MISSING,
        "part on which the epoch is selected, or `last` for the last epoch",
        choices=("validation", "test", "train", "last"),
    )
    select_from: float = parameter(MISSING, "share of the epochs after which selection starts", minimum=0, maximum=1)
    cache_mb: float = parameter(MISSING, "largest size in MB of a frozen teacher's outputs that are kept", minimum=0)
