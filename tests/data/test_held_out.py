"""The held-out set: fixed by its seed on every machine, in bytes, whatever its size."""

import pytest
import torch

from stn_viz.data import TASKS, held_out

# Of 1000 images of seed 0, computed where this was written: mean grey value, mean absolute pose, the sum of grey
# times column over every hundredth image. Another machine's arithmetic may move a pixel by 1/255; none shows it.
KNOWN = {
    "r": (0.122259, 0.423760, 13594.48),
    "rts": (0.049815, 0.329178, 18835.47),
    "p": (0.082593, 0.339242, 10419.84),
    "e": (0.094161, 0.588059, 10843.79),
    "t": (0.026627, 0.247300, 33605.72),
    "tc": (0.043977, 0.246828, 54964.48),
}


@pytest.mark.parametrize("task", TASKS)
def test_the_set_is_the_same_on_every_machine(task: str) -> None:
    held = held_out(task, 1000, 0)
    grey, pose, checked = KNOWN[task]
    assert held.U.double().mean().item() == pytest.approx(grey, abs=2e-6)
    assert held.pose.double().abs().mean().item() == pytest.approx(pose, abs=2e-6)
    rows = held.U[::100, 0].double() @ torch.arange(held.U.shape[-1], dtype=torch.float64)
    assert rows.sum().item() == pytest.approx(checked, rel=1e-4)  # where the ink lies, in ten single images


def test_a_smaller_set_is_the_beginning_of_a_larger_one() -> None:
    small, large = held_out("rts", 7, 3), held_out("rts", 700, 3)
    assert torch.equal(small.U, large.U[:7])
    assert torch.equal(small.pose, large.pose[:7])
    assert torch.equal(small.labels, large.labels[:7])


def test_values_are_bytes() -> None:
    U = held_out("rts", 50, 0).U
    assert torch.equal(U.mul(255).round().byte().float() / 255, U)


def test_the_seed_matters() -> None:
    assert not torch.equal(held_out("rts", 5, 0).U, held_out("rts", 5, 1).U)


@pytest.mark.parametrize("count", [0, 10_001])
def test_a_count_beyond_the_test_set_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match=f"1 to 10000 images, but {count} were asked for"):
        held_out("rts", count, 0)
