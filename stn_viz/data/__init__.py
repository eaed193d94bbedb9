"""MNIST and what distorts it (R, RTS, P, E, T, TC), as batches of tensors with their true pose."""

from stn_viz.data.digits import Mnist, mnist
from stn_viz.data.distortion import TASKS, Distorted, Task, distort, place
from stn_viz.data.held_out import CHUNK, HeldOut, held_out, held_out_chunk

__all__ = [
    "CHUNK",
    "TASKS",
    "Distorted",
    "HeldOut",
    "Mnist",
    "Task",
    "distort",
    "held_out",
    "held_out_chunk",
    "mnist",
    "place",
]
