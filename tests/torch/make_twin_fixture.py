"""Writes what tests/suite/quantize/twin.rs compares: a narrow float network of random weights, pictures, and what twin.py finds
for them.

Run by hand, in this folder, with the packages torch and numpy (CPU is enough):

    python make_twin_fixture.py ../fixtures/quantize_twin

Codes that hang on roundings would make the comparison one of luck. So the twin runs in float32, too, and a network for which
that gives other bases is not taken.
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
CASES = {"full 2/2": (2, 2, True), "full 3/4": (3, 4, True), "full 1/32": (1, None, True), "fast 3/3": (3, 3, False)}
MARGIN = 1e-5  # of the results in float32
SEEDS = range(1, 50)


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


def both_ways(layers, state, x):
    """What the twin finds in float64, and by how much float32 differs, in shares of each tensor's largest number."""
    found, worst = {}, 0.0
    for case, (weights, activations, full) in CASES.items():
        wide, narrow = (Twin(layers, state, weights, activations, full, t).run(x) for t in (torch.float64, torch.float32))
        found[case] = wide
        off = {name: ((narrow[name] - value).abs().max() / value.abs().max()).item() for name, value in wide.items()}
        worst = max(worst, *off.values())
    return found, worst


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
            found, worst = both_ways(layers, settled.state, x)
            print(f"seed {seed}: float32 differs by {worst:.1e}")
            if worst < MARGIN:
                break
        else:
            raise SystemExit("float32 finds other bases for every seed")
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
