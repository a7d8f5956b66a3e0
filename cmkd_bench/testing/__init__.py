"""Ready-made tests for any method or dataset, including those of third parties."""

from cmkd_bench.testing.conformance import MethodConformance
from cmkd_bench.testing.dataset_conformance import DatasetConformance

__all__ = ["DatasetConformance", "MethodConformance"]
