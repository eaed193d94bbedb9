"""The embedded digits: as many, and as many of each, as the database has."""

import pytest
import torch

from stn_viz.data import digits, mnist


def test_mnist_is_whole() -> None:
    data = mnist()
    assert data.train.shape == (60_000, 28, 28)
    assert data.test.shape == (10_000, 28, 28)
    assert data.train.dtype == torch.uint8
    # How often each digit occurs in the test set, as published with the database.
    assert data.test_labels.bincount().tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert data.train_labels[:5].tolist() == [5, 0, 4, 1, 9]


def test_a_missing_file_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digits, "FILE", digits.FILE.with_name("gone.npz"))
    with pytest.raises(FileNotFoundError, match=r"gone\.npz is not in .*: install the package with its data"):
        mnist.__wrapped__()
