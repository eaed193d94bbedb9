"""When a training of unknown length is recorded, played through with a clock of numbers."""

import numpy as np
import pytest

from stn_viz.runs.pacing import ENOUGH, Pace, SnapshotPace


def play(total, *, step_seconds, record_seconds, broken=()):
    """The steps that are recorded in a training of `total` steps, and recording's share of its time."""
    pace, steps, spent, elapsed = Pace(), [], 0.0, 0.0
    for step in range(total):
        elapsed += step_seconds
        if pace.due(step, finite=step not in broken, spent=spent, expected=record_seconds, elapsed=elapsed):
            pace.recorded(step)
            steps.append(step)
            spent, elapsed = spent + record_seconds, elapsed + record_seconds
    return steps, spent / (elapsed - spent)


def test_a_million_steps_give_some_five_hundred_records_dense_early_and_sparse_late():
    steps, share = play(1_000_000, step_seconds=0.01, record_seconds=1e-6)
    assert 450 < len(steps) < 600
    assert steps[:50] == list(range(50))
    late = np.array(steps[50:])
    ratios = late[1:] / late[:-1]
    assert ratios.max() < 1.04, "no gap on the way, whatever the length will be"
    assert share < 0.001


@pytest.mark.parametrize("record_seconds", [0.001, 0.01, 0.1, 1.0, 100.0])
@pytest.mark.parametrize("total", [300, 3000, 100_000])
def test_it_takes_three_percent_at_most_unless_few_records_would_be_left(total, record_seconds):
    steps, share = play(total, step_seconds=0.01, record_seconds=record_seconds)
    assert share < 0.0305 or len(steps) <= ENOUGH
    assert len(steps) >= ENOUGH - 2


def test_a_training_that_is_short_is_recorded_from_its_first_step():
    steps, _ = play(50, step_seconds=0.001, record_seconds=10.0)
    assert steps[:16] == list(range(16))
    assert len(steps) >= 20


def test_the_first_step_of_each_break_is_recorded_at_once():
    broken = {70_001, 70_002, 70_003, 80_123}
    steps, _ = play(90_000, step_seconds=0.01, record_seconds=1.0, broken=broken)
    assert {70_001, 80_123} <= set(steps)
    assert not {70_002, 70_003} & set(steps)


def test_room_made_in_the_trace_makes_the_spacing_coarser():
    pace = Pace(records=100, last=1000)
    due = {"finite": True, "spent": 0.0, "expected": 0.0, "elapsed": 1.0}
    assert pace.due(1020, **due)
    pace.thinned(50)
    assert not pace.due(1039, **due)
    assert pace.due(1041, **due)


@pytest.mark.parametrize(("most", "low"), [(24, 11), (5, 2), (2, 1), (1, 0), (0, 0)])
def test_snapshots_stay_spread_over_a_training_that_goes_on(most, low):
    pace, kept = SnapshotPace(most), []
    for record in range(500):
        if pace.due(record):
            kept.append(record)
            for step in pace.taken(record, record):
                kept.remove(step)
        assert len(kept) <= most
    assert low <= len(kept) <= most
    if most > 2:
        assert kept[0] == 0
        gaps = np.diff(kept)
        assert gaps.max() <= 2 * gaps.min()
    if most > 1:
        gone = pace.taken(499, 499)
        kept = [step for step in [*kept, 499] if step not in gone]
        assert kept[-1] == 499, "the last step's weights, which come unasked"
        assert len(kept) <= most
