"""Runs a network that `lq-infer export` or `lq-infer convert --float` wrote, in PyTorch: nothing else is needed.

    python exported.py net.safetensors inputs.npy logits.npy

inputs.npy holds what the first layer receives, float32 [n, h, w, c], or pictures at the network's size, uint8 [n, h, w, 3] RGB.
Needs the packages torch, numpy and safetensors.
"""

import json
import sys

import numpy as np
import torch
from safetensors import safe_open
from torch.nn import functional as F


def padded(x, window, value=0.0):
    (top, left), (bottom, right) = window["before"], window["after"]
    return F.pad(x, (left, right, top, bottom), value=value)


def conv(op, x, weight, bias):
    window = op["window"]
    # A layer over the whole of its input is saved as a matrix.
    weight = weight.reshape(len(weight), -1, *window["kernel"])
    return F.conv2d(padded(x, window), weight, bias, window["stride"], 0, window.get("dilation", 1), op.get("groups", 1))


def batch_norm(op, x, mean, variance, gain, shift):
    return F.batch_norm(x, mean, variance, gain, shift, eps=op["epsilon"])


def quantize(op, x, levels, thresholds):
    return levels[torch.bucketize(x.contiguous(), thresholds, right=op.get("ties") == "above")]


def max_pool(op, x):
    window = op["window"]
    return F.max_pool2d(padded(x, window, -torch.inf), window["kernel"], window["stride"])


def pad_channels(op, x):
    before = op.get("before", 0)
    return F.pad(x, (0, 0, 0, 0, before, op["channels"] - x.shape[1] - before))


# By kind of layer: what it computes, and the tensors it needs.
LAYERS = {
    "conv": (conv, ["weight", "bias"]),
    "batch-norm": (batch_norm, ["running_mean", "running_var", "weight", "bias"]),
    "quantize": (quantize, ["levels", "thresholds"]),
    "relu": (lambda op, x: x.relu(), []),
    "max-pool": (max_pool, []),
    "avg-pool": (lambda op, x: F.avg_pool2d(x, op["window"]["kernel"], op["window"]["stride"]), []),
    "add": (lambda op, a, b: a + b, []),
    "pad-channels": (pad_channels, []),
    "concat": (lambda op, *parts: torch.cat(parts, 1), []),
}


def run(graph, tensors, x):
    results = {}
    for layer in graph:
        op, name = layer["op"], layer["name"]
        if op["kind"] == "input":
            results[name] = x
            continue
        compute, needs = LAYERS[op["kind"]]
        own = [tensors.get(f"{name}.{tensor}".replace("/", ".")) for tensor in needs]
        results[name] = compute(op, *(results[i] for i in layer["inputs"]), *own)
    return results[graph[-1]["name"]].flatten(1)


def prepared(inputs, preprocess, tensors):
    """What the first layer receives, [n, c, h, w]."""
    if inputs.dtype != np.uint8:
        return torch.from_numpy(inputs).permute(0, 3, 1, 2)
    x, normalize = torch.from_numpy(inputs).float(), preprocess["normalize"]
    if "preprocess.mean_image" in tensors:
        x = (x - tensors["preprocess.mean_image"]) / (255 / normalize["range"])
    x = x.flip(3) if preprocess["channels"] == "bgr" else x
    if normalize["kind"] == "channel":
        x = (x / 255 - torch.tensor(normalize["mean"])) / torch.tensor(normalize["std"])
    return x.permute(0, 3, 1, 2)


def main():
    model, inputs, logits = sys.argv[1:]
    with safe_open(model, "pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}
        network = json.loads(file.metadata()["lq-infer-graph"])
    with torch.no_grad():
        x = prepared(np.load(inputs), network["preprocess"], tensors)
        np.save(logits, run(network["graph"], tensors, x).numpy())


if __name__ == "__main__":
    main()
