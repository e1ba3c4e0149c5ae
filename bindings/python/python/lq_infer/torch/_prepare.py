"""Puts quantizers into a network."""

import fnmatch
from typing import Iterable

from torch import nn

from ._quantizers import QuantizedConv2d, QuantizedLinear

_CLASSES = {nn.Conv2d: QuantizedConv2d, nn.Linear: QuantizedLinear}


def prepare(
    net: nn.Module,
    weights: int = 2,
    activations: "int | None" = 2,
    *,
    first_last: bool = False,
    skip: "Iterable[str]" = (),
) -> nn.Module:
    """Makes the convolutions and dense layers of a network quantize their input and their weights, in place.

    As in the paper, the first and the last layer stay float unless `first_last`, whose input, the picture, is quantized in
    no case. `skip` names more layers that stay float, as patterns ("layer4.*"). With `activations=None` only weights are
    quantized. Parameters stay the same objects under the same names, so optimizers and checkpoints of the float network
    fit; new are the buffers `basis`. Returns the network.
    """
    for what, bits in [("weights", weights), ("activations", activations)]:
        if not (bits is None and what == "activations" or bits in range(1, 9)):
            raise ValueError(f"{what}={bits!r}: expected 1 to 8 bits")
    layers = [(name, module) for name, module in net.named_modules() if type(module) in _CLASSES]
    if not layers:
        raise ValueError("the network has no convolution or dense layer that is not quantized yet")
    ends = {layers[0][0], layers[-1][0]}
    skip = list(skip)
    for name, module in layers:
        if name in ends and not first_last or any(fnmatch.fnmatchcase(name, pattern) for pattern in skip):
            continue
        module.__class__ = _CLASSES[type(module)]
        module.start(weights, None if name == layers[0][0] else activations)
    return net
