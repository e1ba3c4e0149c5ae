"""Quantizers of LQ-Nets (Zhang et al. 2018, section 3) for training in PyTorch, under names that lq-infer reads.

A basis is a buffer named `basis`: [bits] in an activation quantizer, [outputs, bits] beside the weights of a layer. It
is a moving average of least-squares fits to the quantized numbers (the paper's QEM, algorithm 1). No gradient reaches
it.
"""

import torch
from torch import nn

MOMENTUM = 0.9


def quantize(x, basis, off):
    """The nearest levels of x [n, m] for bases [n, bits], and their coefficients [n, m, bits], each `off` or 1.

    A number equal to a threshold gets the level below it.
    """
    bits = basis.shape[1]
    codes = torch.arange(2**bits, device=x.device)[:, None] >> torch.arange(bits, device=x.device) & 1
    codes = torch.where(codes == 1, 1.0, off).to(x)
    levels, order = (basis @ codes.T).sort(dim=1)
    thresholds = 0.5 * levels[:, :-1] + 0.5 * levels[:, 1:]
    rank = torch.searchsorted(thresholds, x.contiguous())
    return levels.gather(1, rank), codes[order.gather(1, rank)]


@torch.no_grad()
def refit(basis, x, codes):
    """Moves bases towards the least-squares fit to x with the given coefficients."""
    gram = codes.mT @ codes + 1e-3 * x.shape[1] * torch.eye(basis.shape[1]).to(x)
    best = torch.linalg.solve(gram, codes.mT @ x[..., None])[..., 0]
    basis.lerp_(best, 1 - MOMENTUM)


def initial_basis(bits, scale):
    return scale * 2.0 ** torch.arange(bits) / (2**bits - 1)


class Quantize(nn.Module):
    """Quantizes activations, which must not be negative, to sums of subsets of the basis."""

    def __init__(self, bits):
        super().__init__()
        self.register_buffer("basis", initial_basis(bits, 2.0))

    def forward(self, x):
        flat = x.detach().reshape(1, -1)
        y, codes = quantize(flat, self.basis[None], 0.0)
        if self.training:
            refit(self.basis[None], flat, codes)
            # Straight-through gradient, except for numbers above the highest level, which get none.
            x = x.clamp(max=y.max().item())
            return x + (y.view_as(x) - x).detach()
        return y.view_as(x)


class QuantizedWeights:
    """Mixin for layers that quantize `self.weight` to sums of +-basis elements, with one basis per output channel."""

    def start(self, bits):
        deviation = self.weight.detach().flatten(1).std(1)
        self.register_buffer("basis", torch.stack([initial_basis(bits, 2.0 * d.item()) for d in deviation]))

    def quantized(self):
        flat = self.weight.detach().flatten(1)
        y, codes = quantize(flat, self.basis, -1.0)
        if self.training:
            refit(self.basis, flat, codes)
            return self.weight + (y.view_as(self.weight) - self.weight).detach()
        return y.view_as(self.weight)


class QConv2d(QuantizedWeights, nn.Conv2d):
    def __init__(self, inputs, outputs, kernel, bits, **geometry):
        super().__init__(inputs, outputs, kernel, bias=False, **geometry)
        self.start(bits)

    def forward(self, x):
        return self._conv_forward(x, self.quantized(), self.bias)


class QLinear(QuantizedWeights, nn.Linear):
    def __init__(self, inputs, outputs, bits):
        super().__init__(inputs, outputs)
        self.start(bits)

    def forward(self, x):
        return nn.functional.linear(x, self.quantized(), self.bias)
