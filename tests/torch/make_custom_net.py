"""Trains examples/custom_net for a moment and writes what tests/custom_net.rs compares: the state dict, the graph, pictures,
and the logits PyTorch computes from them in float64.

Run by hand, in this folder, with the packages torch and numpy (CPU is enough):

    python make_custom_net.py ../fixtures/custom_net
"""

import json
import pathlib
import sys

import numpy as np
import torch

from calibrate import distance
from quantizers import levels_of

sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "examples/custom_net"))
from lq import Quantize  # noqa: E402
from net import Net  # noqa: E402
from train import Stripes, tensor, train  # noqa: E402

STEPS = 100
PICTURES = 3
MARGIN = 1e-5  # of a number's distance to a threshold, in standard deviations


def nearest(net, x):
    """The logits of one picture, and how close any number in it comes to a threshold."""
    closest = []

    def look(quantizer, args):
        thresholds = levels_of(quantizer.basis[None], 0)[1][0]
        closest.append((distance(args[0].flatten().sort().values, thresholds) / args[0].std()).item())

    hooks = [m.register_forward_pre_hook(look) for m in net.modules() if isinstance(m, Quantize)]
    logits = net(x[None])[0]
    for hook in hooks:
        hook.remove()
    return logits, min(closest)


def make(folder, name, quantized_ends):
    torch.manual_seed(1)
    data = Stripes(torch.Generator().manual_seed(1))
    net = Net(data.classes, quantized_ends)
    train(net, STEPS, data)
    torch.save(net.state_dict(), folder / f"{name}.pt")
    (folder / f"{name}.json").write_text(json.dumps(net.describe(), separators=(",", ":")) + "\n")
    pictures, _ = data.test(40)
    net.double()
    with torch.no_grad():
        results = [nearest(net, x) for x in tensor(pictures, torch.float64)]
    chosen = [i for i, (_, margin) in enumerate(results) if margin > MARGIN][:PICTURES]
    if len(chosen) < PICTURES:
        raise SystemExit("every picture has numbers near a threshold")
    np.save(folder / f"{name}-pictures.npy", pictures[chosen].numpy())
    np.save(folder / f"{name}-logits.npy", torch.stack([results[i][0] for i in chosen]).numpy())


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(exist_ok=True)
    make(folder, "float-ends", False)
    make(folder, "quantized-ends", True)


if __name__ == "__main__":
    main()
