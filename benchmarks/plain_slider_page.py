"""What anybody would write first: st.slider for the angle, torch for the warp, plotly for U with its grid and for V.

    streamlit run benchmarks/plain_slider_page.py -- checkpoints/rts-st-cnn-affine

Here for benchmarks/drag.py to compare with: the same image, the same sizes, the same sampler.
"""

import math
import sys
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import streamlit as st
import torch
import torch.nn.functional as F
from plotly.subplots import make_subplots

torch.set_num_threads(1)
st.set_page_config(layout="wide")


@st.cache_data
def image(folder: str) -> np.ndarray:
    with np.load(Path(folder) / "probes.npz", allow_pickle=False) as probes:
        U = probes["U"][0, 0]
        return U / np.float32(255) if U.dtype == np.uint8 else U


U = torch.from_numpy(image(sys.argv[1]))[None, None]
angle = math.radians(st.slider("rotation", -90, 90, 0))
c, s = 0.7 * math.cos(angle), 0.7 * math.sin(angle)
grid = F.affine_grid(torch.tensor([[[c, -s, 0.1], [s, c, -0.1]]]), [1, 1, 28, 28], align_corners=False)
V = F.grid_sample(U, grid, align_corners=False)

x, y = (((grid[0] + 1) * 42 - 1) / 2).unbind(-1)
figure = make_subplots(1, 2)
for picture, column in ((U, 1), (V, 2)):
    figure.add_trace(go.Heatmap(z=picture[0, 0].numpy(), colorscale="gray", showscale=False), 1, column)
for i in range(0, 28, 3):
    for line in ((x[i], y[i]), (x[:, i], y[:, i])):
        figure.add_trace(go.Scatter(x=line[0].numpy(), y=line[1].numpy(), mode="lines", line_width=1), 1, 1)
figure.update_yaxes(autorange="reversed")
figure.update_layout(height=450, showlegend=False)
st.plotly_chart(figure, key="picture")
