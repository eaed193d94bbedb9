"""The form's live picture as SVG and HTML: U with the grid over it, V, theta. Colours mean what they mean on the stage.

A drawing for the eye while a form is filled in, without torch and without the stage's script; the run itself is then
drawn by the stage.
"""

import base64
import io
from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from stn_viz.foreign import Choices
from stn_viz.pages.cards import texts

HALF = 1.34  # of U's view, as on the stage (ink/viewport.js)
WIDEST = 3.0  # a grid that leaves even this is cut at the frame; the sentence says what is wrong
LINES = 13
EDGES = {"top": "#d55e00", "right": "#cc79a7", "bottom": "#009e73", "left": "#e69f00"}
GRID = "#56b4e9"


def drawn(
    U: NDArray[np.float32],
    V: NDArray[np.float32],
    grid: NDArray[np.float32],
    *,
    theta: NDArray[np.float32],
    family: str | None,
    choices: Choices,
) -> str:
    """U with the grid over it, V and theta, as one piece of HTML.

    Of volumes the middle slices are shown, without a grid.

    Shapes: U (C, h, w) and V (C, h', w'), as the network has them; grid (h', w', 2), normalised; theta (P,), empty
            where it is of no family; a side more for volumes.
    """
    if U.ndim == 4:
        U, V, grid = U[:, U.shape[1] // 2], V[:, V.shape[1] // 2], grid[:0, :0, 0, :2]
    return (
        '<div class="stn-preview">'
        f"<figure><figcaption><b>U</b>{_size(U)}</figcaption>{_input(U, grid, choices)}</figure>"
        f'<figure class="v"><figcaption><b>V</b>{_size(V)}</figcaption>{_output(V, choices)}</figure></div>'
        f"{matrix(theta, family)}"
    )


def shown(picture: NDArray[np.float32], choices: Choices) -> NDArray[np.uint8]:
    """A picture as it looks: the preparation undone. Shapes: (C, h, w) -> (h, w) or (h, w, 3) bytes.

    With a number of channels that no screen has, the first is shown, from its darkest to its brightest value.
    """
    channels = len(picture)
    if channels not in (1, 3):
        picture = picture[:1]
        low, high = float(np.nanmin(picture)), float(np.nanmax(picture))
        P = (picture - low) / max(high - low, 1e-6)
    else:
        std = _by_channel(choices.std, 1.0, channels)
        mean = _by_channel(choices.mean, 0.0, channels)
        P = (picture * std + mean) / choices.value_range
        if choices.channel_order == "bgr" and channels == 3:
            P = P[::-1]
    levels = np.nan_to_num(P * 255).clip(0, 255).round().astype(np.uint8)
    return levels[0] if len(levels) == 1 else np.moveaxis(levels, 0, -1)


def matrix(theta: NDArray[np.float32], family: str | None) -> str:
    """Theta as it is written: a matrix where the family has one, else its numbers in rows."""
    if not len(theta):
        return texts(["The grid is of no family that we know, so there is no theta: the grid itself is followed."])
    entries = [_number(value) for value in theta.tolist()]
    rows = _rows(entries, family)
    cells = "".join("<tr>" + "".join(f"<td>{entry}</td>" for entry in row) + "</tr>" for row in rows[:6])
    more = f'<p class="stn-text muted">and {len(rows) - 6} rows more</p>' if len(rows) > 6 else ""
    name = f"theta, {family}" if family else "theta"
    return f'<div class="stn-theta"><div class="stn-muted">{name}</div><table>{cells}</table>{more}</div>'


def _rows(theta: Sequence[str], family: str | None) -> list[Sequence[str]]:
    if family == "affine" and len(theta) == 6:
        return [theta[:3], theta[3:]]
    if family == "affine3" and len(theta) == 12:
        return [theta[:4], theta[4:8], theta[8:]]
    if family == "attention" and len(theta) == 3:
        return [[theta[0], "0", theta[1]], ["0", theta[0], theta[2]]]
    if family == "similarity" and len(theta) == 4:
        a, b, x, y = theta
        return [[a, _negative(b), x], [b, a, y]]
    if family == "translation" and len(theta) == 2:
        return [["1", "0", theta[0]], ["0", "1", theta[1]]]
    if family == "projective" and len(theta) == 8:
        return [theta[:3], theta[3:6], [*theta[6:], "1"]]
    return [theta[start : start + 8] for start in range(0, len(theta), 8)]


def _number(value: float) -> str:
    words = f"{value:+.3f}" if abs(value) < 1000 else f"{value:+.3g}"
    return words.replace("-", "−") if float(words) else words[1:]


def _negative(entry: str) -> str:
    return {"−": "+", "+": "−"}.get(entry[:1], "") + entry.lstrip("+−")


def _size(picture: NDArray[np.float32]) -> str:
    return f"<span>{picture.shape[-2]} × {picture.shape[-1]}</span>"  # as the form has it


def _input(U: NDArray[np.float32], grid: NDArray[np.float32], choices: Choices) -> str:
    """The picture with a margin around it where the grid can go, in units of its longer side's half."""
    h, w = U.shape[-2:]
    sides = (w / max(h, w), h / max(h, w))
    finite = np.abs(grid[np.isfinite(grid).all(-1)]) if grid.size else np.zeros(1)
    half = max(HALF, min(WIDEST, float(finite.max(initial=0.0)) + 0.05))
    # With align_corners, -1 and 1 are the centres of the outer pixels, so the picture goes on half a pixel further.
    reach = [
        side * (n / max(n - 1, 1) if choices.align_corners else 1.0) for side, n in zip(sides, (w, h), strict=True)
    ]
    x, y = half * sides[0], half * sides[1]
    lines = "".join(
        f'<polyline points="{_points(line, sides)}" stroke="{colour}" stroke-width="{width}"/>'
        for line, colour, width in _lines(grid)
    )
    return _svg(
        (-x, -y, 2 * x, 2 * y),
        f'<rect x="{-x:.3f}" y="{-y:.3f}" width="{2 * x:.3f}" height="{2 * y:.3f}" fill="#888" opacity="0.16"/>'
        f"{_image(U, choices, -reach[0], -reach[1], 2 * reach[0], 2 * reach[1])}"
        f'<g fill="none" stroke-linejoin="round" stroke-linecap="round">{lines}</g>',
        "the first probe image with the sampling grid over it",
    )


def _output(V: NDArray[np.float32], choices: Choices) -> str:
    h, w = V.shape[-2:]
    picture = _image(V, choices, 0, 0, w, h)
    return f'<div class="frame">{_svg((0, 0, w, h), picture, "V, what the sampler gives")}</div>'


def _svg(box: tuple[float, float, float, float], content: str, label: str) -> str:
    """A drawing as an image: st.html takes no other SVG."""
    x, y, width, height = (f"{value:.4f}" for value in box)
    whole = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{x} {y} {width} {height}" '
        f'width="{float(width) / float(height) * 512:.0f}" height="512">{content}</svg>'
    )
    return f'<img alt="{label}" src="data:image/svg+xml;base64,{base64.b64encode(whole.encode()).decode()}">'


