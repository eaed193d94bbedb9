"""The paper's networks for distorted MNIST: FCN and CNN, alone and behind a spatial transformer of any family."""

from stn_viz.networks.build import NAMES, Plain, Transformed, arguments, build
from stn_viz.networks.classifiers import convolutional, fully_connected
from stn_viz.networks.localisation import convolutional_localisation, fully_connected_localisation

__all__ = [
    "NAMES",
    "Plain",
    "Transformed",
    "arguments",
    "build",
    "convolutional",
    "convolutional_localisation",
    "fully_connected",
    "fully_connected_localisation",
]
