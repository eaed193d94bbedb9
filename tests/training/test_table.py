"""The table command, and that the bundled runs are what their commands make."""

import json
import shlex
from pathlib import Path

import pytest

from stn_viz.runs.info import RunInfo
from stn_viz.runs.reading import read_info
from stn_viz.training import table
from stn_viz.training.bundled import BUNDLED, cells, command_for
from stn_viz.training.command import parser
from stn_viz.training.settings import Settings

CHECKPOINTS = Path(__file__).parents[2] / "checkpoints"


def info(task: str, network: str, family: str | None, error: float, steps: int = 1000) -> RunInfo:
    about = {"name": network} | ({"family": family} if family else {})
    return RunInfo(
        name="x", source="stn_viz train", task=task, classes=("0",), network=about, seed=0, status="finished",
        training={"steps": steps, "batch": 128}, metrics={"test_error": error, "test_images": 10_000},
    )  # fmt: skip


def test_every_cell_of_the_paper_is_there_once() -> None:
    # Table 1 has 8 networks on 4 tasks; cluttered digits 4 networks.
    assert len(cells()) == len(set(cells())) == 8 * 4 + 4
    assert len(table.missing([])) == 36


def test_a_cell_shows_ours_beside_the_papers_and_is_no_longer_missing() -> None:
    found = table.entries([("mine", info("e", "st-cnn", "tps", 0.0151))])
    lines = table.rows(found)
    row = next(line for line in lines if line[0] == "ST-CNN TPS")
    assert row[lines[0].index("E")] == "1.51 / 1.1"
    assert len(table.missing(found)) == 35
    assert command_for("e", "st-cnn", "tps") not in table.missing(found)


def test_of_two_runs_the_longer_counts_and_not_the_better() -> None:
    found = table.entries([("lucky", info("r", "cnn", None, 0.01)), ("long", info("r", "cnn", None, 0.02, 2000))])
    assert [entry.name for entry in found] == ["long"]


def test_an_unfinished_run_fills_no_cell() -> None:
    unfinished = RunInfo.from_json(info("r", "cnn", None, 0.01).to_json() | {"status": "stopped"})
    assert table.entries([("stopped", unfinished)]) == []


def test_a_cell_that_is_missing_names_a_command_that_trains_it() -> None:
    for task, network, family in cells():
        words = shlex.split(command_for(task, network, family))
        assert words[:4] == ["python", "-m", "stn_viz", "train"]
        options = parser().parse_args(words[4:])
        assert (options.task, options.network, options.family) == (task, network, family)


def test_the_command_prints_the_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "run.json").write_text(json.dumps(info("r", "cnn", None, 0.0234).to_json()))
    assert table.main([str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "2.34 / 1.2" in said
    assert "mine: 2.34 % (paper 1.2 %)" in said
    assert "35 cells" in said
    assert table.main([str(tmp_path), "--markdown"]) == 0
    assert "| CNN | 2.34 / 1.2 |" in capsys.readouterr().out
    assert table.main([str(tmp_path / "nowhere")]) == 1
    assert "is no folder" in capsys.readouterr().err


@pytest.mark.parametrize("name", sorted(path.name for path in CHECKPOINTS.iterdir() if path.is_dir()))
def test_a_bundled_run_is_what_its_command_makes(name: str) -> None:
    about = read_info(CHECKPOINTS / name)
    given = vars(parser().parse_args([*shlex.split(BUNDLED[name]), "--out", name]))
    wished = {key: value for key, value in given.items() if value is not None and key in Settings.__annotations__}
    assert Settings.from_json(about.training) == Settings(**wished)
    assert about.status == "finished"
    assert about.metrics["test_images"] == 10_000


def test_the_bundled_runs_are_all_there_and_light() -> None:
    assert {path.name for path in CHECKPOINTS.iterdir() if path.is_dir()} == set(BUNDLED)
    sizes = [path.stat().st_size for path in CHECKPOINTS.rglob("*") if path.is_file()]
    assert sum(sizes) <= 60 * 10**6
    assert max(sizes) <= 12 * 10**6
