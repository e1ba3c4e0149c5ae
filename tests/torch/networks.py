"""The networks whose checkpoints are compared: torchvision's ResNets and VGGs with the ports' convolutions, and two
of the original's networks under the plain naming. All take their widths as arguments, to be small."""

import torch
from torch import nn

from quantizers import OriginalConv2d, OriginalQuantizer, PortConv2d

VGG = {  # convolutions between poolings
    11: (1, 1, 2, 2, 2),
    13: (2, 2, 2, 2, 2),
    16: (2, 2, 3, 3, 3),
    19: (2, 2, 4, 4, 4),
}


class Block(nn.Module):
    """Two 3x3 convolutions, or 1x1, 3x3, 1x1 (with the stride on the 3x3, as in torchvision)."""

    def __init__(self, inputs, width, outputs, stride, bottleneck, bits):
        super().__init__()

        def conv(index, inputs, outputs, kernel, stride):
            geometry = {"kernel_size": kernel, "stride": stride, "padding": kernel // 2, "bias": False}
            setattr(self, f"conv{index}", PortConv2d(inputs, outputs, *bits, **geometry))
            setattr(self, f"bn{index}", nn.BatchNorm2d(outputs))

        self.depth = 3 if bottleneck else 2
        conv(1, inputs, width, 1 if bottleneck else 3, 1 if bottleneck else stride)
        conv(2, width, width, 3, stride if bottleneck else 1)
        if bottleneck:
            conv(3, width, outputs, 1, 1)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            shortcut = PortConv2d(inputs, outputs, *bits, kernel_size=1, stride=stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = x
        for index in range(1, self.depth + 1):
            y = getattr(self, f"bn{index}")(getattr(self, f"conv{index}")(y))
            y = y.relu() if index < self.depth else y
        return (y + (self.downsample(x) if self.downsample else x)).relu()


class PortResNet(nn.Module):
    def __init__(self, blocks, bottleneck, widths, classes, bits):
        super().__init__()
        inputs = widths[0]
        self.conv1 = nn.Conv2d(3, inputs, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(inputs)
        for group, (count, width) in enumerate(zip(blocks, widths)):
            outputs = 4 * width if bottleneck else width
            layer = []
            for block in range(count):
                stride = 2 if group > 0 and block == 0 else 1
                layer.append(Block(inputs, width, outputs, stride, bottleneck, bits))
                inputs = outputs
            setattr(self, f"layer{group + 1}", nn.Sequential(*layer))
        self.fc = nn.Linear(inputs, classes)

    def forward(self, x):
        x = nn.functional.max_pool2d(self.bn1(self.conv1(x)).relu(), 3, 2, 1)
        for group in range(1, 5):
            x = getattr(self, f"layer{group}")(x)
        return self.fc(x.mean((2, 3)))


class PortVgg(nn.Module):
    def __init__(self, depth, batch_norm, widths, hidden, classes, bits):
        super().__init__()
        features, inputs = [], 3
        for count, width in zip(VGG[depth], widths):
            for _ in range(count):
                features.append(PortConv2d(inputs, width, *bits, kernel_size=3, padding=1))
                features += [nn.BatchNorm2d(width)] * batch_norm + [nn.ReLU()]
                inputs = width
            features.append(nn.MaxPool2d(2, 2))
        self.features = nn.Sequential(*features)
        self.classifier = nn.Sequential(
            nn.Linear(inputs * 49, hidden), nn.ReLU(), nn.Dropout(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Dropout(),
            nn.Linear(hidden, classes),
        )

    def forward(self, x):
        # Of a 1x1 map this makes 49 copies.
        x = nn.functional.adaptive_avg_pool2d(self.features(x), (7, 7))
        return self.classifier(x.flatten(1))


def scope(**modules):
    """A module that only groups others."""
    group = nn.Module()
    for name, module in modules.items():
        group.add_module(name, module)
    return group


def original_conv(inputs, outputs, stride=1, bits=0, kernel=3):
    """A convolution followed by its batch norm, which is its child, as in the original's names."""
    conv = OriginalConv2d(inputs, outputs, kernel, stride, bits)
    conv.bn = nn.BatchNorm2d(outputs)
    return conv


class OriginalCifarResNet(nn.Module):
    """Pre-activation blocks with type-A shortcuts (paper, section 5.1)."""

    def __init__(self, blocks, widths, classes, bits):
        super().__init__()
        w_bits, a_bits = bits
        self.blocks, inputs = blocks, widths[0]
        self.conv0 = original_conv(3, inputs)
        for g, width in enumerate(widths):
            group = scope(bnlast=scope(bn=nn.BatchNorm2d(width)))
            for b in range(blocks):
                block = scope(
                    quant1=OriginalQuantizer(a_bits),
                    conv1=original_conv(inputs, width, 2 if g > 0 and b == 0 else 1, w_bits),
                    quant2=OriginalQuantizer(a_bits),
                    conv2=original_conv(width, width, 1, w_bits),
                )
                if b > 0:
                    block.preact = scope(bn=nn.BatchNorm2d(inputs))
                group.add_module(f"block{b}", block)
                inputs = width
            self.add_module(f"group{g}", group)
        self.linear = nn.Linear(inputs, classes)

    def forward(self, x):
        x = self.conv0.bn(self.conv0(x)).relu()
        for g in range(3):
            group = getattr(self, f"group{g}")
            for b in range(self.blocks):
                x = self.block(getattr(group, f"block{b}"), x)
            x = group.bnlast.bn(x).relu()
        return self.linear(x.mean((2, 3)))

    @staticmethod
    def block(block, x):
        y = block.preact.bn(x).relu() if hasattr(block, "preact") else x
        y = block.conv1.bn(block.conv1(block.quant1(y))).relu()
        y = block.conv2.bn(block.conv2(block.quant2(y)))
        if y.shape != x.shape:
            x = nn.functional.avg_pool2d(x, 2)
            x = torch.cat([x, x.new_zeros(len(x), y.shape[1] - x.shape[1], *x.shape[2:])], 1)
        return y + x


class OriginalVggSmall(nn.Module):
    """conv1, conv3 and conv5 are pooled before their batch norms, which are named bn2, bn4 and bn6."""

    def __init__(self, widths, classes, bits):
        super().__init__()
        w_bits, a_bits = bits
        self.conv0 = original_conv(3, widths[0])
        inputs = widths[0]
        for i in range(1, 6):
            width = widths[i // 2]
            self.add_module(f"quant{i}", OriginalQuantizer(a_bits))
            conv = original_conv(inputs, width, bits=w_bits)
            if i % 2:
                bn, conv.bn = conv.bn, None
                self.add_module(f"bn{i + 1}", scope(bn=bn))
            self.add_module(f"conv{i}", conv)
            inputs = width
        self.linear = nn.Linear(inputs * 16, classes)

    def forward(self, x):
        x = self.conv0.bn(self.conv0(x)).relu()
        for i in range(1, 6):
            conv = getattr(self, f"conv{i}")
            x = conv(getattr(self, f"quant{i}")(x))
            norm = getattr(self, f"bn{i + 1}").bn if i % 2 else conv.bn
            x = norm(nn.functional.max_pool2d(x, 2) if i % 2 else x).relu()
        return self.linear(x.flatten(1))
