"""Networks as people write them who have never heard of us: plain modules with transformers of every kind in them.

Each says under `U` the shape that it takes. None imports anything of stn_viz.
"""

from collections.abc import Callable
from typing import Any

import kornia
import torch
import torch.nn.functional as F
from torch import Tensor, nn


class TutorialNet(nn.Module):
    """The network of the well-known tutorial: one affine transformer in front of a small classifier of MNIST."""

    U = (1, 28, 28)

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 10, kernel_size=5)
        self.conv2 = nn.Conv2d(10, 20, kernel_size=5)
        self.conv2_drop = nn.Dropout2d()
        self.fc1 = nn.Linear(320, 50)
        self.fc2 = nn.Linear(50, 10)
        self.localization = nn.Sequential(
            nn.Conv2d(1, 8, kernel_size=7),
            nn.MaxPool2d(2, stride=2),
            nn.ReLU(True),
            nn.Conv2d(8, 10, kernel_size=5),
            nn.MaxPool2d(2, stride=2),
            nn.ReLU(True),
        )
        self.fc_loc = nn.Sequential(nn.Linear(10 * 3 * 3, 32), nn.ReLU(True), nn.Linear(32, 3 * 2))
        self.fc_loc[2].weight.data.zero_()
        self.fc_loc[2].bias.data.copy_(torch.tensor([1, 0, 0, 0, 1, 0], dtype=torch.float))

    def theta(self, x: Tensor) -> Tensor:
        return self.fc_loc(self.localization(x).view(-1, 10 * 3 * 3)).view(-1, 2, 3)

    def forward(self, x: Tensor) -> Tensor:
        theta = self.theta(x)
        x = F.grid_sample(x, F.affine_grid(theta, x.size(), align_corners=False), align_corners=False)
        x = F.relu(F.max_pool2d(self.conv1(x), 2))
        x = F.relu(F.max_pool2d(self.conv2_drop(self.conv2(x)), 2))
        x = F.relu(self.fc1(x.view(-1, 320)))
        x = F.dropout(x, training=self.training)
        return F.log_softmax(self.fc2(x), dim=1)


class SmallSTN(nn.Module):
    """A transformer as a module of its own, for maps of any size: pooled, then two linear layers."""

    def __init__(self, channels: int, out: tuple[int, int] | None = None) -> None:
        super().__init__()
        self.out = out
        self.loc = nn.Sequential(
            nn.Conv2d(channels, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(4)
        )
        self.fc = nn.Sequential(nn.Flatten(), nn.Linear(128, 16), nn.ReLU(), nn.Linear(16, 6))
        nn.init.normal_(self.fc[3].weight, std=0.02)
        self.fc[3].bias.data = torch.tensor([1.0, 0, 0, 0, 1, 0])

    def forward(self, x: Tensor) -> Tensor:
        theta = self.fc(self.loc(x)).view(-1, 2, 3)
        size = x.shape if self.out is None else (*x.shape[:2], *self.out)
        return F.grid_sample(x, F.affine_grid(theta, size, align_corners=True), align_corners=True)


class Nested(nn.Module):
    """Transformers at two depths: one on the image, one on the feature map behind the first convolution."""

    U = (3, 32, 32)

    def __init__(self) -> None:
        super().__init__()
        self.stn1 = SmallSTN(3)
        self.conv1 = nn.Conv2d(3, 12, 5)
        self.stn2 = SmallSTN(12)
        self.conv2 = nn.Conv2d(12, 16, 5)
        self.fc = nn.Linear(16 * 5 * 5, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.conv1(self.stn1(x))), 2)
        x = F.max_pool2d(F.relu(self.conv2(self.stn2(x))), 2)
        return self.fc(x.flatten(1))


class Parallel(nn.Module):
    """Two transformers side by side on one image, each with an attention window of its own; their V joined."""

    U = (1, 40, 56)

    def __init__(self) -> None:
        super().__init__()
        self.left = SmallSTN(1, (20, 20))
        self.right = SmallSTN(1, (20, 20))
        for stn, x in ((self.left, -0.4), (self.right, 0.4)):
            stn.fc[3].bias.data = torch.tensor([0.5, 0, x, 0, 0.5, 0])
        self.body = nn.Sequential(nn.Conv2d(2, 8, 3, stride=2), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 81, 19))

    def forward(self, x: Tensor) -> Tensor:
        return self.body(torch.cat([self.left(x), self.right(x)], 1))


