"""Control: KD from an untrained teacher, whose outputs contain no label information."""

from __future__ import annotations

from cmkd_bench import register_method
from cmkd_bench.methods.kd import KD


@register_method("kd_random")
class RandomTeacherKD(KD):
    """KD from the teacher as initialized. What KD gains over this row comes from the teacher's training.

    It rules out that soft targets of any kind, which regularize, explain a gain.
    """

    role = "control"
    teacher = "untrained"
    tuned_as = "kd"
