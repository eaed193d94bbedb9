"""The paper's numbers, and ours beside them."""

import dataclasses

import pytest

from stn_viz import paper
from stn_viz.runs.info import RunInfo

OURS = RunInfo(
    name="x", source="stn_viz train", task="rts", classes=("0", "1"), network={"name": "st-cnn", "family": "affine"},
    seed=0, training={"steps": 16848, "batch": 128}, status="finished",
    metrics={"test_error": 0.0073, "test_images": 10_000},
)  # fmt: skip


@pytest.mark.parametrize(
    ("cell", "printed"),
    [
        (("r", "fcn", None), 2.1),
        (("rts", "cnn", None), 0.8),
        (("e", "st-fcn", "tps"), 2.4),
        (("p", "st-cnn", "projective"), 0.8),
        (("tc", "st-cnn", "attention"), 1.7),
        (("tc", "cnn", None), 3.5),
        (("t", "cnn", None), None),
        (("r", "st-cnn", "attention"), None),
    ],
)
def test_the_papers_numbers(cell: tuple[str, str, str | None], printed: float | None) -> None:
    assert paper.error_percent(*cell) == printed


def test_ours_is_never_rounded_in_our_favour() -> None:
    assert paper.percent(0.0073, 10_000) == "0.73"  # exact, although 0.0073 * 10000 is a little more than 73
    assert paper.percent(1 / 3000, 3000) == "0.04"  # 0.0333...
    assert paper.percent(0.0, 10_000) == "0.00"


def test_one_line_says_both_errors_and_what_they_took() -> None:
    expected = "test error 0.73 % (paper 0.5 %); trained on 2.2 of the paper's 38.4 million images"
    assert paper.beside_paper(OURS) == expected


@pytest.mark.parametrize(
    "other",
    [
        {"status": "running"},
        {"metrics": {}},
        {"metrics": {"test_error": "0", "test_images": 10}},
        {"metrics": {"test_error": 0.1, "test_images": 0}},
        {"metrics": {"test_error": float("nan"), "test_images": 10}},
    ],
)
def test_a_run_without_a_result_has_no_line(other: dict[str, object]) -> None:
    assert paper.beside_paper(dataclasses.replace(OURS, **other)) is None


def test_a_run_of_somebody_elses_is_not_measured_by_the_paper() -> None:
    line = paper.beside_paper(dataclasses.replace(OURS, source="stn_viz.record"))
    assert line == "test error 0.73 % of 10,000 images"
