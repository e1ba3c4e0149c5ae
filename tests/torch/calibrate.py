"""Gives a network random weights and fitting statistics, in one pass over its inputs.

Every batch norm takes the statistics, and every quantizer a basis fitted to the numbers, that reach it. A basis is then
varied until no number lies near a threshold, so that codes do not depend on roundings: a comparison of logits is
then one of arithmetic. Numbers equal to a threshold may stay: they say on which side ties go.
"""

import torch
from torch import nn

from quantizers import OriginalConv2d, OriginalQuantizer, PortQuantizer, levels_of, multipliers

MARGIN = 1e-5  # of a number's distance to a threshold, in standard deviations
GRID = 2.0**-14  # bases are multiples of this: sums and midpoints of theirs are exact in float32


def calibrate(model, inputs, dtype, seed):
    """`inputs`, float64, go through `model`, which becomes float64 with numbers that `dtype` holds exactly."""
    torch.manual_seed(seed)
    model.double().eval()
    for module in model.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            initialize(module, dtype)
    for module in model.modules():
        if isinstance(module, PortQuantizer) and hasattr(module, "basis") and len(module.basis) > 1:
            # Of weights; those of activations see data only in the forward pass.
            continue
        if isinstance(module, (OriginalQuantizer, PortQuantizer)) and hasattr(module, "basis"):
            module.register_forward_pre_hook(lambda m, args: settle_activations(m, args[0], dtype))
        if isinstance(module, nn.BatchNorm2d):
            module.register_forward_pre_hook(lambda m, args: settle_statistics(m, args[0], dtype))
    with torch.no_grad():
        model(inputs)
    for module in model.modules():
        module._forward_pre_hooks.clear()


def held(tensor, dtype):
    """The nearest numbers that `dtype` has."""
    return tensor.to(dtype).double()


def initialize(module, dtype):
    fan_in = module.weight[0].numel()
    module.weight.data = held(torch.randn_like(module.weight) * (2 / fan_in) ** 0.5, dtype)
    # Every quantizer of weights has a threshold at 0, so these say on which side ties go.
    module.weight.data[torch.rand_like(module.weight) < 0.02] = 0
    if module.bias is not None:
        module.bias.data = held(torch.randn_like(module.bias) * 0.2, dtype)
    quantizer = module if isinstance(module, OriginalConv2d) else getattr(module, "weight_quantizer", None)
    if hasattr(quantizer, "basis"):
        rows = module.weight.data.reshape(len(module.weight), -1)
        bases = [fitted(row, quantizer.basis.shape[1], -1) for row in rows]
        quantizer.basis.data = gridded(torch.stack(bases), dtype)


def settle_statistics(norm, x, dtype):
    mean, variance = x.mean((0, 2, 3)), x.var((0, 2, 3), correction=0)
    shape, deviation = mean.shape, variance.sqrt()
    # Negative gains occur in trained networks, too.
    sign = torch.where(torch.rand(shape) < 0.1, -1.0, 1.0)
    norm.weight.data = held((0.5 + torch.rand(shape)) * sign, dtype)
    norm.bias.data = held(0.2 + 0.3 * torch.randn(shape), dtype)
    norm.running_mean.data = held(mean + 0.1 * deviation * torch.randn(shape), dtype)
    # Maps of few pixels have channels that hardly vary here and would be blown up.
    norm.running_var.data = held(variance.clamp_min(0.1 * variance.mean().item() + 1e-3), dtype)


def settle_activations(quantizer, x, dtype):
    shape = quantizer.basis.shape
    basis = fitted(x.flatten(), shape[-1], quantizer.low)
    numbers = x.flatten().sort().values
    for _ in range(10_000):
        candidate = gridded(basis * (1 + 0.05 * torch.randn(shape[-1])), dtype)
        thresholds = levels_of(candidate[None], quantizer.low)[1][0]
        if numbers[0] >= 0 and quantizer.low == -1:
            # After a ReLU all numbers are at least 0, and where ties go up, that is above these.
            thresholds = thresholds[thresholds > 0]
        if distance(numbers, thresholds) > MARGIN * x.std():
            quantizer.basis.data = candidate.view(shape)
            return
    raise SystemExit("found no basis whose thresholds keep away from all numbers; use fewer inputs")


def distance(numbers, thresholds):
    """From thresholds to the nearest number that is not equal to one; `numbers` are ascending."""
    far = numbers.new_tensor([float("inf")])
    numbers = torch.cat([-far, numbers, far])
    below = numbers[torch.searchsorted(numbers, thresholds) - 1]
    above = numbers[torch.searchsorted(numbers, thresholds, right=True)]
    return torch.cat([far, thresholds - below, above - thresholds]).min()


def fitted(x, bits, low):
    """A basis for the numbers x by a few rounds of nearest levels and least squares (the paper's algorithm 1)."""
    basis = x.abs().mean() * 2.0 ** torch.arange(bits).to(x) / 2 ** (bits - 1)
    codes = multipliers(bits, low).to(x)
    for _ in range(5):
        used = codes[(x[:, None] - codes @ basis).abs().argmin(1)]
        gram = used.T @ used + 1e-3 * len(x) * torch.eye(bits).to(x)
        basis = torch.linalg.solve(gram, used.T @ x)
    return basis


def gridded(basis, dtype):
    return held((basis / GRID).round() * GRID, dtype)
