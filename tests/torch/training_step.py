"""One training step of ResNet-20 at 2/2 in PyTorch, from numbers that the test makes as well (`src/train/tests.rs`).

Both compute in float64: in float32 some number lies so near to a threshold that rounding decides about its level, and a network
with random weights makes much of that.

Writes `tests/fixtures/training_step.json`: the loss, the bases after the step, and some of the gradients of every parameter.

    python3 tests/torch/training_step.py
"""

import json
import pathlib

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from quantizers import multipliers

PICTURES, SAMPLES = 16, 24


def uniform(seed, count):
    """SplitMix64, from -1 to 1, as `src/random.rs` has it."""
    state = np.uint64(seed) + np.uint64(0x9E3779B97F4A7C15) * np.arange(1, count + 1, dtype=np.uint64)
    z = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    bits = (z ^ (z >> np.uint64(31))) >> np.uint64(32)
    return -1 + 2 * bits.astype(np.float64) / (2**32 - 1)


def least_squares(codes, x, hold, held):
    """The basis [n] that is best for numbers x with coefficients codes [len(x), n]."""
    codes, x = codes.double(), x.double()
    matrix = codes.T @ codes + hold * torch.eye(codes.shape[1], dtype=torch.float64)
    return torch.linalg.solve(matrix, codes.T @ x + hold * held.double()).float()


class ActivationQuantizer(nn.Module):
    def __init__(self, bits):
        super().__init__()
        self.basis = torch.tensor([0.6745 * 2 / (2**bits - 1) * 2**j for j in range(bits)], dtype=torch.float32)
        self.codes = multipliers(bits, 0)

    def forward(self, x):
        levels, order = (self.codes @ self.basis).sort()
        thresholds = 0.5 * levels[:-1] + 0.5 * levels[1:]
        rank = sum((x > t).long() for t in thresholds)
        flat = x.detach().flatten()
        chosen = self.codes[order][rank.flatten()]
        self.next = least_squares(chosen, flat, 1e-6 * len(flat), self.basis)
        clipped = x.clamp(max=float(levels[-1]))
        return clipped + (levels.to(x)[rank] - clipped).detach()


class QuantizedConv(nn.Module):
    def __init__(self, inputs, outputs, stride, bits):
        super().__init__()
        self.weight, self.stride = nn.Parameter(torch.empty(outputs, inputs, 3, 3)), stride
        unit = 0.6745 * (2 / (9 * outputs)) ** 0.5 / 2 ** (bits - 1)
        self.basis = torch.tensor([[unit * 2**j for j in range(bits)]] * outputs, dtype=torch.float32)
        self.codes = multipliers(bits, -1)

    def forward(self, x):
        flat = self.weight.detach().permute(0, 2, 3, 1).flatten(1)
        levels, order = (self.basis @ self.codes.T).sort(1)
        thresholds = 0.5 * levels[:, :-1] + 0.5 * levels[:, 1:]
        rank = (flat[:, :, None] > thresholds[:, None, :]).sum(2)
        rows = [least_squares(self.codes[order[c]][rank[c]], flat[c], 1e-4, self.basis[c]) for c in range(len(flat))]
        self.next = torch.stack(rows)
        level = levels.to(x).gather(1, rank).view(len(flat), 3, 3, -1).permute(0, 3, 1, 2)
        weight = self.weight + (level - self.weight).detach()
        if self.stride == 1:
            return F.conv2d(x, weight, padding=1)
        return F.conv2d(F.pad(x, (0, 1, 0, 1)), weight, stride=2)


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride, first):
        super().__init__()
        self.preact = None if first else nn.BatchNorm2d(inputs)
        self.quant1, self.quant2 = ActivationQuantizer(2), ActivationQuantizer(2)
        self.conv1, self.bn1 = QuantizedConv(inputs, outputs, stride, 2), nn.BatchNorm2d(outputs)
        self.conv2, self.bn2 = QuantizedConv(outputs, outputs, 1, 2), nn.BatchNorm2d(outputs)
        self.more = outputs - inputs

    def forward(self, x):
        shortcut = F.pad(F.avg_pool2d(x, 2), (0, 0, 0, 0, 0, self.more)) if self.more else x
        x = x if self.preact is None else F.relu(self.preact(x))
        x = self.quant2(F.relu(self.bn1(self.conv1(self.quant1(x)))))
        return self.bn2(self.conv2(x)) + shortcut


