"""The server stops and comes back: the stage says so, goes on without it, and is not reset."""

import numpy as np
import torch
from driver import Stage
from oracle import BYTE

AWAY = "network away, reconnecting: the stage goes on without it"


def test_the_stage_goes_on_while_the_network_is_away_and_finds_it_again(own_server, page, truth):
    stage = Stage(page)
    page.goto(own_server.url)
    stage.wait_for_picture()
    stage.wait_for_network()
    stage.type_step(109)
    look = stage.drag(stage.look().handles["top left"], (20, 25))
    stage.until(lambda now: now.known and not now.stale, "an answer")
    stage.until_quiet()
    stage.root.evaluate("(root) => { root.sameAsBefore = true; }")

    own_server.stop()
    look = stage.until(lambda now: now.source == AWAY, "the network is away")
    assert look.stale
    before = stage.look()
    look = stage.drag(before.handles["bottom right"], (-30, -8))
    assert np.abs(look.V - before.V).mean() > 1
    np.testing.assert_allclose(look.V / 255, truth.picture(look.image, look.theta), atol=BYTE)
    assert look.source == AWAY
    stage.press("Escape")
    look = stage.type_step(75)
    np.testing.assert_allclose(look.theta, truth.recorded_theta(look.image, look.index), rtol=1e-5, atol=1e-9)
    assert not look.stale, "what was recorded needs no network"
    look = stage.press("Control+z")  # by hand again
    assert look.mode == "hand"
    stage.until_told(look)

    stage.received.clear()
    own_server.start()
    expected = truth.answer(look.image, look.theta, look.step)
    back = stage.until(lambda now: not now.stale and now.source.startswith("weights of"), "the network again", 60)
    back = stage.until(lambda now: torch.allclose(now.probabilities, expected, atol=1e-3), f"{expected}")
    assert torch.equal(back.theta, look.theta)
    assert (back.step, back.image, back.mode, back.undo) == (look.step, look.image, "hand", True)
    assert stage.root.evaluate("(root) => root.sameAsBefore === true"), "the stage was mounted anew"
    # Python follows again with the next drag: Streamlit's own line is back too.
    stage.until_quiet()
    sent = len(stage.sent)
    stage.drag(back.handles["centre"], (12, 12))
    stage.until(lambda _: any("/_stcore/stream" in message for message in stage.sent[sent:]), "Python was told", 60)
    stage.until_quiet()
    assert torch.equal(stage.look().theta, stage.at_rest().theta)
    # The browser reports each connection that failed, and Streamlit each message; nothing else may have been reported.
    expected = ("ERR_CONNECTION_REFUSED", "when disconnected from server")
    page.faults[:] = [fault for fault in page.faults if not any(words in fault for words in expected)]
