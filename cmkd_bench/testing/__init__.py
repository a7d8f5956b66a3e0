"""Tests that a method gets for free, also a third party's: `MethodConformance`."""

from cmkd_bench.testing.conformance import MethodConformance

__all__ = ["MethodConformance"]
