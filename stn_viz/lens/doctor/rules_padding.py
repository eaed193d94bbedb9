"""A rule about what lies beyond the image: padding of another value than the images' own background."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_viz.lens.doctor.findings import Finding, found
from stn_viz.lens.doctor.grids import inside_share, whole
from stn_viz.lens.doctor.tracks import Track
from stn_viz.lens.doctor.words import at_site, at_step, of_images, percent
from stn_viz.runs import Run

PLAIN = 0.8
"""Share of the border's pixels that must have one value for it to be a background."""

NEAR, OTHER = 0.02, 0.05
"""Of the images' whole range of values: pixels nearer are that value, a padding farther away is another one."""

SEEN = 0.02
"""Share of an image's sample points that must lie outside for the padding to be seen."""


def background(run: Run, track: Track) -> Finding | None:
    """Zero padding around images whose background is not 0: V gets a frame that no image has."""
    site, U = track.site, run.probes.U
    on_image = site.on_image and site.input_size == U.shape[2:] and site.channels == U.shape[1]
    if site.padding != "zeros" or not on_image:
        return None
    values = _background(U)
    reach = float(U.max() - U.min())
    if values is None or np.abs(values).max() <= OTHER * reach:
        return None
    out = (1 - track.inside >= SEEN) & track.whole
    n = out.shape[1]
    if out[-1].sum() < max(0.1 * n, 1):
        return None
    image = int(np.where(out[-1], 1 - track.inside[-1], -1).argmax())
    share = 1 - inside_share(whole(run, track.index, len(run.steps) - 1, image)[0])
    told = ", ".join(f"{value:.3g}" for value in values)
    return found(
        run,
        "background",
        "warning",
        step=run.steps[-1],
        image=image,
        site=track.index,
        sentence=f"At {at_step(run, run.steps[-1])}, {percent(share)} of the sample points of image {image}"
        f"{at_site(run, track.index)} lie outside, where zero padding gives 0, but the images' background is {told}; "
        f"so V has a grey frame for {of_images(int(out[-1].sum()), n)}.",
        cause="The images are normalised (mean and std taken off) and sampled with zero padding: 0 is then the mean "
        "grey, not the background. It is the well-known fault of the tutorial's recipe.",
        cure="Sample with padding_mode='border', or normalise after the transformer, or take the background off the "
        "image before sampling.",
    )


def _background(U: NDArray[np.float32]) -> NDArray[Any] | None:
    """The value of each channel, (C,), that most pixels of the images' outer faces have; None if there is none.

    Shapes: U (n, C, h, w) or (n, C, D, h, w).
    """
    faces = []
    for axis in range(2, U.ndim):
        for end in (0, -1):
            faces.append(np.moveaxis(np.take(U, end, axis=axis), 1, 0).reshape(U.shape[1], -1))
    border = np.concatenate(faces, 1)
    values: NDArray[Any] = np.median(border, axis=1)
    near = np.abs(border - values[:, None]) <= NEAR * float(U.max() - U.min())
    return values if near.all(0).mean() >= PLAIN else None
