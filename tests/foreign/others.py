"""Networks as their authors wrote them, and the files that they left behind."""

from pathlib import Path
from typing import Any

import torch
from public_networks import TutorialNet as Tutorial
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["Three", "Tutorial", "as_stored", "parts", "save_epochs", "wandering"]


def parts(U_channels: int = 3) -> nn.Sequential:
    """A localisation network of 3 x 20 x 30 pixels."""
    return nn.Sequential(
        nn.Conv2d(U_channels, 6, 5),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Conv2d(6, 8, 5),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(8 * 4 * 9, 16),
        nn.ReLU(),
        nn.Linear(16, 6),
    )


class Three(nn.Module):
    """Three transformers that look at the same image."""

    def __init__(self) -> None:
        super().__init__()
        self.stn1, self.stn2, self.stn3 = parts(), parts(), parts()
        self.head = nn.Linear(3 * 3 * 20 * 30, 4)

    def thetas(self, U: Tensor) -> list[Tensor]:
        return [stn(U) for stn in (self.stn1, self.stn2, self.stn3)]

    def forward(self, U: Tensor) -> Tensor:
        V = []
        for theta in self.thetas(U):
            grid = F.affine_grid(theta.view(-1, 2, 3), U.size(), align_corners=False)
            V.append(F.grid_sample(U, grid, align_corners=False))
        return self.head(torch.cat(V, 1).flatten(1))


def wandering(net: nn.Module, count: int, *, seed: int = 0) -> list[dict[str, Any]]:
    """State_dicts of a network whose weights wander, as a training's would; theta begins near the identity."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * parameter[0].numel() ** -0.5)
            if parameter.shape == (6,):
                parameter.copy_(torch.tensor([1.0, 0, 0, 0, 1, 0]))
            elif parameter.ndim == 2 and len(parameter) == 6 and name.endswith("weight"):
                parameter.mul_(0.2)
    states = []
    for _ in range(count):
        states.append({name: tensor.clone() for name, tensor in net.state_dict().items()})
        with torch.no_grad():
            for parameter in net.parameters():
                parameter.add_(0.02 * torch.randn(parameter.shape, generator=generator))
    return states


def as_stored(net: nn.Module, state: dict[str, Any]) -> nn.Module:
    """The network with these weights as a run keeps them: rounded to float16."""
    net.load_state_dict({name: t.half().to(t.dtype) if t.is_floating_point() else t for name, t in state.items()})
    return net.eval()


def save_epochs(folder: Path, states: list[dict[str, Any]], **beside: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for epoch, state in enumerate(states):
        torch.save(
            {"epoch": epoch, "model_state_dict": state, "loss": 2.0 / (epoch + 1), **beside},
            folder / f"net_{epoch}.pth",
        )
    return folder
