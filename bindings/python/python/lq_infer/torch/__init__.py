"""LQ-Nets in PyTorch: `prepare` puts the paper's quantizers into a network, training stays yours, `export` writes a packed
model and compares it with PyTorch on the spot.

    import lq_infer.torch as lq, torchvision

    net = torchvision.models.resnet18(num_classes=10)
    lq.prepare(net, weights=2, activations=2)
    ...                                     # your training loop; then
    report = lq.export(net, "net.safetensors", size=224, labels=names, transform=transform)
"""

from ._export import Report, export
from ._graph import UnsupportedLayer
from ._prepare import prepare
from ._quantizers import QuantizedConv2d, QuantizedLinear, Quantizer

__all__ = ["QuantizedConv2d", "QuantizedLinear", "Quantizer", "Report", "UnsupportedLayer", "export", "prepare"]
