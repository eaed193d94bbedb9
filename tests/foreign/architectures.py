"""Spatial transformers as their authors wrote them in public: the oracles of what is found in their state_dicts.

Each has `theta(x)`, its own localisation network's outputs, computed by its own code.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

IDENTITY = [1, 0, 0, 0, 1, 0]


def localization(channels=1):
    return nn.Sequential(
        nn.Conv2d(channels, 8, kernel_size=7),
        nn.MaxPool2d(2, stride=2),
        nn.ReLU(True),
        nn.Conv2d(8, 10, kernel_size=5),
        nn.MaxPool2d(2, stride=2),
        nn.ReLU(True),
    )


class Tutorial(nn.Module):
    """The PyTorch tutorial's net, with any number of classes."""

    def __init__(self, classes=10, channels=1, cells=9):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 10, kernel_size=5)
        self.conv2 = nn.Conv2d(10, 20, kernel_size=5)
        self.conv2_drop = nn.Dropout2d()
        self.fc1 = nn.Linear(320, 50)
        self.fc2 = nn.Linear(50, classes)
        self.localization = localization(channels)
        self.fc_loc = nn.Sequential(nn.Linear(10 * cells, 32), nn.ReLU(True), nn.Linear(32, 3 * 2))
        self.fc_loc[2].weight.data.zero_()
        self.fc_loc[2].bias.data.copy_(torch.tensor(IDENTITY, dtype=torch.float))

    def theta(self, x: Tensor) -> Tensor:
        return self.fc_loc(self.localization(x).flatten(1))

    def forward(self, x):
        theta = self.theta(x).view(-1, 2, 3)
        return F.grid_sample(x, F.affine_grid(theta, x.size(), align_corners=False), align_corners=False)


class Plates(nn.Module):
    """The transformer in front of LPRNet, 24 x 94."""

    def __init__(self):
        super().__init__()
        self.localization = nn.Sequential(
            nn.Conv2d(3, 32, kernel_size=3),
            nn.MaxPool2d(2, stride=2),
            nn.ReLU(True),
            nn.Conv2d(32, 32, kernel_size=5),
            nn.MaxPool2d(3, stride=3),
            nn.ReLU(True),
        )
        self.fc_loc = nn.Sequential(nn.Linear(32 * 14 * 2, 32), nn.ReLU(True), nn.Linear(32, 3 * 2))

    def theta(self, x):
        return self.fc_loc(self.localization(x).flatten(1))


