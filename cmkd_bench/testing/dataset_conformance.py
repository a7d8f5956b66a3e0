"""Tests that every dataset must pass, including those of third parties."""

from __future__ import annotations

from cmkd_bench.testing._dataset_declaration import DatasetDeclarationTests
from cmkd_bench.testing._dataset_loading import DatasetLoadingTests


class DatasetConformance(DatasetDeclarationTests, DatasetLoadingTests):
    """Provides the tests of a dataset; subclass it in a test file and name the dataset.

    The data are loaded, checked as before a run, and put before the networks that the dataset's recipe names; nothing
    is trained. A downloadable dataset is tested on its miniature, so that no download is needed. The tests need pytest
    (`pip install "cmkd-bench[test]"`).

    Attributes:
        dataset: the registered name, or the class itself.
        options: what differs from the defaults; add a subclass for each set of options that matters.

    Example:
        ```python
        from cmkd_bench.testing import DatasetConformance

        from my_package.my_dataset import MyDataset


        class TestMyDataset(DatasetConformance):
            dataset = MyDataset
        ```
    """