def _image(picture: NDArray[np.float32], choices: Choices, x: float, y: float, width: float, height: float) -> str:
    from PIL import Image  # comes with Streamlit

    content = io.BytesIO()
    Image.fromarray(shown(picture, choices)).save(content, "PNG")
    href = f"data:image/png;base64,{base64.b64encode(content.getvalue()).decode()}"
    return (
        f'<image href="{escape(href)}" x="{x:.4f}" y="{y:.4f}" width="{width:.4f}" height="{height:.4f}" '
        'preserveAspectRatio="none" style="image-rendering: pixelated"/>'
    )


def _lines(grid: NDArray[np.float32]) -> list[tuple[NDArray[np.float32], str, float]]:
    """Polylines of the grid with their colours: rows and columns, the four edges last and thicker."""
    H, W = grid.shape[:2]
    if not grid.size:
        return []
    rows = np.unique(np.linspace(0, H - 1, min(LINES, H)).round().astype(int))[1:-1]
    columns = np.unique(np.linspace(0, W - 1, min(LINES, W)).round().astype(int))[1:-1]
    inner = [(grid[row], GRID, 0.008) for row in rows] + [(grid[:, column], GRID, 0.008) for column in columns]
    edges = {"top": grid[0], "right": grid[:, -1], "bottom": grid[-1], "left": grid[:, 0]}
    return inner + [(edges[name], colour, 0.024) for name, colour in EDGES.items()]


def _points(line: NDArray[np.float32], sides: tuple[float, float]) -> str:
    kept = line[np.isfinite(line).all(-1)].clip(-50, 50)
    step = max(1, len(kept) // 48)
    thinned = np.concatenate([kept[::step], kept[-1:]]) if len(kept) else kept
    return " ".join(f"{px * sides[0]:.3f},{py * sides[1]:.3f}" for px, py in thinned.tolist())


def _by_channel(values: tuple[float, ...], neutral: float, channels: int) -> NDArray[np.float32]:
    given = values or (neutral,)
    spread = given * channels if len(given) == 1 else given
    return np.array(spread if len(spread) == channels else (neutral,) * channels, np.float32).reshape(-1, 1, 1)
