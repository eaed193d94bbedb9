"""Charts for plotly: numbers in, figures out. Colours and axes mean what they mean on the stage."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from stn_viz.lens import ThetaOfAll, ThetaOverTime

HEIGHT = 260
MARGIN = {"l": 44, "r": 10, "t": 22, "b": 24}
MOST_PANELS = 8
EVERYONE = "everyone"
"""Marks the points of the lines of all images, for whoever reads a click."""


@dataclass(frozen=True)
class Ink:
    """Colours of one theme: the network's blue as on the stage, the truth grey, the playhead in the text's colour."""

    network: str
    truth: str
    text: str
    line: str


@dataclass(frozen=True)
class Click:
    """A step, as training counts them, and the image whose line was clicked; None is the one that is shown."""

    step: int
    image: int | None


LIGHT = Ink(network="#0072B2", truth="#6b7480", text="#1b2430", line="#dfe3ea")
DARK = Ink(network="#56B4E9", truth="#9aa4b1", text="#e8ecf1", line="#323b47")


def theta_over_time(
    series: ThetaOverTime, *, ink: Ink, counter: str = "step", everyone: ThetaOfAll | None = None
) -> go.Figure:
    """One small panel for each gauge unit over the recorded steps, two rows that share x. `playheads` go over it.

    x counts records, as on the stage's timeline: they are dense early, and so get the room that early training needs.
    More entries than panels are told apart in (a thin plate spline's) share one panel. With `everyone` the lines of all
    images lie below the one of the series, and their median. A click selects one point: `clicked` reads which.
    """
    count = len(series.names)
    panels = [[entry] for entry in range(count)] if count <= MOST_PANELS else [list(range(count))]
    titles = series.names if count <= MOST_PANELS else (f"all {count} entries of theta",)
    columns = -(-len(panels) // 2) if len(panels) > 3 else len(panels)
    rows = -(-len(panels) // columns)
    figure = make_subplots(
        rows=rows,
        cols=columns,
        shared_xaxes="all",
        horizontal_spacing=0.07,
        vertical_spacing=0.14,
        subplot_titles=titles,
    )
    for index, entries in enumerate(panels):
        place = {"row": index // columns + 1, "col": index % columns + 1}
        shown = series.values[:, entries]
        if everyone is not None and len(entries) == 1:
            _add_everyone(figure, series, everyone, entries[0], ink=ink, place=place)
            shown = np.append(shown, everyone.values[:, :, entries])
        for entry in entries:
            _add_lines(figure, series, entry, ink=ink, counter=counter, place=place)
        unit = series.units[entries[0]]
        truth: NDArray[np.float64] | list[float] = [] if series.pose is None else series.pose[entries]
        figure.update_yaxes(range=_room(np.append(shown, truth), unit), ticksuffix=unit, **place)
    places, labels = step_labels(series.steps)
    figure.update_xaxes(tickvals=places, ticktext=labels, showgrid=False, zeroline=False, color=ink.truth)
    figure.update_xaxes(tickfont={"size": 11}).update_yaxes(tickfont={"size": 11})  # three panels abreast on a phone
    figure.update_xaxes(range=_span(series), fixedrange=True, automargin=False)
    figure.update_yaxes(nticks=4, zeroline=False, gridcolor=ink.line, color=ink.truth)
    figure.update_yaxes(fixedrange=True, automargin=False)
    figure.update_annotations(font={"size": 13, "color": ink.text})
    figure.update_layout(
        height=HEIGHT,
        margin=MARGIN,
        showlegend=False,
        # Without other lines every click in a panel is one on the curve, at the step above or below the pointer.
        hovermode="x" if everyone is None else "closest",
        hoverdistance=-1 if everyone is None else 40,
        dragmode=False,
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        uirevision="theta over time",
    )
    return figure


def playheads(figure: go.Figure, series: ThetaOverTime, *, step: int, ink: Ink) -> str:
    """A line at `step` in each panel, as HTML to be laid over the chart, which is as wide as what holds both.

    Streamlit mounts a chart anew for any change of its figure, so a playhead of the figure's own would blank it.
    """
    record = max(0, int(np.searchsorted(series.steps, step, side="right")) - 1)
    low, high = _span(series)
    across, down = MARGIN["l"] + MARGIN["r"], HEIGHT - MARGIN["t"] - MARGIN["b"]
    lines = []
    for axis in figure.select_xaxes():
        left, right = axis.domain
        foot, top = figure.layout[axis.anchor.replace("y", "yaxis")].domain
        share = left + (right - left) * (record - low) / (high - low)
        lines.append(
            f'<i style="position:absolute;left:calc({MARGIN["l"]}px + (100% - {across}px) * {share:.5f} - 1px);'
            f"top:{MARGIN['t'] + down * (1 - top):.1f}px;height:{down * (top - foot):.1f}px;width:2px;"
            f'background:{ink.text}"></i>'
        )
    return f'<div class="playheads" data-record="{record}" aria-hidden="true">{"".join(lines)}</div>'


def clicked(points: Sequence[Mapping[str, Any]], series: ThetaOverTime, everyone: ThetaOfAll | None) -> Click | None:
    """Which step was clicked, and of which image; image None is the one of the series. None where it was no curve."""
    for point in points:
        x, index = point.get("x"), point.get("point_index", point.get("pointIndex"))
        if not isinstance(x, int | float) or not 0 <= round(x) < len(series.steps):
            continue
        step = int(series.steps[round(x)])
        if point.get("legendgroup") != EVERYONE or everyone is None or not isinstance(index, int):
            return Click(step, None)
        return Click(step, min(max(index, 0) // (len(everyone.records) + 1), everyone.values.shape[1] - 1))
    return None


# A line is selected by its points, and these are not drawn: neither as they are nor when one of them is selected.
_UNSEEN = {
    "marker": {"opacity": 0, "size": 6, "maxdisplayed": 1},
    "selected": {"marker": {"opacity": 0}},
    "unselected": {"marker": {"opacity": 0}},
}


def _add_everyone(
    figure: go.Figure, series: ThetaOverTime, everyone: ThetaOfAll, entry: int, *, ink: Ink, place: dict[str, int]
) -> None:
    """One entry's curves of all images, as a single trace that is broken between them, and their median."""
    name, unit = series.names[entry], series.units[entry]
    values = everyone.values[:, :, entry].T
    n, R = values.shape
    figure.add_scatter(
        x=np.tile(np.append(everyone.records, -1).astype(np.int16 if len(series.steps) < 2**15 else np.int32), n),
        y=np.concatenate([values, np.full((n, 1), np.nan)], 1).astype(np.float32).ravel(),
        customdata=np.repeat(np.arange(n, dtype=np.int16 if n < 2**15 else np.int32), R + 1),
        mode="lines+markers",
        line={"color": ink.network, "width": 1},
        opacity=max(0.25, min(0.5, 8 / n)),  # of one path: crossings do not add up
        name="all images",
        legendgroup=EVERYONE,
        hovertemplate=f"image %{{customdata}}<br>{name} %{{y:.3~f}}{unit}<extra></extra>",
        **_UNSEEN,
        **place,
    )
    figure.add_scatter(
        x=everyone.records,
        y=everyone.median[:, entry],
        mode="lines",
        line={"color": ink.text, "width": 1.5, "dash": "dot"},
        name="median",
        hoverinfo="skip",
        **place,
    )


def _add_lines(
    figure: go.Figure, series: ThetaOverTime, entry: int, *, ink: Ink, counter: str, place: dict[str, int]
) -> None:
    """One entry's curve, and its truth as a dashed line where that is known."""
    name, unit = series.names[entry], series.units[entry]
    records = np.arange(len(series.steps))
    truth = ""
    if series.pose is not None:
        truth = f" (true {series.pose[entry]:.3g}{unit})"
        figure.add_scatter(
            x=records[[0, -1]],
            y=np.repeat(series.pose[entry], 2),
            mode="lines",
            line={"color": ink.truth, "width": 1.5, "dash": "dash"},
            name="true pose",
            hoverinfo="skip",
            **place,
        )
    figure.add_scatter(
        x=records,
        y=series.values[:, entry],
        customdata=series.steps,
        mode="lines+markers",
        line={"color": ink.network, "width": 2 if len(series.names) <= MOST_PANELS else 1},
        name=name,
        hovertemplate=f"{counter} %{{customdata:,}}<br>{name} %{{y:.3~f}}{unit}{truth}<extra></extra>",
        **_UNSEEN,
        **place,
    )


def _span(series: ThetaOverTime) -> tuple[float, float]:
    """The range of x: the records, and room for a line at the first and the last."""
    edge = 0.004 * len(series.steps)
    return -edge, len(series.steps) - 1 + edge


def step_labels(steps: NDArray[np.int64]) -> tuple[list[int], list[str]]:
    """Where to write which step: the first, the decades between, the last; no two closer than a fifth of the axis."""
    last = len(steps) - 1
    places = [0]
    decade = 10
    while decade < steps[last]:
        place = int(np.searchsorted(steps, decade))
        if min(place - places[-1], last - place) > last / 5:
            places.append(place)
        decade *= 10
    places += [last] if last else []
    return places, [f"{steps[place]:,}" for place in places]


def _room(values: NDArray[np.float64], unit: str) -> tuple[float, float]:
    """A range that holds the curve and its truth, and never so narrow that float noise looks like training."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return -1.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    least = 10.0 if unit == "°" else 0.2
    pad = max(0.08 * (high - low), (least - (high - low)) / 2)
    return low - pad, high + pad
