"""A small network with a bit of everything, and its description for lq-infer.

`Net.forward` is the network as PyTorch runs it; `Net.graph` is the same network in lq-infer's graph format
(models/README.md). Layers are named like their modules, so that the state dict has the names that lq-infer looks for.
"""

import torch
from torch import nn

from lq import QConv2d, QLinear, Quantize

SIZE = 32
MEAN, STD = [0.5, 0.5, 0.5], [0.25, 0.25, 0.25]


class Net(nn.Module):
    """With `quantized_ends`, the first layer's weights and the last layer's weights and input are quantized, too."""

    def __init__(self, classes, quantized_ends=False):
        super().__init__()
        self.classes, self.quantized_ends = classes, quantized_ends
        self.stem = QConv2d(3, 16, 3, 4, padding=1) if quantized_ends else nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.stem_bn = nn.BatchNorm2d(16)
        # Two branches with bit widths of their own; one of them has a dilated window.
        self.near_quant = Quantize(2)
        self.near = QConv2d(16, 8, 1, 3)
        self.far_quant = Quantize(3)
        self.far = QConv2d(16, 8, 3, 1, padding=2, dilation=2)
        self.joined_bn = nn.BatchNorm2d(16)
        # A depthwise convolution with float weights.
        self.depthwise = nn.Conv2d(16, 16, 3, stride=2, padding=1, groups=16, bias=False)
        self.depthwise_bn = nn.BatchNorm2d(16)
        # A residual block with a grouped convolution.
        self.block_quant = Quantize(2)
        self.block = QConv2d(16, 16, 3, 2, padding=1, groups=4)
        self.block_bn = nn.BatchNorm2d(16)
        if quantized_ends:
            self.head_quant = Quantize(4)
        self.head = QLinear(16, classes, 4) if quantized_ends else nn.Linear(16, classes)

    def forward(self, x):
        x = self.stem_bn(self.stem(x)).relu()
        x = torch.cat([self.near(self.near_quant(x)), self.far(self.far_quant(x))], 1)
        x = self.joined_bn(x).relu()
        x = self.depthwise_bn(self.depthwise(x)).relu()
        x = (x + self.block_bn(self.block(self.block_quant(x)))).relu()
        x = nn.functional.max_pool2d(x, 2).mean((2, 3))
        return self.head(self.head_quant(x) if self.quantized_ends else x)

    def graph(self):
        planes = self.quantized_ends
        g = Graph()
        x = g.conv("stem", "input", 16, 3, padding=1, bits=4 if planes else None)
        x = g.bn_relu("stem_bn", x)
        near = g.conv("near", g.quantize("near_quant", x, 2), 8, 1, bits=3)
        far = g.conv("far", g.quantize("far_quant", x, 3), 8, 3, padding=2, dilation=2, bits=1)
        x = g.bn_relu("joined_bn", g.add("joined", {"kind": "concat"}, near, far))
        x = g.bn_relu("depthwise_bn", g.conv("depthwise", x, 16, 3, stride=2, padding=1, groups=16))
        y = g.conv("block", g.quantize("block_quant", x, 2), 16, 3, padding=1, groups=4, bits=2)
        x = g.relu("sum_relu", g.add("sum", {"kind": "add"}, x, g.batch_norm("block_bn", y)))
        x = g.add("pool", {"kind": "max-pool", "window": window(2, stride=2)}, x)
        x = g.add("mean", {"kind": "avg-pool", "window": window(SIZE // 4)}, x)
        x = g.quantize("head_quant", x, 4) if planes else x
        g.conv("head", x, self.classes, 1, bits=4 if planes else None, bias=True)
        return g.layers

    def describe(self):
        """The content of a graph file."""
        return {
            "version": 1,
            "name": "custom-net",
            "graph": self.graph(),
            "preprocess": {
                "resize": {"shorter_edge": SIZE, "filter": "pillow-bilinear", "crop": [SIZE, SIZE]},
                "channels": "rgb",
                "normalize": {"kind": "channel", "mean": MEAN, "std": STD},
            },
        }


def window(kernel, stride=1, padding=0, dilation=1):
    geometry = {"kernel": kernel, "stride": stride, "before": padding, "after": padding, "dilation": dilation}
    return {key: [value, value] for key, value in geometry.items()}


class Graph:
    """Layers in lq-infer's graph format. Every method adds a layer and returns its name."""

    def __init__(self):
        self.layers = []
        self.add("input", {"kind": "input", "shape": {"h": SIZE, "w": SIZE, "c": 3}})

    def add(self, name, op, *inputs):
        self.layers.append({"name": name, "op": op, "inputs": inputs})
        return name

    def conv(self, name, x, outputs, kernel, bits=None, bias=False, groups=1, **geometry):
        weights = {"stored": "planes", "bits": bits} if bits else {"stored": "float"}
        op = {"kind": "conv", "outputs": outputs, "window": window(kernel, **geometry), "weights": weights}
        return self.add(name, {**op, "bias": bias, "groups": groups}, x)

    def quantize(self, name, x, bits):
        return self.add(name, {"kind": "quantize", "bits": bits}, x)

    def batch_norm(self, name, x):
        return self.add(name, {"kind": "batch-norm", "epsilon": 1e-5}, x)

    def relu(self, name, x):
        return self.add(name, {"kind": "relu"}, x)

    def bn_relu(self, name, x):
        return self.relu(f"{name}_relu", self.batch_norm(name, x))
