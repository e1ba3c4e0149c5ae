"""The quantizers of LQ-Nets (Zhang et al. 2018, section 3).

A basis is a buffer named `basis`: [bits] in a quantizer of activations, [outputs, bits] beside the weights of a layer. It
is a moving average of least-squares fits to the quantized numbers (QEM, algorithm 1); no gradient reaches it.
"""

import torch
from torch import nn

# Share of the old basis in a new one, as in the authors' code.
MOMENTUM = 0.9
# Pulls fits of weights towards the old basis, as in the authors' code: some channels have hardly any weights.
TOWARDS_OLD = 1e-4
# Expected magnitude of a normal variable, in deviations, as the authors' code has it.
TYPICAL = 0.6745


def quantize(x: torch.Tensor, basis: torch.Tensor, off: float) -> "tuple[torch.Tensor, torch.Tensor]":
    """The nearest levels of x [n, m] for bases [n, bits], and their coefficients [n, m, bits], each `off` or 1.

    A number equal to a threshold, the midpoint of two levels, gets the level below it.
    """
    bits = basis.shape[1]
    codes = torch.arange(2**bits, device=x.device)[:, None] >> torch.arange(bits, device=x.device) & 1
    codes = torch.where(codes == 1, 1.0, off).to(x)
    levels, order = (basis @ codes.T).sort(dim=1)
    thresholds = 0.5 * levels[:, :-1] + 0.5 * levels[:, 1:]
    rank = torch.searchsorted(thresholds, x.contiguous())
    return levels.gather(1, rank), codes[order.gather(1, rank)]


@torch.no_grad()
def refit(basis: torch.Tensor, x: torch.Tensor, codes: torch.Tensor) -> None:
    """Moves bases towards the least-squares fit to x with the given coefficients."""
    count, bits = x.shape[1], basis.shape[1]
    pull = TOWARDS_OLD * torch.eye(bits, device=x.device, dtype=x.dtype)
    gram = codes.mT @ codes / count + pull
    best = torch.linalg.solve(gram, (codes.mT @ x[..., None])[..., 0] / count + TOWARDS_OLD * basis)
    basis.lerp_(best, 1 - MOMENTUM)


class Quantizer(nn.Module):
    """Quantizes activations to sums of subsets of its basis. Negative activations become the lowest level, so it belongs
    behind a ReLU."""

    def __init__(self, bits: int):
        super().__init__()
        self.bits = bits
        self.register_buffer("basis", TYPICAL * 2 / (2**bits - 1) * 2.0 ** torch.arange(bits))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        # Mixed precision is for convolutions; a basis needs all its digits.
        with torch.autocast(x.device.type, enabled=False):
            whole = x.detach().to(self.basis.dtype)
            flat = whole.reshape(1, -1)
            y, codes = quantize(flat, self.basis[None], 0.0)
            y = y.view_as(whole)
            if self.training:
                refit(self.basis[None], flat, codes)
            if not x.requires_grad:
                return y.to(x.dtype)
            # Straight through, except above the highest level and below 0, where no gradient passes.
            passed = x.clamp(0, y.max().item())
            return passed + (y.to(x.dtype) - passed).detach()

    def extra_repr(self) -> str:
        return f"bits={self.bits}"


class _QuantizedWeights:
    """Mixin for layers that quantize their input, and their weight to sums of +-basis elements of the output channel."""

    def start(self, weights: int, activations: "int | None") -> None:
        self.bits = weights
        fan = self.weight[0].numel()
        scale = self.weight.detach().flatten(1).std(1, correction=0).clamp(min=1e-6) if fan > 1 else self.weight.detach().abs().flatten()
        powers = 2.0 ** torch.arange(weights, device=self.weight.device)
        self.register_buffer("basis", TYPICAL / 2 ** (weights - 1) * scale[:, None] * powers)
        self.input_quantizer = Quantizer(activations).to(self.weight.device) if activations else None

    def quantized_input(self, x: torch.Tensor) -> torch.Tensor:
        return x if self.input_quantizer is None else self.input_quantizer(x)

    def quantized_weight(self) -> torch.Tensor:
        with torch.autocast(self.weight.device.type, enabled=False):
            flat = self.weight.detach().flatten(1)
            y, codes = quantize(flat, self.basis, -1.0)
            if self.training:
                refit(self.basis, flat, codes)
            y = y.view_as(self.weight)
            return self.weight + (y - self.weight).detach() if self.weight.requires_grad else y

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, weights={self.bits}"


class QuantizedConv2d(_QuantizedWeights, nn.Conv2d):
    """A convolution that `prepare` has put quantizers into."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self._conv_forward(self.quantized_input(x), self.quantized_weight(), self.bias)


class QuantizedLinear(_QuantizedWeights, nn.Linear):
    """A dense layer that `prepare` has put quantizers into."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.linear(self.quantized_input(x), self.quantized_weight(), self.bias)
