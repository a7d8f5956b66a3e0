"""Programs that only some machines have, and that CI must have."""

from __future__ import annotations

import os

import pytest

REQUIRED = "CMKD_TEST_REQUIRED"  # set: a test that lacks its program fails


def do_without(reason: str) -> None:
    """Skip the test, or fail where nothing may be skipped."""
    if os.environ.get(REQUIRED):
        pytest.fail(reason)
    pytest.skip(reason)
