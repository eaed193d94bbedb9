"""Charts for plotly: numbers in, figures out. Colours and axes mean what they mean on the stage."""

from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from stn_viz.lens import ThetaOverTime

HEIGHT = 260


@dataclass(frozen=True)
class Ink:
    """Colours of one theme: the network's blue as on the stage, the truth grey, the playhead in the text's colour."""

    network: str
    truth: str
    text: str
    line: str


LIGHT = Ink(network="#0072B2", truth="#6b7480", text="#1b2430", line="#dfe3ea")
DARK = Ink(network="#56B4E9", truth="#9aa4b1", text="#e8ecf1", line="#323b47")


def theta_over_time(series: ThetaOverTime, *, step: int, ink: Ink) -> go.Figure:
    """One small panel for each gauge unit over the recorded steps, two rows that share x; the playhead at `step`.

    x counts records, as on the stage's timeline: they are dense early, and so get the room that early training needs.
    """
    count = len(series.names)
    columns = min(3, count) if count <= 6 else min(6, -(-count // 4))
    rows = -(-count // columns)
    figure = make_subplots(
        rows=rows,
        cols=columns,
        shared_xaxes="all",
        horizontal_spacing=0.05,
        vertical_spacing=min(0.14, 0.5 / rows),
        subplot_titles=series.names,
    )
    records = np.arange(len(series.steps))
    places, labels = step_labels(series.steps)
    playhead = max(0, int(np.searchsorted(series.steps, step, side="right")) - 1)
    for index, name in enumerate(series.names):
        row, column = index // columns + 1, index % columns + 1
        unit = series.units[index]
        if series.pose is not None:
            figure.add_scatter(
                x=records[[0, -1]],
                y=np.repeat(series.pose[index], 2),
                mode="lines",
                line={"color": ink.truth, "width": 1.5, "dash": "dash"},
                name="true pose",
                hovertemplate=f"true {name} %{{y:.3~f}}{unit}<extra></extra>",
                row=row,
                col=column,
            )
        figure.add_scatter(
            x=records,
            y=series.values[:, index],
            customdata=series.steps,
            mode="lines",
            line={"color": ink.network, "width": 2},
            name=name,
            hovertemplate=f"step %{{customdata:,}}<br>{name} %{{y:.3~f}}{unit}<extra></extra>",
            row=row,
            col=column,
        )
        figure.add_vline(x=playhead, line={"color": ink.text, "width": 1.5}, row=row, col=column)
        low, high = _room(series.values[:, index], None if series.pose is None else float(series.pose[index]), unit)
        figure.update_yaxes(range=[low, high], ticksuffix=unit, row=row, col=column)
    figure.update_xaxes(tickvals=places, ticktext=labels, showgrid=False, zeroline=False, color=ink.truth)
    figure.update_yaxes(nticks=4, zeroline=False, gridcolor=ink.line, color=ink.truth)
    figure.update_annotations(font={"size": 13, "color": ink.text})
    figure.update_layout(
        height=HEIGHT + 90 * max(0, rows - 2),
        margin={"l": 8, "r": 8, "t": 22, "b": 8},
        showlegend=False,
        hovermode="closest",
        dragmode=False,
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        uirevision="theta over time",
    )
    return figure


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


def _room(values: NDArray[np.float64], pose: float | None, unit: str) -> tuple[float, float]:
    """A range that holds the curve and its truth, and never so narrow that float noise looks like training."""
    all_values = values[np.isfinite(values)]
    if pose is not None and np.isfinite(pose):
        all_values = np.append(all_values, pose)
    if not all_values.size:
        return -1.0, 1.0
    low, high = float(all_values.min()), float(all_values.max())
    least = 10.0 if unit == "°" else 0.2
    pad = max(0.08 * (high - low), (least - (high - low)) / 2)
    return low - pad, high + pad
