"""The hint loss of FitNets.

Source: Romero et al., "FitNets: Hints for Thin Deep Nets", ICLR 2015, equation 3.
"""

from __future__ import annotations

from torch import Tensor

from cmkd_bench.losses._precision import in_full_precision


@in_full_precision
def hint_loss(regressed: Tensor, target: Tensor) -> Tensor:
    """Compute half the mean squared error between the regressed student features and the teacher's features.

    The paper sums over the elements of a sample. The mean gives a weight the same meaning for all widths; multiply it
    by the number of elements per sample for the paper's value averaged over the batch. Common reimplementations omit
    the factor 1/2, so their weight w corresponds to 2 w here.

    Args:
        regressed: (B, ...), the output of the regressor on the student's features.
        target: (B, ...), the teacher's features; gets no gradient.

    Returns:
        A scalar, averaged over all elements.

    Raises:
        ValueError: if the shapes differ.
    """
    if regressed.shape != target.shape:
        raise ValueError(
            "regressed and target features must share one shape, "
            f"not {tuple(regressed.shape)} and {tuple(target.shape)}"
        )
    return (regressed - target.detach()).square().mean() / 2
