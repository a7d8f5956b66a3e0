"""Control: KD whose teacher has the student's own modality, so that no other modality is involved."""

from __future__ import annotations

from cmkd_bench.methods.kd import KD
from cmkd_bench.registry import register_method


@register_method("kd_self")
class SelfKD(KD):
    """KD from a teacher with the student's modality, network, and seed, trained with the labels of all teachers.

    Where the teachers have the student's labels, it is the run of the student alone, so no further teacher is trained.
    What KD gains over this row comes from the other modality, and not from soft labels, longer training, or labels that
    the teacher has seen and the student has not.
    """

    role = "control"
    teacher = "self"
    tuned_as = "kd"