class TPSRectifier(nn.Module):
    """A text recogniser's front: 16 fiducial points on a lattice, the spline solved as its authors write it down."""

    U = (1, 24, 40)

    def __init__(self, side: int = 4) -> None:
        super().__init__()
        self.side = side
        self.conv = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 8, 3, padding=1), nn.ReLU()
        )
        self.fc1 = nn.Linear(8 * 12 * 20, 32)
        self.fc2 = nn.Linear(32, 2 * side * side)
        line = torch.linspace(-1, 1, side)
        C = torch.stack(torch.meshgrid(line, line, indexing="xy"), -1).view(-1, 2)
        self.fc2.weight.data.normal_(std=0.01)
        self.fc2.bias.data = C.flatten().clone()
        n = side * side
        L = torch.zeros(n + 3, n + 3)
        L[:n, :n] = self._kernel(torch.cdist(C, C))
        L[:n, n] = 1
        L[:n, n + 1 :] = C
        L[n, :n] = 1
        L[n + 1 :, :n] = C.T
        h, w = self.U[1:]
        ys, xs = (torch.arange(k) * 2.0 / k + 1.0 / k - 1 for k in (h, w))
        P = torch.stack(torch.meshgrid(xs, ys, indexing="xy"), -1).view(-1, 2)
        P_hat = torch.cat([self._kernel(torch.cdist(P, C)), torch.ones(len(P), 1), P], 1)
        self.register_buffer("inv_delta_C", torch.inverse(L.double()).float())
        self.register_buffer("P_hat", P_hat)
        self.head = nn.Linear(24 * 40, 5)

    @staticmethod
    def _kernel(r: Tensor) -> Tensor:
        return torch.where(r == 0, torch.zeros_like(r), r**2 * torch.log(r.clamp_min(1e-12)))

    def points(self, x: Tensor) -> Tensor:
        return self.fc2(F.relu(self.fc1(self.conv(x).flatten(1)))).view(len(x), -1, 2)

    def forward(self, x: Tensor) -> Tensor:
        points = F.pad(self.points(x), (0, 0, 0, 3))
        grid = (self.P_hat @ (self.inv_delta_C @ points)).view(len(x), *self.U[1:], 2)
        V = F.grid_sample(x, grid, padding_mode="border", align_corners=False)
        return self.head(V.flatten(1))


class KorniaNet(nn.Module):
    """A homography from eight numbers, applied with kornia; nothing here calls grid_sample by name."""

    U = (3, 24, 36)

    def __init__(self) -> None:
        super().__init__()
        self.regressor = nn.Sequential(nn.Flatten(), nn.Linear(3 * 24 * 36, 8))
        self.regressor[1].weight.data.normal_(std=0.001)
        self.regressor[1].bias.data = torch.tensor([1.0, 0, 0, 0, 1, 0, 0.1, 0])
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(3), nn.Flatten(), nn.Linear(27, 4))

    def forward(self, x: Tensor) -> Tensor:
        H = F.pad(self.regressor(x), (0, 1), value=1.0).view(-1, 3, 3)
        V = kornia.geometry.transform.homography_warp(x, H, (24, 36), align_corners=True)
        return self.head(V)


class VolumeNet(nn.Module):
    """Volumes, as in medical images: twelve numbers, a 3 x 4 theta."""

    U = (1, 6, 8, 10)

    def __init__(self) -> None:
        super().__init__()
        self.loc = nn.Sequential(nn.Conv3d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 4 * 6 * 8, 12))
        self.loc[3].weight.data.normal_(std=0.01)
        self.loc[3].bias.data = torch.tensor([1.0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0])
        self.head = nn.Linear(6 * 8 * 10, 3)

    def forward(self, x: Tensor) -> Tensor:
        theta = self.loc(x).view(-1, 3, 4)
        V = F.grid_sample(x, F.affine_grid(theta, list(x.shape), align_corners=False), align_corners=False)
        return self.head(V.flatten(1))


class DenseField(nn.Module):
    """A registration network: a displacement for every pixel, of no family that has a few numbers."""

    U = (1, 20, 28)

    def __init__(self) -> None:
        super().__init__()
        self.flow = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 2, 3, padding=1))
        self.head = nn.Linear(20 * 28, 3)

    def forward(self, x: Tensor) -> Tensor:
        flow = 0.5 * torch.tanh(self.flow(x)).permute(0, 2, 3, 1)
        identity = torch.eye(2, 3).expand(len(x), 2, 3)
        grid = F.affine_grid(identity, list(x.shape), align_corners=False) + flow
        return self.head(F.grid_sample(x, grid, align_corners=False).flatten(1))


class Recurrent(nn.Module):
    """One transformer used three times in a forward pass, each time on what the time before gave."""

    U = (1, 24, 24)

    def __init__(self) -> None:
        super().__init__()
        self.stn = SmallSTN(1)
        self.head = nn.Linear(24 * 24, 4)

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(3):
            x = self.stn(x)
        return self.head(x.flatten(1))


ALL: tuple[Callable[[], Any], ...] = (
    TutorialNet,
    Nested,
    Parallel,
    TPSRectifier,
    KorniaNet,
    VolumeNet,
    DenseField,
    Recurrent,
)
