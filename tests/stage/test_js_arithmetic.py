"""What a person types as a number: Python reckons the same."""

import math

import pytest

EVALUATE = "(m, t, text, unit) => m.arithmetic.evaluate(text, unit)"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("pi/6", math.pi / 6),
        ("2/3", 2 / 3),
        ("30deg", math.radians(30)),
        ("30°", math.radians(30)),
        ("−1,5", -1.5),
        ("-2^2", -4),
        ("2**-1", 0.5),
        ("2^3^2", 512),
        ("8-2-1", 5),
        ("8/2/2", 2),
        ("1 + 2*3", 7),
        ("(1+2)*3", 9),
        ("2π", 2 * math.pi),
        ("2×3", 6),
        ("2 x 3", 6),
        ("6÷4", 1.5),
        ("sqrt(2)/2", math.sqrt(2) / 2),
        ("√2", math.sqrt(2)),
        ("sin(30°)", 0.5),
        ("cos(pi/3)", 0.5),
        ("tan 45°", 1),
        ("1.5e-3", 0.0015),
        (".5", 0.5),
        ("3²", 9),
        ("--1", 1),
        ("1.5×", 1.5),
    ],
)
def test_arithmetic_is_pythons(numbers, text, value) -> None:
    assert numbers.call(EVALUATE, text, None) == {"value": pytest.approx(value, abs=1e-12), "problem": None}


@pytest.mark.parametrize(
    ("text", "degrees"),
    [
        ("30", 30),
        ("30°", 30),
        ("30 deg", 30),
        ("pi/6", 30),
        ("0.5 rad", math.degrees(0.5)),
        ("90 + 30deg", 120),
        ("2*45°", 90),
        ("180*sin(pi/6)", 90),  # what a sine takes says nothing about what it gives
        ("pi + 90deg", 270),
    ],
)
def test_where_degrees_are_asked_for_pi_and_rad_say_radians(numbers, text, degrees) -> None:
    assert numbers.call(EVALUATE, text, "deg")["value"] == pytest.approx(degrees, abs=1e-9)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "it is empty"),
        ("1/0", "it divides by 0"),
        ("sqrt(-1)", "it has no finite value"),
        ("1e999", "it has no finite value"),
        ("(1", "a bracket is not closed"),
        ("1)", "“)” is left over"),
        ("2//3", "“/” stands where a number should"),
        ("0.1.2", "“0.2” is left over"),
        ("1+", "it ends too early"),
        ("sqrt", "it ends too early"),
        ("constructor", "“constructor” is no name known here: there are pi, sqrt, sin, cos, tan, deg and rad"),
        ("1; alert(1)", "“; alert(1)” means nothing here"),
        ("(" * 300, "it has 300 characters, and 200 is the most"),
    ],
)
def test_what_is_no_number_is_told_where_it_fails(numbers, text, problem) -> None:
    assert numbers.call(EVALUATE, text, None) == {"value": None, "problem": problem}
