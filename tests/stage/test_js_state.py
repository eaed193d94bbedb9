"""The stage's state away from the screen: the line to the network, whose answer is shown, what is told and kept."""

import numpy as np
import pytest

from stn_viz.stage.assets import pack

SOCKET = """() => {
  window.sockets = [];
  window.WebSocket = class extends EventTarget {
    constructor() { super(); this.sent = []; sockets.push(this); }
    send(text) { this.sent.push(JSON.parse(text)); }
    hear(message) { this.dispatchEvent(new MessageEvent("message", {data: JSON.stringify(message)})); }
    close() { this.dispatchEvent(new Event("close")); }
  };
}"""


@pytest.fixture
def run(page, serve):
    """A JS function of the modules line, asker, load and teller, in a page whose sockets are the test's own."""
    serve(page)
    page.evaluate(SOCKET)
    page.evaluate(
        """async () => {
          window.m = {};
          for (const name of ["line", "asker", "load", "teller"]) window.m[name] = await import(`/state/${name}.js`);
        }"""
    )
    return lambda body, *args: page.evaluate(f"(args) => ({body})(window.m, ...args)", list(args))


LINE = """
  const heard = [];
  const line = m.line.createLine("ws://stage.test/live", {
    onStatus: (status) => heard.push(status),
    onAnswer: ({view}, answer) => heard.push([view, answer]),
    onError: ({view}, sentence) => heard.push([view, sentence]),
  });
  const [socket] = sockets;
  const asked = () => socket.sent.map(({view}) => view);
  socket.hear({state: "ready"});
"""


def test_one_question_is_in_flight_and_the_newest_waits(run) -> None:
    body = f"""(m) => {{{LINE}
      for (const view of [1, 2, 3]) line.ask({{lens: "predictions", view}});
      const first = asked();
      socket.hear({{id: 1, answer: "a"}});
      socket.hear({{id: 1, answer: "late"}});
      return [first, asked(), heard];
    }}"""
    assert run(body) == [[1], [1, 3], ["connecting", "ready", [1, "a"]]]


def test_a_question_refused_for_its_haste_is_asked_again_unless_a_newer_one_waits(run) -> None:
    body = f"""(m) => {{{LINE}
      line.ask({{lens: "predictions", view: 1}});
      socket.hear({{id: 1, error: "Too fast", again: true}});
      line.ask({{lens: "predictions", view: 2}});
      socket.hear({{id: 2, error: "Too fast", again: true}});
      socket.hear({{id: 3, answer: "a"}});
      return [asked(), heard.slice(2)];
    }}"""
    assert run(body) == [[1, 1, 2], [[2, "a"]]]


def test_what_was_in_flight_when_the_line_broke_is_asked_on_the_next_one(run) -> None:
    body = f"""async (m) => {{{LINE}
      line.ask({{lens: "predictions", view: 1}});
      socket.close();
      await new Promise((done) => setTimeout(done, 400));
      sockets[1].hear({{state: "ready"}});
      return [sockets[1].sent.map(({{view}}) => view), heard];
    }}"""
    assert run(body) == [[1], ["connecting", "ready", "away", "ready"]]


ASKER = """
  let state = {
    data: {run: {name: "a", has_network: true}}, probes: {labels: [7, 7]}, image: 0, index: 0, siteIndex: 0,
    trace: {step: [800], probabilities: () => [0.5], probeLoss: () => 1},
    site: {family: "affine", options: {}}, rule: {}, mode: "hand", hand: {family: "affine", points: null},
  };
  const set = (change) => { state = {...state, ...(typeof change === "function" ? change(state) : change)}; };
  const asker = m.asker.createAsker(set);
  asker.connect("/live");
  const [socket] = sockets;
  socket.hear({state: "ready"});
  const shown = (theta = [1]) => {
    const {probabilities, stale} = asker.answer(state, {theta});
    return [probabilities, stale];
  };
"""


def test_an_answer_about_another_image_is_not_shown(run) -> None:
    body = f"""(m) => {{{ASKER}
      const before = shown();
      socket.hear({{id: 1, answer: {{probabilities: [0.9], loss: 0, snapshot: 800}}}});
      const now = shown(), moved = shown([2]);
      set({{image: 1}});
      return [before, now, moved, shown()];
    }}"""
    assert run(body) == [[None, True], [[0.9], False], [[0.9], False], [None, True]]


