"""Control: KD whose teacher sees another sample, so that only its class statistics can help."""

from __future__ import annotations

from cmkd_bench import register_method
from cmkd_bench.methods.kd import KD


@register_method("kd_shuffled")
class ShuffledKD(KD):
    """KD in which each training sample gets the teacher's outputs for another, fixed training sample.

    The pairing is a random cycle through the training part, so no sample keeps its own partner. What KD gains over this
    row comes from the pairs. At KD's default weight of 0.9 it mostly shows that a wrong teacher harms; with tuning,
    it has KD's selected weight.
    """

    role = "control"
    pairing = "shuffled"
    tuned_as = "kd"
