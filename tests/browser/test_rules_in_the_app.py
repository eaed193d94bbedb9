"""Families and the sampler's rule, chosen by hand on the page: V is torch's V, and a new family takes the grid over."""

from itertools import product

import numpy as np
import pytest
import torch
from oracle import BYTE, Rule

LATTICE = torch.cartesian_prod(*2 * [torch.linspace(-1, 1, 9, dtype=torch.float64)])
OPTIONS = {"tps": {"points": 4}}
RULES = [
    Rule(*each)
    for each in product(("nearest", "bilinear", "bicubic"), ("zeros", "border", "reflection"), (False, True))
]
SHOWN = {"reflection": "reflect", True: "on", False: "off", "tps": "TPS"}


@pytest.fixture
def skewed(stage):
    """The stage with an affine grid by hand that no smaller family has, and that leaves the image a little."""
    look = stage.look()
    stage.drag(look.handles["top left"], (-20, -14))
    return stage.drag(stage.look().handles["bottom right"], (14, -40))


def choose(stage, rule):
    """Set what differs; the rule in force when the buttons say so."""
    for group, value in (("kernel", rule.kernel), ("outside", rule.padding), ("align corners", rule.align_corners)):
        stage.choose(group, SHOWN.get(value, value))
    wanted = (rule.kernel, SHOWN.get(rule.padding, rule.padding), SHOWN[rule.align_corners])
    stage.until(lambda now: (now.kernel, now.padding, now.align) == wanted, f"the rule {rule}")
    stage.frames()
    return stage.look()


@pytest.mark.parametrize(
    ("name", "rules"),
    [
        # Every rule stands in one of the rows, so every pair of them does somewhere.
        ("affine", RULES[0::6]),
        ("attention", RULES[1::6]),
        ("similarity", RULES[2::6]),
        ("translation", RULES[3::6]),
        ("projective", RULES[4::6]),
        ("tps", RULES[5::6]),
    ],
)
def test_v_is_torchs_for_every_family_under_every_rule(stage, skewed, truth, name, rules):
    options = OPTIONS.get(name, {})
    if name != "affine":
        stage.choose("family", SHOWN.get(name, name))
    stage.until(lambda now: now.family == SHOWN.get(name, name), f"the family {name}")
    for rule in rules:
        look = choose(stage, rule)
        expected = truth.picture(look.image, look.theta, rule, name, **options).numpy()
        settled = truth.settled(look.theta, rule, name, **options)
        assert settled.mean() > 0.9
        np.testing.assert_allclose(look.V[settled] / 255, expected[settled], atol=BYTE, err_msg=f"{name} {rule}")
    told = {"kernel": rule.kernel, "padding": rule.padding, "align": str(int(rule.align_corners)), "family": name}
    defaults = {"kernel": "bilinear", "padding": "zeros", "align": "0", "family": "affine"}
    stage.until_address(lambda query: all(query.get(key, defaults[key]) == told[key] for key in told), f"{told}")
    stage.until_told(look)


@pytest.mark.parametrize("name", ["projective", "tps"])
def test_a_larger_family_takes_the_grid_over_and_gives_it_back(stage, skewed, truth, name):
    stage.choose("family", SHOWN.get(name, name))
    look = stage.until(lambda now: now.family == SHOWN.get(name, name), f"the family {name}")
    assert look.theta.numel() == {"projective": 8, "tps": 32}[name]
    before = truth.points(skewed.theta, LATTICE)
    after = truth.points(look.theta, LATTICE, name, **OPTIONS.get(name, {}))
    torch.testing.assert_close(after, before, atol=1e-3, rtol=0)
    assert np.abs(look.V - skewed.V).max() <= 2
    assert look.mode == "hand"
    stage.choose("family", "affine")
    back = stage.until(lambda now: now.family == "affine", "affine again")
    torch.testing.assert_close(back.theta, skewed.theta, atol=1e-3, rtol=0)


@pytest.mark.parametrize("name", ["attention", "similarity", "translation"])
def test_a_smaller_family_takes_the_nearest_grid(stage, skewed, truth, name):
    stage.choose("family", name)
    look = stage.until(lambda now: now.family == name, f"the family {name}")
    wanted = truth.points(skewed.theta, LATTICE)
    found = truth.points(look.theta, LATTICE, name)
    # Least squares by its definition: what is left stands at right angles to every way the family can move.
    for entry in range(look.theta.numel()):
        moved = look.theta.clone()
        moved[entry] += 1
        way = truth.points(moved, LATTICE, name) - found
        assert abs(float((way * (wanted - found)).sum() / way.norm())) < 1e-2


def test_a_family_is_dragged_within_its_own_freedom(stage, truth):
    stage.choose("family", "projective")
    look = stage.until(lambda now: now.family == "projective", "projective")
    x, y = look.handles["top right"]
    with stage.holding((x, y)) as move:
        look = move(x - 30, y + 22)
    assert np.abs(look.theta[6:].numpy()).max() < 1e3
    np.testing.assert_allclose(look.V / 255, truth.picture(look.image, look.theta, Rule(), "projective"), atol=BYTE)
    stage.press("Control+z")
    look = stage.press("Control+z")
    assert (look.family, look.mode, look.undo) == ("affine", "network", False)


def test_the_network_answers_under_the_rule_that_is_shown(stage, truth):
    look = choose(stage, Rule("nearest", "border", True))
    expected = truth.answer(
        look.image, truth.recorded_theta(look.image, look.index), look.step, Rule("nearest", "border", True)
    )
    stage.until(lambda now: now.known and torch.allclose(now.probabilities, expected, atol=1e-3), f"{expected}")
