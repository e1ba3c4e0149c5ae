"""Writes what tests/suite/quantize/twin.rs compares: a narrow float network of random weights, pictures, and what twin.py finds
for them.

Run by hand, in this folder, with the packages torch and numpy (CPU is enough):

    python make_twin_fixture.py ../fixtures/quantize_twin

Codes that hang on roundings would make the comparison one of luck, and so would a QEM that ends a step sooner or later. So the
twin also runs in float32 with some noise, and a network for which that gives other bases is not taken.
"""

import json
import pathlib
import sys

import numpy as np
import torch
from torch import nn

from calibrate import initialize, settle_statistics
from make_fixtures import pixels, tensor
from twin import Twin

sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "examples/custom_net"))
from net import MEAN, STD, Graph, window  # noqa: E402

SIZE, PICTURES = 16, 12
# Name: bits of weights and of activations, and whether weights are fitted to outputs.
CASES = {"full 3/2": (3, 2, True), "full 2/2": (2, 2, True), "full 1/32": (1, None, True), "fast 3/3": (3, 3, False)}
NOISE = 2e-7  # of each number that a layer gives
MARGIN = 1e-5  # of the results with noise
SEEDS = range(7, 100)  # the first whose network is firm is taken


def network():
    """Residual blocks with and without a convolution beside them, groups, a bias, numbers of both signs.

    Layers that read few inputs or positions would have codes that are as good as others.
    """
    g = Graph()
    g.layers[0]["op"]["shape"] = {"h": SIZE, "w": SIZE, "c": 3}
    x = g.bn_relu("stem_bn", g.conv("stem", "input", 8, 3, padding=1))
    y = g.bn_relu("one_bn1", g.conv("one_conv1", x, 8, 3, padding=1))
    y = g.batch_norm("one_bn2", g.conv("one_conv2", y, 8, 3, padding=1))
    x = g.relu("one", g.add("one_sum", {"kind": "add"}, x, y))
    y = g.bn_relu("two_bn1", g.conv("two_conv1", x, 12, 3, stride=2, padding=1))
    y = g.batch_norm("two_bn2", g.conv("two_conv2", y, 12, 3, padding=1))
    x = g.batch_norm("two_side_bn", g.conv("two_side", x, 12, 3, stride=2, padding=1))
    x = g.relu("two", g.add("two_sum", {"kind": "add"}, y, x))
    x = g.conv("grouped", x, 16, 3, padding=2, dilation=2, groups=4, bias=True)
    x = g.bn_relu("signed_bn", g.conv("signed", x, 8, 1))
    x = g.add("pool", {"kind": "max-pool", "window": window(2, stride=2)}, x)
    x = g.relu("last_relu", g.conv("last", x, 12, 3, padding=1, bias=True))
    x = g.add("mean", {"kind": "avg-pool", "window": window(SIZE // 4)}, x)
    g.conv("head", x, 5, 1, bias=True)
    return g.layers


def pictures(seed):
    """Noise over squares of random colours, so that neighbouring pixels are alike."""
    fine, coarse = pixels(seed, PICTURES, SIZE), pixels(seed + 1, PICTURES, SIZE // 4)
    coarse = coarse.repeat(4, 1).repeat(4, 2)
    return ((3 * coarse.astype(int) + fine) // 4).astype(np.uint8)


class Settled(Twin):
    """Runs the float network, and gives each layer random parameters before it runs."""

    def __init__(self, layers):
        super().__init__(layers, {}, None, None, False)

    def forward(self, name, inputs, state):
        op, channels = self.layers[name]["op"], inputs[0].shape[1]
        module = None
        if op["kind"] == "conv":
            module = nn.Conv2d(channels, op["outputs"], op["window"]["kernel"], groups=op["groups"], bias=op["bias"])
            initialize(module.double(), torch.float32)
        if op["kind"] == "batch-norm":
            module = nn.BatchNorm2d(channels).double()
            settle_statistics(module, inputs[0], torch.float32)
        for what, value in module.state_dict().items() if module else []:
            if value.is_floating_point():
                self.state[f"{name}.{what}"] = value
        return super().forward(name, inputs, self.state)


class Noisy(Twin):
    """Sums in float32, and a little more noise than that in what each layer gives."""

    def forward(self, name, inputs, state):
        x = super().forward(name, inputs, state)
        return x * (1 + NOISE * torch.randn_like(x))


def is_firm(found, noisy):
    """Whether the noise changes little, in shares of each tensor's largest number."""
    off = {name: ((noisy[name] - value).abs().max() / value.abs().max()).item() for name, value in found.items()}
    # The last layer reads means over positions, whose own means are large beside their variances.
    return all(share < (100 * MARGIN if name.startswith("head") else MARGIN) for name, share in off.items())


def firm_results(layers, state, x):
    """What the twin finds in all cases, or None if it hangs on roundings in one."""
    found = {}
    for case, (weights, activations, full) in CASES.items():
        found[case] = Twin(layers, state, weights, activations, full).run(x)
        for _ in range(2):
            if not is_firm(found[case], Noisy(layers, state, weights, activations, full, torch.float32).run(x)):
                return None
    return found


def written(value):
    """Nested lists of numbers with the digits that matter."""
    return [written(x) for x in value] if value.dim() else float(f"{value.item():.8g}")


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(exist_ok=True)
    torch.set_num_threads(1)  # tensors are small
    layers = network()
    with torch.no_grad():
        for seed in SEEDS:
            torch.manual_seed(seed)
            photos = pictures(seed)
            x = tensor(photos, MEAN, STD)
            x = torch.cat([x, x.flip(3)])
            settled = Settled(layers)
            settled.run(x)
            if found := firm_results(layers, settled.state, x):
                break
        else:
            raise SystemExit("every seed gives codes that hang on roundings")
    torch.save({name: value.float() for name, value in settled.state.items()}, folder / "float.pt")
    np.save(folder / "pictures.npy", photos)
    preprocess = {
        "resize": {"shorter_edge": SIZE, "filter": "pillow-bilinear", "crop": [SIZE, SIZE]},
        "channels": "rgb",
        "normalize": {"kind": "channel", "mean": MEAN, "std": STD},
    }
    graph = {"version": 1, "name": "twin", "graph": layers, "preprocess": preprocess}
    (folder / "float.json").write_text(json.dumps(graph, separators=(",", ":")) + "\n")
    cases = {case: {name: written(value) for name, value in results.items()} for case, results in found.items()}
    (folder / "found.json").write_text(json.dumps(cases, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
