"""Checkpoints in the order of their training, each at a place of its own on the timeline."""

import os
from pathlib import Path
from typing import Any, Literal

import pytest

from stn_viz.foreign import Checkpoint
from stn_viz.foreign.ordering import ordered


def made(name: str, at: int | None = None, counter: Literal["step", "epoch"] | None = None, **facts: Any) -> Checkpoint:
    return Checkpoint(path=Path(name), kind="PyTorch checkpoint", weights=(), facts=facts, at=at, counter=counter)


def names(checkpoints: Any) -> list[str]:
    return [checkpoint.path.name for checkpoint in checkpoints]


def test_by_step_rather_than_by_epoch_or_name() -> None:
    found = ordered([made("a", epoch=2, step=20), made("b", epoch=1, step=30), made("c", epoch=9, step=10)])
    assert names(found.checkpoints) == ["c", "a", "b"]
    assert found.numbers == (10, 20, 30)
    assert (found.counter, found.notes) == ("step", ())


def test_by_epoch_where_steps_are_told_by_few_or_are_all_the_same() -> None:
    assert ordered([made("a", epoch=2, step=5), made("b", 1, "epoch")]).counter == "epoch"
    same = ordered([made("a", epoch=2, step=0), made("b", epoch=1, step=0)])
    assert (names(same.checkpoints), same.numbers, same.counter) == (["b", "a"], (1, 2), "epoch")


def test_a_bare_number_in_the_name_orders_and_is_said_to_be_one() -> None:
    found = ordered([made("net10.pt", 10), made("net9.pt", 9)])
    assert (names(found.checkpoints), found.numbers) == (["net9.pt", "net10.pt"], (9, 10))
    assert "do not say what they count" in found.notes[0]


def test_equal_numbers_get_distinct_growing_ones_and_it_says_so() -> None:
    found = ordered([made("b/3.pt", 3, "epoch"), made("a/3.pt", 3, "epoch"), made("a/4.pt", 4, "epoch")])
    assert [str(checkpoint.path) for checkpoint in found.checkpoints] == ["a/3.pt", "b/3.pt", "a/4.pt"]
    assert found.numbers == (3, 4, 5)
    assert found.notes == ("Several files tell the same epoch: 3.pt (3) stands at 4, and 1 more moved likewise.",)


def test_a_file_that_tells_nothing_stands_after_the_others() -> None:
    found = ordered([made("last.pt"), made("e1.pt", 1, "epoch"), made("e7.pt", 7, "epoch")])
    assert (names(found.checkpoints), found.numbers) == (["e1.pt", "e7.pt", "last.pt"], (1, 7, 8))
    assert found.notes == ("last.pt tells no epoch: placed after the others, from 8 on, by modification time.",)


def test_without_any_number_by_modification_time_then_name(tmp_path: Path) -> None:
    for name, seconds in (("z.pt", 100), ("b.pt", 200), ("a.pt", 200)):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (seconds, seconds))
    found = ordered([made(str(tmp_path / name)) for name in ("b.pt", "a.pt", "z.pt")])
    assert names(found.checkpoints) == ["z.pt", "a.pt", "b.pt"]
    assert (found.numbers, found.counter) == ((0, 1, 2), "step")
    assert "numbered from 0 to 2" in found.notes[0]


def test_a_copy_that_tells_no_other_number_is_left_out() -> None:
    files = [made("best.pt", epoch=3), made("e3.pt", epoch=3), made("last.pt"), made("e4.pt", epoch=4)]
    found = ordered(files, contents=["three", "three", "four", "four"])
    assert (names(found.checkpoints), found.numbers) == (["e3.pt", "e4.pt"], (3, 4))
    assert "best.pt those of e3.pt, last.pt those of e4.pt" in found.notes[-1]
    frozen = ordered([made("e3.pt", epoch=3), made("e4.pt", epoch=4)], contents=["same", "same"])
    assert frozen.numbers == (3, 4)  # nothing was learned between them, which is worth seeing


@pytest.mark.parametrize("number", [-1, 10**15, 20240113123456])
def test_numbers_that_no_timeline_holds_are_not_used(number: int) -> None:
    found = ordered([made("a.pt", number, "step"), made("b.pt", epoch=1)])
    assert found.numbers == (1, 2)


def test_nothing_in_order_is_nothing() -> None:
    assert ordered([]).checkpoints == ()
