"""UCMKD on unpaired data: the teacher sees other samples than the student (Tran et al., ICML 2026)."""

from __future__ import annotations

from cmkd_bench import register_method
from cmkd_bench.methods.ucmkd import UCMKD


@register_method("ucmkd_unpaired")
class UnpairedUCMKD(UCMKD):
    """UCMKD in which each training sample gets the teacher's outputs for another, fixed training sample.

    The paper permutes the indices at random. Within a batch, the transport of features does not know pairs in any
    case, so this row differs from `ucmkd` only in the samples that meet.
    """

    pairing = "shuffled"
