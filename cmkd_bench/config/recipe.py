"""How a network is trained: the same for every method of a cell. The values stand in configs/protocol/."""

from __future__ import annotations

from dataclasses import MISSING, dataclass

from cmkd_bench.parameters import parameter


@dataclass(frozen=True)
class Recipe:
    """The training part of a protocol; a method's losses and phases are not in it. Every value must be configured."""

    epochs: int = parameter(MISSING, "passes over the training part, over all phases of a method", minimum=0)
    batch_size: int = parameter(MISSING, "samples per step; the last partial batch of an epoch is left out", minimum=2)
    optimizer: str = parameter(MISSING, "update rule", choices=("adamw", "sgd"))
    learning_rate: float = parameter(MISSING, "at the start", minimum=0)
    final_learning_rate: float = parameter(MISSING, "at the end of the schedule", minimum=0)
    momentum: float = parameter(MISSING, "of SGD", minimum=0, maximum=1)
    weight_decay: float = parameter(MISSING, "decoupled for AdamW, L2 for SGD", minimum=0)
    schedule: str = parameter(MISSING, "of the learning rate", choices=("cosine", "poly", "constant"))
    schedule_step: str = parameter(MISSING, "the learning rate changes after each", choices=("step", "epoch"))
    poly_power: float = parameter(MISSING, "exponent of the poly schedule", minimum=0)
    gradient_clip: float = parameter(MISSING, "largest norm of the gradients of each module; 0 is off", minimum=0)
    precision: str = parameter(MISSING, "of the networks; losses are in float32", choices=("float32", "bfloat16"))
    evaluate_every: int = parameter(MISSING, "epochs between looks at the part that selects", minimum=1)
    select_on: str = parameter(
        MISSING,
        "the part on which the epoch is selected, or the last epoch",
        choices=("validation", "test", "train", "last"),
    )
    select_from: float = parameter(MISSING, "share of the epochs before which none is selected", minimum=0, maximum=1)
    cache_mb: float = parameter(MISSING, "largest size of a frozen teacher's outputs that are kept", minimum=0)
