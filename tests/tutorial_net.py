"""A network as people write them after PyTorch's STN tutorial, with all that a recorder could disturb."""

import torch
import torch.nn.functional as F
from torch import nn


class TutorialNet(nn.Module):
    """Not square, BatchNorm and dropout, theta kept for later as people do; `fc` gives 3 classes."""

    def __init__(self, size=(12, 10)):
        super().__init__()
        self.size = size
        h, w = (size[0] - 4) // 2, (size[1] - 4) // 2
        self.localization = nn.Sequential(nn.Conv2d(1, 4, 5), nn.BatchNorm2d(4), nn.MaxPool2d(2), nn.ReLU())
        self.fc_loc = nn.Sequential(nn.Flatten(), nn.Linear(4 * h * w, 8), nn.ReLU(), nn.Linear(8, 6))
        with torch.no_grad():
            self.fc_loc[3].weight.mul_(0.1)
            self.fc_loc[3].bias.copy_(torch.tensor([1, 0, 0, 0, 1, 0.0]))
        self.fc = nn.Sequential(nn.Flatten(), nn.Dropout(0.3), nn.Linear(size[0] * size[1], 3))
        self.theta = None

    def stn(self, x):
        self.theta = self.fc_loc(self.localization(x)).view(-1, 2, 3)
        grid = F.affine_grid(self.theta, x.size(), align_corners=False)
        return F.grid_sample(x, grid, align_corners=False)

    def forward(self, x):
        return F.log_softmax(self.fc(self.stn(x)), dim=1)


def images(n=7, size=(12, 10), seed=0):
    return torch.randn(n, 1, *size, generator=torch.Generator().manual_seed(seed))


def train(model, recorder=None, steps=50, *, before=None, call=None):
    """An ordinary training loop: the recorder's call stands before the update. `call` is the model as it is called."""
    optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
    generator = torch.Generator().manual_seed(11)
    call = model if call is None else call
    model.train()
    for step in range(steps):
        x = torch.randn(8, 1, *model.size, generator=generator)
        y = torch.randint(0, 3, (8,), generator=generator)
        loss = F.nll_loss(call(x), y)
        optimiser.zero_grad()
        loss.backward()
        if before is not None:
            before(step)
        if recorder is not None:
            recorder.step(call, loss=loss)
        optimiser.step()
