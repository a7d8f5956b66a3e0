"""Contrast between two views of the samples of one modality.

Source: Chen, Kornblith, Norouzi, Hinton, "A Simple Framework for Contrastive Learning of Visual Representations", ICML
2020.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from cmkd_bench.losses._checks import check_embeddings, check_positive
from cmkd_bench.losses._precision import in_full_precision
from cmkd_bench.losses._targets import other_entries
from cmkd_bench.losses.contrastive import NORM_EPS


@in_full_precision
def nt_xent(a: Tensor, b: Tensor, temperature: float) -> Tensor:
    """Compute the loss of SimCLR: of all other views in the batch, each view must find the other one of its sample.

    Unlike in `info_nce`, the other samples' views of both kinds are negatives: 2B - 2 of them. Both sides get a
    gradient.

    Args:
        a: (B, d) embeddings of one view, of any length; normalized here.
        b: (B, d) embeddings of the other view; row i is of the same sample as row i of a.
        temperature: divides the cosine similarities; greater than 0.

    Returns:
        A scalar in nats, averaged over the 2B views. It is 0 if B = 1.

    Raises:
        ValueError: if the shapes differ or the temperature is not greater than 0.
    """
    check_embeddings(a, b, same_width=True)
    check_positive("temperature", temperature)
    views = F.normalize(torch.cat([a, b]), dim=1, eps=NORM_EPS)
    place = torch.arange(len(views), device=views.device)
    partner = place.roll(len(a))
    others = other_entries(views @ views.T / temperature, place)
    return F.cross_entropy(others, partner - (partner > place).long())
