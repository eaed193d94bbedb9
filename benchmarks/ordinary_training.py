"""An ordinary training of a spatial transformer, as its author wrote it: nothing in it knows of STN Viz.

    python benchmarks/ordinary_training.py

The network of the well-known tutorial on MNIST turned by up to 60 degrees; one .pt file after each epoch.
benchmarks/five_minutes.py takes this file, adds three lines, and measures how long it is until theta is seen.
"""

import os

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

EPOCHS = int(os.environ.get("EPOCHS", "3"))
IMAGES = int(os.environ.get("IMAGES", "6400"))
FILES = os.environ.get("FILES", "stn_files")


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 10, 5)
        self.conv2 = nn.Conv2d(10, 20, 5)
        self.fc1 = nn.Linear(320, 50)
        self.fc2 = nn.Linear(50, 10)
        self.localization = nn.Sequential(
            nn.Conv2d(1, 8, 7), nn.MaxPool2d(2), nn.ReLU(), nn.Conv2d(8, 10, 5), nn.MaxPool2d(2), nn.ReLU()
        )
        self.fc_loc = nn.Sequential(nn.Linear(90, 32), nn.ReLU(), nn.Linear(32, 6))
        self.fc_loc[2].weight.data.zero_()
        self.fc_loc[2].bias.data = torch.tensor([1.0, 0, 0, 0, 1, 0])

    def forward(self, x):
        theta = self.fc_loc(self.localization(x).view(-1, 90)).view(-1, 2, 3)
        x = F.grid_sample(x, F.affine_grid(theta, x.size(), align_corners=False), align_corners=False)
        x = F.relu(F.max_pool2d(self.conv1(x), 2))
        x = F.relu(F.max_pool2d(self.conv2(x), 2))
        return self.fc2(F.relu(self.fc1(x.view(-1, 320))))


def turned(images):
    angle = (torch.rand(len(images)) * 2 - 1) * torch.pi / 3
    zero = torch.zeros_like(angle)
    matrix = torch.stack([angle.cos(), -angle.sin(), zero, angle.sin(), angle.cos(), zero], 1).view(-1, 2, 3)
    return F.grid_sample(images, F.affine_grid(matrix, images.size(), align_corners=False), align_corners=False)


torch.manual_seed(0)
mnist = np.load("stn_viz/data/mnist.npz")
x_train = torch.from_numpy(mnist["x_train"][:IMAGES]).float().div(255).unsqueeze(1)
y_train = torch.from_numpy(mnist["y_train"][:IMAGES]).long()
x_test = turned(torch.from_numpy(mnist["x_test"][:64]).float().div(255).unsqueeze(1))
y_test = torch.from_numpy(mnist["y_test"][:64]).long()

os.makedirs(FILES, exist_ok=True)
model = Net()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for epoch in range(EPOCHS):
    for batch in torch.randperm(IMAGES).split(64):
        loss = F.cross_entropy(model(turned(x_train[batch])), y_train[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    torch.save({"state_dict": model.state_dict(), "epoch": epoch + 1}, f"{FILES}/epoch_{epoch + 1}.pt")
    print(f"epoch {epoch + 1}: loss {loss.item():.3f}", flush=True)
