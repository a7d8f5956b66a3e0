"""Ready-made tests for any method, including those of third parties: `MethodConformance`."""

from cmkd_bench.testing.conformance import MethodConformance

__all__ = ["MethodConformance"]
