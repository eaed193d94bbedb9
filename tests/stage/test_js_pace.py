"""How finely V is sampled while frames follow one another (state/pace.js), by a clock of the test's own."""

import pytest

PRELUDE = """async () => {
  const {createPace} = await import("/state/pace.js");
  window.clock = 1000;
  window.full = 0;
  window.pace = createPace(() => { full++; }, () => clock);
  /** Frames of `work` ms each, `every` ms apart, after a rest of `rest` ms: their strides. */
  window.frames = (count, work, every, what = "a", pixels = 224 * 224, moving = true) => {
    clock += 500;
    return Array.from({length: count}, () => {
      const from = clock;
      const stride = pace.begin(what, pixels, moving);
      clock = from + (typeof work === "function" ? work(stride) : work);
      pace.end(stride);
      clock = from + every;
      return stride;
    });
  };
}"""


@pytest.fixture
def frames(page, serve):
    serve(page)
    page.evaluate(PRELUDE)
    return lambda *args: page.evaluate(f"() => frames({', '.join(args)})")


def test_cheap_frames_are_full(frames) -> None:
    assert frames("100", "4", "17") == [1] * 100


def test_a_single_frame_after_a_rest_is_full_however_dear(frames) -> None:
    assert frames("1", "80", "17") == [1]
    assert frames("1", "80", "17") == [1]


def test_dear_frames_are_thinned_until_they_are_cheap_and_no_further(frames) -> None:
    strides = frames("60", "(stride) => 20 / stride ** 2", "17")
    assert strides[:2] == [1, 2]
    assert set(strides[2:]) == {2}  # 5 ms: neither dear nor cheap


def test_what_was_learned_holds_for_the_next_gesture_on_the_same_picture_alone(frames) -> None:
    frames("10", "(stride) => 20 / stride ** 2", "17")
    assert frames("3", "(stride) => 20 / stride ** 2", "17") == [1, 2, 2]
    assert frames("3", "4", "17", "'another'") == [1, 1, 1]


def test_frames_that_come_late_are_thinned_although_their_own_work_is_small(frames) -> None:
    strides = frames("30", "4", "40")
    assert strides[0] == 1
    assert strides[-1] == 4


def test_a_small_picture_is_never_thinned(frames) -> None:
    assert frames("30", "30", "40", "'a'", "28 * 28") == [1] * 30


def test_what_nothing_moves_is_full_however_dear(frames) -> None:
    frames("10", "(stride) => 20 / stride ** 2", "17")
    assert frames("5", "20", "17", "'a'", "224 * 224", "false") == [1] * 5


def test_after_a_thin_frame_the_full_picture_is_asked_for_once(frames, page) -> None:
    frames("10", "(stride) => 20 / stride ** 2", "17")
    page.wait_for_function("full === 1", timeout=5000)
    assert frames("1", "20", "17") == [1]
