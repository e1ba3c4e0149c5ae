"""Writes checkpoints in the layouts that people save from PyTorch, and the logits PyTorch computes, for
tests/torch_layouts.rs.

Run by hand, in this folder, with the packages torch and numpy (CPU is enough):

    python make_fixtures.py ../fixtures/torch_layouts

Each network is narrow, gets random weights and fitted bases and statistics (calibrate.py), and is evaluated in float64 on
pictures that the test generates, too. NAME.npy has the logits [images, classes] as float64.
"""

import argparse
import json
import pathlib
import struct
import sys

import numpy as np
import torch

from calibrate import calibrate
from networks import OriginalCifarResNet, OriginalVggSmall, PortResNet, PortVgg

HALF = {"mean": [0.5] * 3, "std": [0.5] * 3}
IMAGENET = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
CIFAR = {"mean": [0.4914, 0.4822, 0.4465], "std": [0.2470, 0.2435, 0.2616]}


def pixels(seed, images, size):
    """[images, size, size, 3] bytes of SplitMix64 (Steele, Lea and Flood 2014), least significant byte first."""
    count = images * size * size * 3
    with np.errstate(over="ignore"):
        steps = np.arange(1, -(-count // 8) + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = np.uint64(seed) + steps
        z = (z ^ z >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ z >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
        z = z ^ z >> np.uint64(31)
    return z.astype("<u8").view(np.uint8)[:count].reshape(images, size, size, 3)


def tensor(picture, mean, std):
    """What the network reads, [images, 3, height, width]."""
    x = (torch.from_numpy(picture.copy()).double() / 255 - torch.tensor(mean).double()) / torch.tensor(std).double()
    return x.permute(0, 3, 1, 2)


def save_checkpoint(state, path):
    """As the ports' training script does on several GPUs: a dict with a history and the arguments."""
    history = [{"epoch": 0, "train_result": (11.5, 52.25, 2.5), "test_result": (10.0, 50.0, 2.25), "lr": 0.01}]
    state = type(state)((f"module.{name}", value) for name, value in state.items())
    arguments = argparse.Namespace(device="cuda", w_bit=2, a_bit=2, method="QEM", lr=0.01, gpu=None)
    torch.save({"history": history, "state_dict": state, "args": arguments}, path)


def save_legacy(state, path):
    torch.save(state, path, _use_new_zipfile_serialization=False)


def save_safetensors(state, path):
    """The format by hand: a header's length, the header, the numbers."""
    names = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.int64: "I64"}
    header, data = {}, b""
    for name, value in state.items():
        raw = value.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
        shape, offsets = list(value.shape), [len(data), len(data) + len(raw)]
        header[name] = {"dtype": names[value.dtype], "shape": shape, "data_offsets": offsets}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def resnet(blocks, bottleneck, classes, bits):
    return PortResNet(blocks, bottleneck, (4, 6, 8, 8), classes, bits)


def vgg(depth, batch_norm, classes, bits):
    return PortVgg(depth, batch_norm, (4, 4, 6, 6, 8), 12, classes, bits)


# name: (network, input size, normalization, element type, how to save)
CASES = {
    "resnet18-cifar.pth": (lambda: resnet((2, 2, 2, 2), False, 10, (2, 2)), 32, HALF, torch.float32, save_checkpoint),
    "resnet18.pt": (lambda: resnet((2, 2, 2, 2), False, 12, (2, 0)), 224, IMAGENET, torch.float32, torch.save),
    "resnet34-cifar.safetensors": (
        lambda: resnet((3, 4, 6, 3), False, 10, (1, 2)), 32, HALF, torch.float16, save_safetensors,
    ),
    "resnet34.pth": (lambda: resnet((3, 4, 6, 3), False, 12, (3, 3)), 224, IMAGENET, torch.bfloat16, save_legacy),
    "resnet50.safetensors": (
        lambda: resnet((3, 4, 6, 3), True, 12, (2, 4)), 224, IMAGENET, torch.bfloat16, save_safetensors,
    ),
    "vgg11-bn-cifar.pth": (lambda: vgg(11, True, 10, (2, 2)), 32, HALF, torch.float32, save_checkpoint),
    "vgg11.pt": (lambda: vgg(11, False, 12, (0, 2)), 224, IMAGENET, torch.float32, torch.save),
    "vgg13.pt": (lambda: vgg(13, False, 12, (2, 3)), 224, IMAGENET, torch.float16, torch.save),
    "vgg13-bn-cifar.safetensors": (
        lambda: vgg(13, True, 10, (3, 1)), 32, HALF, torch.float32, save_safetensors,
    ),
    "vgg16-bn.pth": (lambda: vgg(16, True, 12, (2, 2)), 224, IMAGENET, torch.float16, save_legacy),
    "vgg16-cifar.pt": (lambda: vgg(16, False, 10, (4, 0)), 32, HALF, torch.float32, torch.save),
    "vgg19-bn.pt": (lambda: vgg(19, True, 12, (4, 4)), 224, IMAGENET, torch.bfloat16, torch.save),
    "vgg19-cifar.pth": (lambda: vgg(19, False, 10, (1, 2)), 32, HALF, torch.float32, save_legacy),
    "plain-cifar-resnet-20.pt": (
        lambda: OriginalCifarResNet(3, (6, 8, 12), 10, (2, 2)), 32, CIFAR, torch.float32, torch.save,
    ),
    "plain-cifar-resnet-20-w3a1.safetensors": (
        lambda: OriginalCifarResNet(3, (6, 8, 12), 10, (3, 1)), 32, CIFAR, torch.float16, save_safetensors,
    ),
    "plain-vgg-small.pth": (
        lambda: OriginalVggSmall((6, 10, 14), 10, (2, 3)), 32, None, torch.float32, save_legacy,
    ),
}


OTHER_SCHEME = "scale-and-bias.pth.tar"


def make(name, folder, index):
    network, size, normalization, dtype, save = CASES[name]
    torch.manual_seed(index)
    model = network()
    picture = pixels(index, 2 if size == 32 else 1, size)
    # Networks that subtract a mean picture are given one of constant 128.
    x = tensor(picture, **normalization) if normalization else (torch.from_numpy(picture.copy()).double() - 128) / 128
    x = x if normalization else x.permute(0, 3, 1, 2)
    calibrate(model, x, dtype, index)
    with torch.no_grad():
        logits = model(x)
    state = model.state_dict()
    state = type(state)((k, v.to(dtype) if v.is_floating_point() else v) for k, v in state.items())
    save(state, folder / name)
    np.save(folder / (name.rsplit(".", 1)[0] + ".npy"), logits.numpy())
    print(f"{name}: {(folder / name).stat().st_size} bytes, logits {logits.min():.3f} to {logits.max():.3f}")


def make_other_scheme(path):
    """Another scheme that is named after LQ-Nets: a scale and a bias for each layer, beside the state dict."""
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.Conv2d(4, 4, 3))
    layers = [{"bias": torch.mean(model[2].weight.data), "scale": torch.max(model[2].weight.data) / 3}]
    state = {"acc": torch.tensor(71.5), "epoch": 3, "state_dict": model.state_dict(), "quant_info": layers}
    torch.save({**state, "quant_Actinfo": {}}, path)


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(exist_ok=True)
    for index, name in enumerate(CASES):
        make(name, folder, index + 1)
    make_other_scheme(folder / OTHER_SCHEME)


if __name__ == "__main__":
    main()
