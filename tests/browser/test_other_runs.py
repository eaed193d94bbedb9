"""Runs that are broken, and a run without a transformer: listed, explained, and in nobody's way."""

import numpy as np
import pytest

SENTENCES = {
    "void": "void is empty. Delete it, or train a run into it.",
    "newer": "format",
    "cut": "is truncated or changed",
    "diverged": "holds nan or inf from step",
}


def choose(stage, name):
    stage.root.locator("select.run").select_option(name)


def test_every_run_is_listed_and_those_that_do_not_open_say_so(stage):
    listed = stage.root.locator("select.run option").evaluate_all("(all) => all.map((o) => [o.value, o.textContent])")
    assert {name for name, _ in listed} == {"small-st-cnn", "small-cnn", *SENTENCES}
    assert {name for name, text in listed if text.endswith("(does not open)")} == {"void", "newer"}


@pytest.mark.parametrize("name", ["void", "newer"])
def test_choosing_a_run_that_does_not_open_gives_its_sentence_and_keeps_the_picture(stage, name):
    before = stage.drag(stage.look().handles["centre"], (20, 10))
    for _ in range(2):  # the second time as well
        choose(stage, name)
        look = stage.until(lambda now: now.notices, "a sentence")
        (sentence,) = look.notices
        assert sentence.startswith(name)
        assert SENTENCES[name] in sentence
        assert stage.root.locator("select.run").input_value() == "small-st-cnn"
        assert np.array_equal(look.V, before.V)
        stage.root.locator(".notices .close").click()
        stage.until(lambda now: not now.notices, "closed")
    after = stage.drag(look.handles["centre"], (-30, 0))
    assert not np.array_equal(after.V, before.V)


@pytest.mark.parametrize("name", ["void", "newer", "cut", "diverged"])
def test_a_link_to_a_broken_run_gives_its_sentence_and_something_to_see(open_stage, name):
    stage = open_stage(run=name)
    look = stage.look()
    assert any(SENTENCES[name] in sentence for sentence in look.notices)
    opens = name in ("cut", "diverged")
    assert stage.root.locator("select.run").input_value() == (name if opens else "small-st-cnn")
    after = stage.drag(look.handles["centre"], (25, 0))
    assert np.abs(after.V - look.V).max() > 20


def test_a_diverged_run_ends_where_it_diverged_and_a_cut_snapshot_is_stood_in_for(stage, truth):
    choose(stage, "diverged")
    look = stage.until(lambda now: now.last == 39, "the records up to the fault")
    assert any(SENTENCES["diverged"] in sentence for sentence in look.notices)
    choose(stage, "cut")
    stage.until(lambda now: now.last == len(truth.run.steps) - 1, "the run with a truncated snapshot")
    stage.type_step(int(truth.run.steps[-1]))
    stage.choose("theta", "by hand")
    older = truth.run.snapshots[-2]
    stage.until(lambda now: now.known and now.source == f"weights of step {older:,}", "the snapshot before answers")


def test_a_run_without_a_transformer_shows_its_curves_and_answers(stage, folder):
    from stn_viz.runs import open_run

    run = open_run(folder / "small-cnn")
    stage.drag(stage.look().handles["centre"], (20, 10))
    choose(stage, "small-cnn")
    stage.until(lambda now: now.last == len(run.steps) - 1, "the plain run")
    note = stage.root.locator(".theta > .note")
    assert note.text_content().startswith("No transformer in this network")
    assert note.is_visible()
    assert not stage.root.locator(".v").is_visible()
    look = stage.type_step(int(run.steps[-1]))
    assert not look.handles
    np.testing.assert_allclose(look.probabilities, run.probabilities[-1, look.image], atol=1e-6)
    painted = "(c) => new Set(c.getContext('2d').getImageData(0, 0, c.width, c.height).data).size"
    assert stage.root.locator(".timeline canvas").evaluate(painted) > 8, "no curves"
    stage.until(lambda now: now.says.startswith("no transformer, reads"), "the sentence")
    stage.until_address(lambda query: query.get("run") == "small-cnn" and "theta" not in query, "the run")
    # Hands that find no grid do nothing.
    x, y, side, _ = look.pad
    stage.page.mouse.move(x + side / 2, y + side / 2)
    stage.page.mouse.wheel(0, 100)
    for key in ("i", "g", "Escape", "Control+z"):
        stage.press(key)
    stage.page.mouse.dblclick(x + side / 2, y + side / 2)
    choose(stage, "small-st-cnn")
    look = stage.until(lambda now: now.handles, "a grid again")
    assert not look.undo, "undo must not reach into another run"
