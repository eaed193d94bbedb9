"""A view survives the URL and the wire, and what is broken in either is named or dropped field by field."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as some

from stn_viz.view import (
    AREAS,
    DEFAULT_POINTS,
    FAMILIES,
    KERNELS,
    PADDINGS,
    POINTS,
    VOLUME_FAMILIES,
    View,
    ViewError,
    families,
)

DEFAULT = View(run="rts", image=3, step=800)

numbers = some.floats(-1000, 1000)


def entries(family: str | None, points: int | None) -> int | None:
    return 2 * points**2 if points is not None else FAMILIES.get(family or "", 6)


@some.composite
def views(draw) -> View:
    family = draw(some.none() | some.sampled_from(sorted(FAMILIES)))
    points = draw(some.sampled_from(POINTS[family])) if family in POINTS else None
    count = entries(family, points)
    return View(
        run=draw(some.text(min_size=1, max_size=40)),
        image=draw(some.integers(0, 2**31)),
        step=draw(some.integers(0, 2**40)),
        site=draw(some.integers(0, 9)),
        family=family,
        points=points,
        theta=draw(some.none() | some.lists(numbers, min_size=count, max_size=count).map(tuple)),
        kernel=draw(some.none() | some.sampled_from(KERNELS)),
        padding=draw(some.none() | some.sampled_from(PADDINGS)),
        align_corners=draw(some.none() | some.booleans()),
        grid_align=draw(some.none() | some.booleans()),
        size=draw(some.none() | some.tuples(some.integers(1, 1024), some.integers(1, 1024))),
        area=draw(some.none() | some.sampled_from(AREAS)),
        picture=draw(some.none() | some.from_regex(r"[A-Za-z0-9:._,-]{1,120}", fullmatch=True)),
        lens=draw(some.none() | some.sampled_from(["rules", "numbers"])),
        way=draw(some.none() | some.integers(0, 1000).map(lambda thousandths: thousandths / 1000)),
        slice=draw(some.none() | some.integers(0, 4096)),
    )


@given(views())
def test_a_message_brings_back_the_very_view(view):
    assert View.from_message(json.loads(json.dumps(view.to_message()))) == view


@given(views())
def test_a_link_brings_back_the_view_with_theta_to_six_digits(view):
    back = View.from_query(view.to_query(), DEFAULT)
    if view.theta is not None:
        assert back.theta == pytest.approx(view.theta, rel=1e-5)
        assert back.to_query() == view.to_query()
    assert (back.run, back.image, back.step, back.site) == (view.run, view.image, view.step, view.site)
    assert (back.family, back.points) == (view.family, view.points)
    assert (back.kernel, back.padding, back.align_corners) == (view.kernel, view.padding, view.align_corners)
    assert (back.grid_align, back.size, back.area) == (view.grid_align, view.size, view.area)
    assert (back.picture, back.lens, back.way) == (view.picture, view.lens, view.way or None)
    assert back.slice == view.slice


def test_a_link_holds_only_what_was_changed():
    assert View(run="rts", image=2, step=40).to_query() == {"run": "rts", "image": "2", "step": "40"}
    shown = View(run="r", theta=(0.5, 0.0, 1 / 3, 0.0, 0.5, -1e-7), kernel="bicubic", align_corners=False)
    assert shown.to_query() == {
        "run": "r",
        "image": "0",
        "step": "0",
        "theta": "0.5,0,0.333333,0,0.5,-1e-07",
        "kernel": "bicubic",
        "align": "0",
    }
    looked_at = View(run="r", grid_align=True, size=(28, 35), area=2, picture="mnist:12", lens="rules", way=0.25)
    assert looked_at.to_query() == {
        "run": "r",
        "image": "0",
        "step": "0",
        "galign": "1",
        "size": "28x35",
        "area": "2",
        "picture": "mnist:12",
        "lens": "rules",
        "way": "0.25",
    }


@pytest.mark.parametrize(
    ("link", "field", "value"),
    [
        ({}, "run", "rts"),
        ({"run": ""}, "run", "rts"),
        ({"run": "x" * 1000}, "run", "rts"),
        ({"image": "-1"}, "image", 3),
        ({"image": "two"}, "image", 3),
        ({"image": "1e3"}, "image", 3),
        ({"image": "9" * 5000}, "image", 3),
        ({"step": "1.5"}, "step", 800),
        ({"step": "１２"}, "step", 800),  # digits, but not ours
        ({"site": "x"}, "site", 0),
        ({"family": "spline"}, "family", None),
        ({"family": "../../etc"}, "family", None),
        ({"family": "tps", "points": "99"}, "points", 4),
        ({"theta": "1,0,nan,0,1,0"}, "theta", None),
        ({"theta": "1,0,inf,0,1,0"}, "theta", None),
        ({"theta": "1,0,,0,1,0"}, "theta", None),
        ({"theta": ",".join(["0"] * 5000)}, "theta", None),
        ({"theta": "1,0,0", "family": "affine"}, "theta", None),
        ({"theta": "1,0,0,0,1,0", "family": "bogus"}, "theta", None),
        ({"theta": "1,0,0,0,1,0", "family": "tps"}, "theta", None),
        ({"kernel": "lanczos"}, "kernel", None),
        ({"padding": "wrap"}, "padding", None),
        ({"align": "yes"}, "align_corners", None),
        ({"family": "tps"}, "points", 4),
        ({"family": "free"}, "points", 9),
        ({"family": "free", "points": "4"}, "points", 9),
        ({"family": "free", "points": "4", "theta": ",".join(["0"] * 162)}, "theta", None),
        ({"family": "tps", "points": "9", "theta": ",".join(["0"] * 32)}, "theta", None),
        ({"galign": "2"}, "grid_align", None),
        ({"size": "28"}, "size", None),
        ({"size": "28x"}, "size", None),
        ({"size": "0x28"}, "size", None),
        ({"size": "28x1025"}, "size", None),
        ({"size": "28x28x28"}, "size", None),
        ({"size": "28x-1"}, "size", None),
        ({"area": "3"}, "area", None),
        ({"area": "two"}, "area", None),
        ({"picture": "../etc/passwd"}, "picture", None),
        ({"picture": "x" * 121}, "picture", None),
        ({"picture": ""}, "picture", None),
        ({"lens": "<b>"}, "lens", None),
        ({"way": "1.5"}, "way", None),
        ({"way": "nan"}, "way", None),
        ({"way": "-0.1"}, "way", None),
    ],
)
def test_a_broken_field_of_a_link_falls_back_alone(link, field, value):
    good = {"run": "mine", "image": "7", "step": "12", "kernel": "nearest", "padding": "border", "align": "1"}
    view = View.from_query(good | link, DEFAULT) if link else View.from_query({}, DEFAULT)
    assert getattr(view, field) == value
    if link:
        untouched = {"run": "mine", "image": 7, "step": 12, "kernel": "nearest", "padding": "border"}
        changed = {"align_corners" if name == "align" else name for name in link}
        assert {name: getattr(view, name) for name in untouched if name not in changed} == {
            name: value for name, value in untouched.items() if name not in changed
        }


NAMES = [*View("r").to_message(), "align", "galign"]


@given(some.dictionaries(some.sampled_from(NAMES), some.text(max_size=9)))
def test_no_link_raises(link):
    View.from_query(link, DEFAULT)


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        (None, r"A view is an object with a run, an image and a step, not None\."),
        ([1], r"A view is an object .* not list\."),
        ({}, "A view needs the name of a run"),
        ({"run": None}, "A view needs the name of a run"),
        ({"run": 3}, r"run is 3; it must be a name"),
        ({"run": "r", "path": "/etc"}, r"A view has no field 'path'; it has run, image, step"),
        ({"run": "r", "image": True}, r"image is True; it must be a whole number from 0 up"),
        ({"run": "r", "image": -1}, r"image is -1;"),
        ({"run": "r", "image": 1.5}, r"image is 1\.5;"),
        ({"run": "r", "step": float("nan")}, r"step is nan;"),
        ({"run": "r", "step": 10**400}, r"step is a very long number;"),
        ({"run": "r", "points": 10}, r"points is 10; it must be 2 to 9 control points a side"),
        ({"run": "r", "points": 9, "family": "tps"}, r"points is 9; it must be 2 to 8 control points .* family 'tps'"),
        ({"run": "r", "points": 4, "family": "free"}, r"points is 4; it must be 5 to 9 .* for family 'free'\."),
        ({"run": "r", "family": "a/b"}, r"family is 'a/b'; it must be the name of a family"),
        ({"run": "r", "theta": []}, r"theta is list; it must be a list of 1 to 162 numbers"),
        ({"run": "r", "theta": [0, float("nan")]}, r"theta\[1\] is nan; it must be a finite number up to 1,000,000"),
        ({"run": "r", "theta": [float("-inf")]}, r"theta\[0\] is -inf;"),
        ({"run": "r", "theta": [10**400]}, r"theta\[0\] is a very long number;"),
        ({"run": "r", "theta": ["1"]}, r"theta\[0\] is '1';"),
        ({"run": "r", "theta": [True]}, r"theta\[0\] is True;"),
        ({"run": "r", "theta": 0.5}, r"theta is 0\.5;"),
        ({"run": "r", "kernel": "lanczos"}, r"kernel is 'lanczos'; it must be one of nearest, bilinear, bicubic\."),
        ({"run": "r", "padding": "x" * 60000}, r"padding is 'x{40}'; it must be one of zeros, border, reflection\."),
        ({"run": "r", "align_corners": 1}, r"align_corners is 1; it must be one of True, False\."),
        ({"run": "r", "grid_align": "1"}, r"grid_align is '1'; it must be one of True, False\."),
        ({"run": "r", "size": [28]}, r"size is list; it must be V's height and width, each from 1 to 1024 pixels\."),
        ({"run": "r", "size": [28, 28.5]}, r"size is list; it must be V's height"),
        ({"run": "r", "size": [10**400, 2]}, r"size is list; it must be V's height"),
        ({"run": "r", "size": [28, 1025]}, r"size is 28x1025; it must be V's height"),
        ({"run": "r", "size": "28x28"}, r"size is '28x28'; it must be V's height"),
        ({"run": "r", "area": 3}, r"area is 3; it must be one of 1, 2, 4\."),
        ({"run": "r", "area": True}, r"area is True; it must be one of 1, 2, 4\."),
        ({"run": "r", "picture": "a b"}, r"picture is 'a b'; it must be up to 120 letters, digits and : \. _ , -"),
        ({"run": "r", "picture": 7}, r"picture is 7;"),
        ({"run": "r", "lens": "Rules"}, r"lens is 'Rules'; it must be the name of a lens, such as rules\."),
        ({"run": "r", "way": 2}, r"way is 2; it must be a number from 0 to 1\."),
        ({"run": "r", "way": True}, r"way is True;"),
    ],
)
def test_a_broken_message_is_answered_with_a_sentence(message, sentence):
    with pytest.raises(ViewError, match=sentence):
        View.from_message(message)


def test_whole_numbers_may_come_as_floats_as_some_browsers_send_them():
    assert View.from_message({"run": "r", "image": 2.0, "theta": [1, 0.5]}) == View("r", image=2, theta=(1.0, 0.5))


def test_the_offered_families_are_the_transformers_own():
    from stn_viz.transformer import FAMILIES as REGISTRY
    from stn_viz.transformer import VOLUME_FAMILIES as OVER_VOLUMES
    from stn_viz.transformer import family

    assert list(FAMILIES) == list(families(2)) == list(REGISTRY)
    assert list(VOLUME_FAMILIES) == list(families(3)) == list(OVER_VOLUMES)
    for name, count in VOLUME_FAMILIES.items():
        assert len(family(name, size=(3, 4, 5), align_corners=False).parameter_names) == count
    for name, count in FAMILIES.items():
        made = family(name, size=(4, 5), align_corners=False)
        assert len(made.parameter_names) == (2 * DEFAULT_POINTS[name] ** 2 if count is None else count)
        for points in POINTS.get(name, ()):
            assert len(family(name, size=(4, 5), align_corners=False, points=points).parameter_names) == 2 * points**2
        if name in POINTS:
            for points in (POINTS[name][0] - 1, POINTS[name][-1] + 1):
                with pytest.raises(ValueError, match="control points a side"):
                    family(name, size=(4, 5), align_corners=False, points=points)
