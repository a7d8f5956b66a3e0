"""Control: KD from an untrained teacher, whose outputs carry no label at all."""

from __future__ import annotations

from cmkd_bench.methods.kd import KD
from cmkd_bench.registry import register_method


@register_method("kd_random")
class RandomTeacherKD(KD):
    """KD from the teacher's network as it was initialised. What KD gains over this row comes from its training."""

    role = "control"
    teacher = "untrained"
