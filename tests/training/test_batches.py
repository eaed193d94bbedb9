"""Batches and schedule: functions of the step alone."""

import pytest
import torch

from stn_viz.data import mnist
from stn_viz.training.batches import Batches, seeded
from stn_viz.training.schedule import WARM_UP, one_cycle


def test_a_batch_depends_on_seed_and_step_alone() -> None:
    one, again, other = Batches("rts", 16, 0), Batches("rts", 16, 0), Batches("rts", 16, 1)
    one.at(0)
    assert torch.equal(one.at(5)[0], again.at(5)[0])
    assert torch.equal(one.at(5)[1], again.at(5)[1])
    assert not torch.equal(one.at(5)[0], other.at(5)[0])
    assert not torch.equal(one.at(5)[0], one.at(6)[0])


def test_an_epoch_shows_each_digit_once_and_the_next_in_another_order() -> None:
    # "T" moves digits by whole pixels, so the sum of the ink tells which digit it is.
    batches = Batches("t", 8, 0, limit=64)
    assert batches.per_epoch == 8
    ink = torch.cat([batches.at(step)[0].sum((1, 2, 3)) for step in range(16)])
    expected = (mnist().train[:64].float() / 255).sum((1, 2)).sort().values
    for epoch in (ink[:64], ink[64:]):
        torch.testing.assert_close(epoch.sort().values, expected, rtol=1e-4, atol=0)
    assert not torch.allclose(ink[:64], ink[64:])


def test_labels_belong_to_their_digits() -> None:
    U, labels = Batches("t", 32, 0, limit=32).at(0)
    ink = (mnist().train[:32].float() / 255).sum((1, 2))
    nearest = (U.sum((1, 2, 3))[:, None] - ink).abs().argmin(1)
    assert torch.equal(labels, mnist().train_labels[:32][nearest])


def test_a_batch_larger_than_the_data_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"A batch of 128 does not fit into 100 images an epoch: give a batch of 1 to 100"
    ):
        Batches("rts", 128, 0, limit=100)


def test_neighbouring_seeds_are_unrelated() -> None:
    draws = [torch.rand(1000, generator=seeded(0, 1, step)) for step in range(4)]
    correlation = torch.corrcoef(torch.stack(draws)) - torch.eye(4)
    assert correlation.abs().max() < 0.15


def test_the_rate_rises_to_its_peak_and_falls_to_almost_nothing() -> None:
    rates = [one_cycle(step, 1000) for step in range(1001)]
    peak = round(1000 * WARM_UP)
    assert rates[0] == pytest.approx(0.04)
    assert rates[peak] == 1
    assert rates[peak // 2] == pytest.approx((1 + 0.04) / 2)  # a cosine is half way at half time
    assert rates[-1] == pytest.approx(0.0004)
    assert rates[: peak + 1] == sorted(rates[: peak + 1])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
