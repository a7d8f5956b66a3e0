"""Tests that every distillation method must pass, including those of third parties."""

from __future__ import annotations

from cmkd_bench.testing._declaration import DeclarationTests
from cmkd_bench.testing._dense import SegmentationTests
from cmkd_bench.testing._losses import LossTests
from cmkd_bench.testing._scarcity import ScarcityTests
from cmkd_bench.testing._teachers import TeacherTests
from cmkd_bench.testing._training import TrainingTests
from cmkd_bench.testing._views import ViewTests


class MethodConformance(
    DeclarationTests, LossTests, ScarcityTests, SegmentationTests, TeacherTests, TrainingTests, ViewTests
):
    """Provides the tests of a method; subclass it in a test file and name the method.

    The method is trained between tiny networks, in both directions and with embeddings of unequal width, by the
    engine's own loop; it takes about two seconds. The tests need pytest (`pip install "cmkd-bench[test]"`).

    Attributes:
        method: the registered name, or the class itself.
        hyperparameters: what differs from the defaults; add a subclass for each form or preset that matters.

    Example:
        ```python
        from cmkd_bench.testing import MethodConformance

        from my_package.my_method import MyMethod


        class TestMyMethod(MethodConformance):
            method = MyMethod


        class TestMyMethodJoint(MethodConformance):
            method = MyMethod
            hyperparameters = {"form": "joint"}
        ```
    """