class SignTransformer(nn.Module):
    """One of the three in the traffic sign network: it pools first."""

    def __init__(self, channels, cells, first, second, hidden):
        super().__init__()
        self.loc_net = nn.Sequential(
            nn.MaxPool2d(2, 2),
            nn.Conv2d(channels, first, (5, 5), stride=1, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(2, 2),
            nn.Conv2d(first, second, (5, 5), stride=1, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(2, 2),
        )
        self.fc_loc = nn.Sequential(nn.Linear(second * cells, hidden), nn.ReLU(), nn.Linear(hidden, 6))

    def theta(self, x):
        return self.fc_loc(self.loc_net(x).flatten(1))


class Signs(nn.Module):
    """Traffic signs: a transformer before each convolution, the later ones on feature maps."""

    def __init__(self):
        super().__init__()
        self.stn1 = SignTransformer(3, 36, 100, 120, 50)
        self.conv1 = nn.Sequential(nn.Conv2d(3, 20, 7, padding=2), nn.ReLU(), nn.MaxPool2d(2))
        self.stn2 = SignTransformer(20, 4, 110, 120, 60)
        self.conv2 = nn.Sequential(nn.Conv2d(20, 30, 4, padding=2), nn.ReLU(), nn.MaxPool2d(2))
        self.stn3 = SignTransformer(30, 1, 100, 110, 40)
        self.fc = nn.Sequential(nn.Linear(30 * 36, 64), nn.ReLU(), nn.Linear(64, 43))


class Text(nn.Module):
    """The TPS of TPS-ResNet-BiLSTM-Attn: 20 fiducial points in two rows."""

    def __init__(self, points=20, channels=1):
        super().__init__()
        self.LocalizationNetwork = nn.Module()
        loc = self.LocalizationNetwork
        layers = []
        for inputs, outputs in ((channels, 64), (64, 128), (128, 256), (256, 512)):
            layers += [nn.Conv2d(inputs, outputs, 3, 1, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(True)]
            layers += [nn.MaxPool2d(2, 2) if outputs < 512 else nn.AdaptiveAvgPool2d(1)]
        loc.conv = nn.Sequential(*layers)
        loc.localization_fc1 = nn.Sequential(nn.Linear(512, 256), nn.ReLU(True))
        loc.localization_fc2 = nn.Linear(256, points * 2)

    def theta(self, x):
        loc = self.LocalizationNetwork
        return loc.localization_fc2(loc.localization_fc1(loc.conv(x).flatten(1)))


class Aster(nn.Module):
    """ASTER's head: blocks of convolution, BatchNorm, ReLU with poolings between, a tenth of the features."""

    def __init__(self, points=20):
        super().__init__()

        def block(inputs, outputs):
            conv = nn.Conv2d(inputs, outputs, kernel_size=3, stride=1, padding=1)
            return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))

        widths = [3, 32, 64, 128, 256, 256, 256]
        layers = []
        for inputs, outputs in pairwise(widths):
            layers += [block(inputs, outputs), nn.MaxPool2d(kernel_size=2, stride=2)]
        self.stn_convnet = nn.Sequential(*layers[:-1])
        self.stn_fc1 = nn.Sequential(nn.Linear(2 * 256, 512), nn.BatchNorm1d(512), nn.ReLU(inplace=True))
        self.stn_fc2 = nn.Linear(512, points * 2)

    def theta(self, x):
        return self.stn_fc2(0.1 * self.stn_fc1(self.stn_convnet(x).flatten(1)))


class Normed(nn.Module):
    """Attributes and no Sequential, with BatchNorm: names give no numbering of what lay between."""

    def __init__(self):
        super().__init__()
        self.loc_conv1 = nn.Conv2d(1, 16, 3, padding=1)
        self.loc_bn1 = nn.BatchNorm2d(16)
        self.loc_conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.loc_bn2 = nn.BatchNorm2d(32)
        self.loc_fc1 = nn.Linear(32 * 49, 64)
        self.loc_fc2 = nn.Linear(64, 6)
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(16)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(32)
        self.fc1 = nn.Linear(32 * 49, 64)
        self.fc2 = nn.Linear(64, 10)

    def theta(self, x):
        x = F.max_pool2d(F.relu(self.loc_bn1(self.loc_conv1(x))), 2)
        x = F.max_pool2d(F.relu(self.loc_bn2(self.loc_conv2(x))), 2)
        return self.loc_fc2(F.relu(self.loc_fc1(x.flatten(1))))


class Angle(nn.Module):
    """Rotation only: one output through a sigmoid, a whole turn long."""

    def __init__(self):
        super().__init__()
        self.localizer = nn.Sequential(
            nn.Conv2d(1, 8, 5),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 5),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(16 * 16, 40),
            nn.ReLU(),
            nn.Linear(40, 1),
            nn.Sigmoid(),
        )
        self.classifier = nn.Sequential(nn.Flatten(), nn.Linear(784, 100), nn.ReLU(), nn.Linear(100, 10))

    def theta(self, x):
        angle = 2 * torch.pi * self.localizer(x)[:, 0]
        zero = torch.zeros_like(angle)
        return torch.stack([angle.cos(), -angle.sin(), zero, angle.sin(), angle.cos(), zero], 1)


class Volume(nn.Module):
    """Affine registration of volumes: twelve outputs."""

    def __init__(self):
        super().__init__()
        self.localization = nn.Sequential(
            nn.Conv3d(2, 8, kernel_size=3, padding=1),
            nn.MaxPool3d(2),
            nn.ReLU(),
            nn.Conv3d(8, 16, kernel_size=3, padding=1),
            nn.MaxPool3d(2),
            nn.ReLU(),
        )
        self.fc_loc = nn.Sequential(nn.Linear(16 * 8**3, 32), nn.ReLU(), nn.Linear(32, 12))

    def theta(self, x):
        return self.fc_loc(self.localization(x).flatten(1))


