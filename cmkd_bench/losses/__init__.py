"""The losses of the methods: pure, stateless functions of tensors, computed in float32 or better.

Arguments named after the teacher are targets and get no gradient. Losses are averaged over the batch.
"""

from cmkd_bench.losses.contrastive import info_nce, similarity_distillation
from cmkd_bench.losses.contrastive_memory import crd_normalizer, crd_side_loss, negative_counts
from cmkd_bench.losses.distillation import dkd_loss, kd_loss, mutual_kl, tckd_nckd
from cmkd_bench.losses.hint import hint_loss
from cmkd_bench.losses.negative_sampling import ClassLayout, class_layout, sample_negatives
from cmkd_bench.losses.nontarget import mutual_nontarget_kl, nontarget_kl
from cmkd_bench.losses.rank_correlation import kendall_tau
from cmkd_bench.losses.salience import permuted_distance

__all__ = [
    "ClassLayout",
    "class_layout",
    "crd_normalizer",
    "crd_side_loss",
    "dkd_loss",
    "hint_loss",
    "info_nce",
    "kd_loss",
    "kendall_tau",
    "mutual_kl",
    "mutual_nontarget_kl",
    "negative_counts",
    "nontarget_kl",
    "permuted_distance",
    "sample_negatives",
    "similarity_distillation",
    "tckd_nckd",
]
