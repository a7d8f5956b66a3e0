"""The losses on the card against their literal forms; one that fails leaves the others."""

from __future__ import annotations

from benchmarks.gpu._part import Part, run_part
from benchmarks.losses import COMPARISONS, timed


def main(part: Part) -> None:
    """Report each form of each loss."""
    for loss, (sizes, forms) in COMPARISONS.items():
        for size in sizes[:1] if part.is_small else sizes:
            with part.attempt(f"{loss} of {size}"):
                for form, seconds, ratio in timed(forms(size, part.device), 3 if part.is_small else 9):
                    part.row(loss, size=size, form=form, ms=1e3 * seconds, times_faster=ratio)


if __name__ == "__main__":
    run_part(main)
