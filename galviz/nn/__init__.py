"""What is learned: networks, their training and their predictions. The layer that loads torch."""

from galviz.nn import _torchvision

_torchvision.heal()