def test_a_network_whose_grid_is_of_no_family_is_asked_about_a_picture_under_its_own_rule(run) -> None:
    body = f"""(m) => {{{ASKER}
      const raw = {{family: null, options: {{}}, kernel: "bilinear", padding: "zeros", align_corners: false}};
      const U = {{data: new Float32Array(4), channels: 1, height: 2, width: 2}};
      const picture = {{U, name: "sign", label: -1, theta: null}};
      const rule = {{kernel: "bilinear", padding: "zeros", align_corners: false}};
      set({{site: raw, rule, mode: "network", hand: null, picture, probes: {{labels: [7], image: () => U}}}});
      const ask = () => asker.answer(state, {{theta: null}});
      ask();
      const {{lens, view, U: sent}} = socket.sent[0];
      socket.hear({{id: 1, answer: {{probabilities: [0.9], loss: null, theta: null, snapshot: 800}}}});
      const {{probabilities, source}} = ask();
      set({{rule: {{...rule, padding: "border"}}}});
      return [lens, view.theta, sent.shape, probabilities, source, ask().source];
    }}"""
    lens, theta, shape, probabilities, source, other = run(body)
    assert (lens, theta, shape, probabilities) == ("predictions", None, [1, 2, 2], [0.9])
    assert source == "weights of step 800"
    assert "under its own rule" in other


def test_a_network_that_is_closed_says_why_and_is_not_asked(run) -> None:
    body = f"""(m) => {{{ASKER}
      set({{data: {{run: {{name: "a", has_network: false, closed: "It is code."}}}}}});
      const {{source, probabilities}} = asker.answer(state, {{theta: [1]}});
      return [source, probabilities, socket.sent.length];
    }}"""
    assert run(body) == ["It is code.", None, 0]


def test_an_answer_that_does_not_come_makes_the_one_before_it_old(run) -> None:
    body = f"""async (m) => {{{ASKER}
      shown();
      socket.hear({{id: 1, answer: {{probabilities: [0.9], loss: 0, snapshot: 800}}}});
      shown([2]);
      await new Promise((done) => setTimeout(done, 400));
      const waited = shown([2]);
      socket.hear({{id: 2, answer: {{probabilities: [0.8], loss: 0, snapshot: 800}}}});
      return [waited, shown([2])];
    }}"""
    assert run(body) == [[[0.9], True], [[0.8], False]]


def test_python_is_told_what_moved_since_it_handed_over_and_never_while_it_moves(run) -> None:
    body = """async (m) => {
      const told = [];
      const teller = m.teller.createTeller({setState: (name, view) => told.push(view.step)}, () => {});
      const later = (step, busy) => teller.later({run: "a", image: 0, step, align_corners: null}, () => "", busy);
      const rest = () => new Promise((done) => setTimeout(done, 300));
      later(1, false);
      await rest();
      later(2, true);
      await rest();
      const moving = [...told];
      later(3, false);
      await rest();
      return [moving, told, new URLSearchParams(location.search).get("step")];
    }"""
    assert run(body) == [[], [3], "3"]


def test_a_move_before_the_first_rest_is_told_too(run) -> None:
    body = """async (m) => {
      const told = [];
      const teller = m.teller.createTeller({setState: (name, view) => told.push(view.step)}, () => {});
      for (const step of [1, 2]) teller.later({run: "a", image: 0, step, align_corners: null}, () => "", false);
      await new Promise((done) => setTimeout(done, 300));
      return told;
    }"""
    assert run(body) == [2]


def test_an_image_is_one_object_and_a_trace_without_classes_has_no_probabilities(page, serve, run) -> None:
    files = {
        "probes": pack({"U": np.zeros((2, 1, 3, 3), np.uint8), "labels": np.array([-1, 4], np.int32)}),
        "trace": pack(
            {
                "step": np.array([0], np.float32),
                "loss": np.array([np.nan], np.float32),
                "error": np.array([np.nan], np.float32),
                "probe_loss": np.full((1, 2), np.nan, np.float32),
                "probabilities": np.zeros((1, 2, 0), np.float32),
            }
        ),
    }
    page.route(
        "http://stage.test/asset/*",
        lambda route: route.fulfill(
            content_type="application/octet-stream", body=files[route.request.url.rsplit("/", 1)[1]]
        ),
    )
    body = """async (m) => {
      const data = {routes: {asset: "/asset/"}, assets: {probes: "probes", trace: "trace", bases: []}, sites: []};
      const {probes, trace} = await m.load.loadRun(data);
      return [probes.image(1) === probes.image(1), trace.probabilities(0, 1), trace.theta(0, 0, 0), trace.count];
    }"""
    assert run(body) == [True, None, None, 1]
