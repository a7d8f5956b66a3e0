"""The losses of the methods: pure, stateless functions of tensors, computed in float32 or better.

Arguments named after the teacher are targets and get no gradient. Losses are averaged over the batch.
"""

from cmkd_bench.losses.consistency import consistency_loss
from cmkd_bench.losses.contrastive import info_nce, similarity_distillation
from cmkd_bench.losses.contrastive_memory import crd_normalizer, crd_side_loss, negative_counts
from cmkd_bench.losses.correlation import dist_terms
from cmkd_bench.losses.distillation import dkd_loss, kd_loss, mutual_kl, tckd_nckd
from cmkd_bench.losses.frequency import frequency_distances, frequency_parts
from cmkd_bench.losses.hint import cosine_distance, hint_loss
from cmkd_bench.losses.information import correlation_loss, mutual_information_loss, vid_loss
from cmkd_bench.losses.masked_distillation import confident_rows, masked_kd_loss, pseudo_label_loss
from cmkd_bench.losses.mixture import balance_loss, joint_kd, mixture_kd, top_weights
from cmkd_bench.losses.multi_level import prediction_relations
from cmkd_bench.losses.negative_sampling import ClassLayout, class_layout, sample_negatives
from cmkd_bench.losses.nontarget import mutual_nontarget_kl, nontarget_kl
from cmkd_bench.losses.normalized_kd import nkd_terms
from cmkd_bench.losses.one_for_all import ofa_loss
from cmkd_bench.losses.queue_similarity import queue_distillation
from cmkd_bench.losses.rank_correlation import kendall_tau
from cmkd_bench.losses.refined_logits import rld_terms
from cmkd_bench.losses.relations import rkd_terms, sp_loss
from cmkd_bench.losses.salience import permuted_distance
from cmkd_bench.losses.similarity_distributions import class_contrast, direction_loss, pkt_loss
from cmkd_bench.losses.standardization import standardize_logits
from cmkd_bench.losses.teacher_transform import transformed_teacher_loss
from cmkd_bench.losses.transport import label_alignment, sinkhorn_plan, transport_cost
from cmkd_bench.losses.view_contrast import nt_xent

__all__ = [
    "ClassLayout",
    "balance_loss",
    "class_contrast",
    "class_layout",
    "confident_rows",
    "consistency_loss",
    "correlation_loss",
    "cosine_distance",
    "crd_normalizer",
    "crd_side_loss",
    "direction_loss",
    "dist_terms",
    "dkd_loss",
    "frequency_distances",
    "frequency_parts",
    "hint_loss",
    "info_nce",
    "joint_kd",
    "kd_loss",
    "kendall_tau",
    "label_alignment",
    "masked_kd_loss",
    "mixture_kd",
    "mutual_information_loss",
    "mutual_kl",
    "mutual_nontarget_kl",
    "negative_counts",
    "nkd_terms",
    "nontarget_kl",
    "nt_xent",
    "ofa_loss",
    "permuted_distance",
    "pkt_loss",
    "prediction_relations",
    "pseudo_label_loss",
    "queue_distillation",
    "rkd_terms",
    "rld_terms",
    "sample_negatives",
    "similarity_distillation",
    "sinkhorn_plan",
    "sp_loss",
    "standardize_logits",
    "tckd_nckd",
    "top_weights",
    "transformed_teacher_loss",
    "transport_cost",
    "vid_loss",
]
