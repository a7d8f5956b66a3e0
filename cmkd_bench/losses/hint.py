"""FitNets' hint loss.

Source: Romero et al., "FitNets: Hints for Thin Deep Nets", ICLR 2015, equation 3.
"""

from __future__ import annotations

from torch import Tensor

from cmkd_bench.losses._precision import in_full_precision


@in_full_precision
def hint_loss(regressed: Tensor, target: Tensor) -> Tensor:
    """Half the squared error between the regressed student features and the teacher's, averaged over all elements.

    The paper sums over the elements of a sample. The mean is taken here so that a weight means the same for every
    width; multiply by the number of elements of one sample for the paper's value averaged over the batch. Common
    re-implementations take the mean without the half, so their weights are half of ours.

    Args:
        regressed: (B, ...) the regressor's output on the student's features.
        target: the teacher's features, of the same shape; gets no gradient.

    Returns:
        A scalar.

    Raises:
        ValueError: if the shapes differ.
    """
    if regressed.shape != target.shape:
        raise ValueError(
            "regressed and target features must share one shape, "
            f"not {tuple(regressed.shape)} and {tuple(target.shape)}"
        )
    return (regressed - target.detach()).square().mean() / 2
