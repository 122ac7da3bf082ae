"""Networks, their training, predictions and explanations. Only this layer loads torch."""

from galviz.nn import _torchvision

_torchvision.heal()
