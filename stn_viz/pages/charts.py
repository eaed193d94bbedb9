"""Charts for plotly: numbers in, figures out. Colours and axes mean what they mean on the stage."""

from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from stn_viz.lens import ThetaOverTime

HEIGHT = 260
MOST_PANELS = 8


@dataclass(frozen=True)
class Ink:
    """Colours of one theme: the network's blue as on the stage, the truth grey, the playhead in the text's colour."""

    network: str
    truth: str
    text: str
    line: str


LIGHT = Ink(network="#0072B2", truth="#6b7480", text="#1b2430", line="#dfe3ea")
DARK = Ink(network="#56B4E9", truth="#9aa4b1", text="#e8ecf1", line="#323b47")


def theta_over_time(series: ThetaOverTime, *, step: int, ink: Ink, counter: str = "step") -> go.Figure:
    """One small panel for each gauge unit over the recorded steps, two rows that share x; the playhead at `step`.

    x counts records, as on the stage's timeline: they are dense early, and so get the room that early training needs.
    More entries than panels are told apart in (a thin plate spline's) share one panel.
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
        horizontal_spacing=0.05,
        vertical_spacing=0.14,
        subplot_titles=titles,
    )
    playhead = max(0, int(np.searchsorted(series.steps, step, side="right")) - 1)
    for index, entries in enumerate(panels):
        place = {"row": index // columns + 1, "col": index % columns + 1}
        for entry in entries:
            _add_lines(figure, series, entry, ink=ink, counter=counter, place=place)
        figure.add_vline(x=playhead, line={"color": ink.text, "width": 1.5}, **place)
        unit = series.units[entries[0]]
        truth: NDArray[np.float64] | list[float] = [] if series.pose is None else series.pose[entries]
        figure.update_yaxes(range=_room(np.append(series.values[:, entries], truth), unit), ticksuffix=unit, **place)
    places, labels = step_labels(series.steps)
    figure.update_xaxes(tickvals=places, ticktext=labels, showgrid=False, zeroline=False, color=ink.truth)
    figure.update_yaxes(nticks=4, zeroline=False, gridcolor=ink.line, color=ink.truth)
    figure.update_annotations(font={"size": 13, "color": ink.text})
    figure.update_layout(
        height=HEIGHT,
        margin={"l": 8, "r": 8, "t": 22, "b": 8},
        showlegend=False,
        hovermode="closest",
        dragmode=False,
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        uirevision="theta over time",
    )
    return figure


def _add_lines(
    figure: go.Figure, series: ThetaOverTime, entry: int, *, ink: Ink, counter: str, place: dict[str, int]
) -> None:
    """One entry's curve, and its truth as a dashed line where that is known."""
    name, unit = series.names[entry], series.units[entry]
    records = np.arange(len(series.steps))
    if series.pose is not None:
        figure.add_scatter(
            x=records[[0, -1]],
            y=np.repeat(series.pose[entry], 2),
            mode="lines",
            line={"color": ink.truth, "width": 1.5, "dash": "dash"},
            name="true pose",
            hovertemplate=f"true {name} %{{y:.3~f}}{unit}<extra></extra>",
            **place,
        )
    figure.add_scatter(
        x=records,
        y=series.values[:, entry],
        customdata=series.steps,
        mode="lines",
        line={"color": ink.network, "width": 2 if len(series.names) <= MOST_PANELS else 1},
        name=name,
        hovertemplate=f"{counter} %{{customdata:,}}<br>{name} %{{y:.3~f}}{unit}<extra></extra>",
        **place,
    )


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