class ResNet20(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv0, self.bn0 = nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16)
        self.blocks, self.last, inputs = nn.ModuleList(), nn.ModuleList(), 16
        for group in range(3):
            outputs = 16 << group
            for block in range(3):
                stride = 2 if group > 0 and block == 0 else 1
                self.blocks.append(Block(inputs, outputs, stride, block == 0))
                inputs = outputs
            self.last.append(nn.BatchNorm2d(outputs))
        self.linear = nn.Linear(64, 10)

    def forward(self, x):
        x = F.relu(self.bn0(self.conv0(x)))
        for at, block in enumerate(self.blocks):
            x = block(x)
            if at % 3 == 2:
                x = F.relu(self.last[at // 3](x))
        return self.linear(x.mean((2, 3)))


def named(net):
    """Parameters in the test's order, under the names of its layers."""
    yield "conv0 Weight", net.conv0.weight
    yield "conv0/bn Gamma", net.bn0.weight
    yield "conv0/bn Beta", net.bn0.bias
    for at, block in enumerate(net.blocks):
        scope = f"group{at // 3}/block{at % 3}"
        if block.preact is not None:
            yield f"{scope}/preact/bn Gamma", block.preact.weight
            yield f"{scope}/preact/bn Beta", block.preact.bias
        for number, conv, bn in [(1, block.conv1, block.bn1), (2, block.conv2, block.bn2)]:
            yield f"{scope}/conv{number} Weight", conv.weight
            yield f"{scope}/conv{number}/bn Gamma", bn.weight
            yield f"{scope}/conv{number}/bn Beta", bn.bias
        if at % 3 == 2:
            yield f"group{at // 3}/bnlast/bn Gamma", net.last[at // 3].weight
            yield f"group{at // 3}/bnlast/bn Beta", net.last[at // 3].bias
    yield "linear Weight", net.linear.weight
    yield "linear Bias", net.linear.bias


def rows(name, tensor):
    """Numbers in the test's order: input channels of convolutions last."""
    return tensor.permute(0, 2, 3, 1) if tensor.dim() == 4 else tensor


def main():
    net = ResNet20().double().train()
    for seed, (name, parameter) in enumerate(named(net)):
        if name.endswith("Weight"):
            scale = (6 / parameter[0].numel()) ** 0.5
            numbers = (scale * uniform(seed + 1, parameter.numel())).astype(np.float32)
            shape = rows(name, parameter).shape
            numbers = torch.from_numpy(numbers).double().view(shape)
            parameter.data = (numbers.permute(0, 3, 1, 2) if parameter.dim() == 4 else numbers).contiguous()
        elif name.endswith("Bias"):
            parameter.data.zero_()
    x = (1.5 * uniform(1000, PICTURES * 32 * 32 * 3)).astype(np.float32)
    x = torch.from_numpy(x).double().view(PICTURES, 32, 32, 3).permute(0, 3, 1, 2)
    labels = torch.tensor([7 * picture % 10 for picture in range(PICTURES)])
    loss = F.cross_entropy(net(x), labels)
    loss.backward()
    gradients, bases = {}, {}
    for name, parameter in named(net):
        flat = rows(name, parameter.grad).flatten()
        gradients[name] = flat[:: -(-len(flat) // SAMPLES)].tolist()
    for at, block in enumerate(net.blocks):
        scope = f"group{at // 3}/block{at % 3}"
        for number, quantizer, conv in [(1, block.quant1, block.conv1), (2, block.quant2, block.conv2)]:
            bases[f"{scope}/quant{number}"] = quantizer.next.tolist()
            bases[f"{scope}/conv{number}"] = conv.next[:4].flatten().tolist()
    fixture = {"torch": torch.__version__, "loss": loss.item(), "bases": bases, "gradients": gradients}
    path = pathlib.Path(__file__).parent.parent / "fixtures" / "training_step.json"
    path.write_text(json.dumps(fixture) + "\n")


main()
