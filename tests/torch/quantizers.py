"""The quantizers of LQ-Nets (Zhang et al. 2018, section 3) as PyTorch modules, in two flavours:

* `PortQuantizer`: codes in {-1, +1} and "at least" at thresholds, with the state of the public PyTorch ports;
* `OriginalQuantizer`: codes in {0, 1} and "above" at thresholds, as in the original code, with nothing but a basis.

They are written from the definition, only to be compared with; none of this is meant for training.
"""

import torch
from torch import nn
from torch.nn import functional as F


def multipliers(bits, low):
    """[2^bits, bits]: bit j of code i as 1 or `low`."""
    codes = torch.arange(2**bits)[:, None] >> torch.arange(bits) & 1
    return torch.where(codes == 1, 1.0, float(low))


def levels_of(basis, low):
    """Ascending levels [channels, 2^bits] of bases [channels, bits], and the midpoints between neighbours."""
    levels = (basis @ multipliers(basis.shape[1], low).to(basis).T).sort(dim=1).values
    return levels, (levels[:, 1:] + levels[:, :-1]) / 2


def quantized(x, basis, low, reaches):
    """Levels of x [channels, n]; `reaches` compares a number with a threshold."""
    levels, thresholds = levels_of(basis, low)
    rank = sum(reaches(x, thresholds[:, i : i + 1]).long() for i in range(thresholds.shape[1]))
    return levels.gather(1, rank)


def frozen(tensor):
    return nn.Parameter(tensor, requires_grad=False)


class PortQuantizer(nn.Module):
    """One basis per channel. Tables and scratch space of the ports' training code are parameters, too."""

    low, reaches = -1, staticmethod(torch.ge)

    def __init__(self, bits, channels):
        super().__init__()
        if bits == 0:
            return
        self.basis = frozen(torch.zeros(channels, bits))
        self.level_multiplier = frozen(multipliers(bits, -1))
        thresholds = (torch.eye(2**bits)[:-1] + torch.eye(2**bits)[1:]) / 2
        self.thrs_multiplier = frozen(thresholds)
        self.level_codes_channelwise = frozen(torch.zeros(channels, 2**bits, bits))
        self.eps = frozen(torch.eye(bits))

    def forward(self, x):
        if not hasattr(self, "basis"):
            return x
        return quantized(x.reshape(len(self.basis), -1), self.basis, self.low, self.reaches).view_as(x)


class PortActivationQuantizer(nn.Module):
    def __init__(self, bits):
        super().__init__()
        if bits > 0:
            self.weight_quantizer = PortQuantizer(bits, 1)

    def forward(self, x):
        return self.weight_quantizer(x) if hasattr(self, "weight_quantizer") else x


class PortConv2d(nn.Conv2d):
    """Quantizes what it reads and its weights, unless it reads pictures: 3 channels."""

    def __init__(self, inputs, outputs, w_bits, a_bits, **geometry):
        super().__init__(inputs, outputs, **geometry)
        self.weight_quantizer = PortQuantizer(w_bits, outputs)
        self.activation_quantizer = PortActivationQuantizer(a_bits)

    def forward(self, x):
        if self.in_channels <= 3:
            return super().forward(x)
        return self._conv_forward(self.activation_quantizer(x), self.weight_quantizer(self.weight), self.bias)


class OriginalQuantizer(nn.Module):
    """An activation quantizer with a basis [bits]. What is above no threshold becomes 0."""

    low, reaches = 0, staticmethod(torch.gt)

    def __init__(self, bits):
        super().__init__()
        self.basis = frozen(torch.zeros(bits))

    def forward(self, x):
        basis = self.basis[None]
        lowest = levels_of(basis, 0)[1][0, 0]
        y = quantized(x.reshape(1, -1), basis, self.low, self.reaches).view_as(x)
        return torch.where(x > lowest, y, 0.0)


class OriginalConv2d(nn.Conv2d):
    """A convolution with TensorFlow's SAME padding and, with bits, quantized weights and a basis [outputs, bits]."""

    def __init__(self, inputs, outputs, kernel, stride=1, bits=0):
        super().__init__(inputs, outputs, kernel, stride, bias=False)
        if bits:
            self.basis = frozen(torch.zeros(outputs, bits))

    def forward(self, x):
        (kernel, _), (stride, _) = self.kernel_size, self.stride
        total = [max((-(-n // stride) - 1) * stride + kernel - n, 0) for n in x.shape[2:]]
        height, width = ((t // 2, t - t // 2) for t in total)
        weight = self.weight
        if hasattr(self, "basis"):
            flat = weight.reshape(len(self.basis), -1)
            weight = quantized(flat, self.basis, -1, torch.gt).view_as(weight)
        return F.conv2d(F.pad(x, (*width, *height)), weight, None, self.stride)
