"""The rest of a network behind a site: class scores of a V that is put in the site's place, with gradients to that V.

`runs.sites.answer` puts V in below autograd, so nothing flows back to it. Here the sampler's own call is answered
before autograd sees it: in a network of ours the transformer stands aside, in any other one torch's function mode gives
V for what F.grid_sample, or the operator in a program, was asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from stn_viz.lens.learning.part import passes
from stn_viz.lens.question import LensError
from stn_viz.runs import Run
from stn_viz.runs.answers import Answers
from stn_viz.transformer import SpatialTransformer

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import nn

_aten = torch.ops.aten
_SAMPLERS = {F.grid_sample, torch.grid_sampler, torch.grid_sampler_2d, torch.grid_sampler_3d}
_OPERATORS = {_aten.grid_sampler, _aten.grid_sampler_2d, _aten.grid_sampler_3d, _aten.cudnn_grid_sampler}


class Rest:
    """What stands behind one site of a network, for some images. The network must be the caller's own copy.

    Shapes: U (n, C, h, w), the network's input; `sampled_from` (n, C', H, W), what the site samples of each.
    """

    def __init__(self, run: Run, model: nn.Module, site: int, U: NDArray[np.float32]) -> None:
        """Watch one pass of the images. Raises: LensError if the network has no such site."""
        self._reads = Answers(run.probes.labels, run.info.classes)
        self._model = model
        self._site = site
        self._U = torch.from_numpy(np.ascontiguousarray(U))
        ours = [module for module in model.modules() if isinstance(module, SpatialTransformer)]
        self._alone = ours[0] if len(ours) == 1 == len(run.sites) else None
        found = []
        for _, calls, _ in passes(model, U):
            if len(calls) <= site:
                raise LensError(f"The network samples {len(calls)} grid(s) here, but run.json says site {site}.")
            found.append(calls[site].U.detach().clone())
        with torch.inference_mode(False):
            self.sampled_from = torch.cat(found).clone()

    def scores(self, V: Tensor, rows: Tensor) -> Tensor:
        """Scores (m, K) for V (m, C', H', W') of the images `rows` (m,).

        Raises: LensError where V does not reach the network's sampler, or it gives no classes.
        """
        U = self._U[rows]
        if self._alone is not None:
            self._alone.forward = lambda U: V  # type: ignore[method-assign]
            try:
                output = self._model(U)
            finally:
                del self._alone.forward  # the class's own again
        else:
            with _Put(V, self._site) as put:
                output = self._model(U)
            if put.count <= self._site:
                raise LensError("This network samples its grid in a way that nobody can put another grid into.")
        scores = self._reads.logits(output, len(U))
        if scores is None:
            raise LensError("This network gives no classes, so there is no answer of it that could be saved.")
        return scores


class _Put(TorchFunctionMode):
    """Gives V for what one site samples; counts the sites as `runs.sites.recorded` does, one grid for each image."""

    def __init__(self, V: Tensor, site: int) -> None:
        super().__init__()
        self.V, self.site, self.count = V, site, 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in _SAMPLERS or getattr(func, "overloadpacket", func) in _OPERATORS:
            grid = args[1] if len(args) > 1 else kwargs["grid"]
            if len(grid) == len(self.V):
                self.count += 1
                if self.count - 1 == self.site:
                    return self.V
        return func(*args, **kwargs)