class Alone(nn.Module):
    """A localisation network saved by itself, under names that say nothing; its bias does."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv2d(3, 16, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, stride=2, padding=1),
            nn.ReLU(),
        )
        self.fc = nn.Sequential(nn.Linear(32 * 64, 20), nn.ReLU(), nn.Linear(20, 6))
        self.fc[2].weight.data.mul_(0.1)
        self.fc[2].bias.data.copy_(torch.tensor(IDENTITY, dtype=torch.float))

    def theta(self, x):
        return self.fc(self.conv(x).flatten(1))


class Pooled(nn.Module):
    """A locator in one Sequential with a global pooling: any input size will do."""

    def __init__(self):
        super().__init__()
        self.locator = nn.Sequential(
            nn.Conv2d(3, 32, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(32, 64, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(64, 32),
            nn.ReLU(),
            nn.Linear(32, 6),
        )

    def theta(self, x):
        return self.locator(x)


class Lattice(nn.Module):
    """A thin plate spline on a 4 x 4 lattice behind PReLUs and dropout."""

    def __init__(self):
        super().__init__()
        self.tps = nn.Module()
        self.tps.cnn = nn.Sequential(
            nn.Conv2d(1, 10, 5),
            nn.MaxPool2d(2),
            nn.PReLU(),
            nn.Conv2d(10, 20, 5),
            nn.Dropout2d(),
            nn.MaxPool2d(2),
            nn.PReLU(20),
        )
        self.tps.fc1 = nn.Linear(320, 50)
        self.tps.fc2 = nn.Linear(50, 32)

    def theta(self, x):
        return self.tps.fc2(F.relu(self.tps.fc1(self.tps.cnn(x).flatten(1))))


class PooledBeforeNorm(nn.Module):
    """Pooling, BatchNorm, ReLU in that order, and a rectangle."""

    def __init__(self):
        super().__init__()
        self.stn = nn.Module()
        self.stn.localization = nn.Sequential(
            nn.Conv2d(1, 8, kernel_size=7),
            nn.MaxPool2d(2, stride=2),
            nn.BatchNorm2d(8),
            nn.ReLU(True),
            nn.Conv2d(8, 10, kernel_size=5),
            nn.MaxPool2d(2, stride=2),
            nn.BatchNorm2d(10),
            nn.ReLU(True),
        )
        self.stn.fc_loc = nn.Sequential(nn.Linear(10 * 4 * 21, 32), nn.ReLU(), nn.Linear(32, 6))
        self.backbone = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Conv2d(8, 10, 3))

    def theta(self, x):
        return self.stn.fc_loc(self.stn.localization(x).flatten(1))


class Residual(nn.Module):
    """A transformer whose localisation network is a small ResNet: shapes do not show what is added to what."""

    def __init__(self):
        super().__init__()
        self.stn = nn.Module()
        self.stn.backbone = nn.Sequential(
            nn.Conv2d(3, 16, 3), nn.Sequential(Block(16, 16)), nn.Sequential(Block(16, 32))
        )
        self.stn.theta = nn.Linear(32, 6)
        self.features = nn.Sequential(nn.Conv2d(3, 16, 3), nn.ReLU(), nn.Flatten(), nn.Linear(400, 10))


# Files in which there is no transformer of images.


class Block(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs))


class ResNet(nn.Module):
    """A residual classifier of few classes."""

    def __init__(self, classes=6):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 7, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = nn.Sequential(Block(16, 16), Block(16, 16))
        self.layer2 = nn.Sequential(Block(16, 32), Block(32, 32))
        self.fc = nn.Linear(32, classes)


class UNet(nn.Module):
    """A dense registration network: convolutions only, a flow of two channels."""

    def __init__(self, dims=2):
        super().__init__()
        conv = nn.Conv2d if dims == 2 else nn.Conv3d
        self.unet_model = nn.Module()
        self.unet_model.downarm = nn.ModuleList([conv(2, 16, 3), conv(16, 32, 3)])
        self.unet_model.uparm = nn.ModuleList([conv(32, 32, 3), conv(32, 16, 3)])
        self.flow = conv(16, dims, 3)
        self.transformer = nn.Module()
        self.transformer.register_buffer("grid", torch.zeros(1, dims, *([8] * dims)))


class TNet(nn.Module):
    """PointNet's: a transformer of point clouds, named like one of images."""

    def __init__(self, k=3):
        super().__init__()
        self.stn = nn.Module()
        self.stn.conv1 = nn.Conv1d(k, 64, 1)
        self.stn.conv2 = nn.Conv1d(64, 128, 1)
        self.stn.conv3 = nn.Conv1d(128, 1024, 1)
        self.stn.fc1 = nn.Linear(1024, 512)
        self.stn.fc2 = nn.Linear(512, 256)
        self.stn.fc3 = nn.Linear(256, k * k)
        self.stn.bn1, self.stn.bn2, self.stn.bn3 = nn.BatchNorm1d(64), nn.BatchNorm1d(128), nn.BatchNorm1d(1024)
        self.stn.bn4, self.stn.bn5 = nn.BatchNorm1d(512), nn.BatchNorm1d(256)
        self.fc1 = nn.Linear(1024, 512)
        self.fc2 = nn.Linear(512, 40)


class Autoencoder(nn.Module):
    """Convolutions, then a code of two numbers."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(1, 8, 3, 2), nn.ReLU(), nn.Conv2d(8, 16, 3, 2), nn.ReLU())
        self.to_code = nn.Linear(16 * 36, 2)
        self.from_code = nn.Linear(2, 16 * 36)
        self.decoder = nn.Sequential(nn.ConvTranspose2d(16, 8, 3, 2), nn.ReLU(), nn.ConvTranspose2d(8, 1, 3, 2))


def perceptron(classes=6):
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, classes))


def small_classifier(classes=6):
    return nn.Sequential(
        nn.Conv2d(1, 8, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8 * 144, 32), nn.ReLU(),
        nn.Linear(32, classes),
    )  # fmt: skip


def seeded(make, *arguments, seed=0, **options):
    """An architecture with weights worth comparing: no zeros in the last layer, BatchNorm statistics of their own."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = make(*arguments, **options)
        for module in net.modules():
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d):
                module.running_mean.normal_(0, 0.3)
                module.running_var.uniform_(0.5, 2)
                nn.init.uniform_(module.weight, 0.5, 1.5)
                nn.init.normal_(module.bias, 0, 0.3)
            if isinstance(module, nn.Linear) and not module.weight.any():
                nn.init.normal_(module.weight, 0, 0.02)
    return net.eval()
