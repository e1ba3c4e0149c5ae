"""Writes the checkpoints that tests/torch_reader/ reads, with a real PyTorch, and what must be found in them.

Run by hand, from anywhere, with the packages torch, numpy and safetensors:

    python tests/torch/make_reader_fixtures.py

listing.txt has all that must be found: file, tensor, shape and type. expected.npz has the values of the floats among
them as float32, as FILE/TENSOR.
"""

import argparse
import collections
import pathlib

import numpy as np
import safetensors.torch
import torch

FOLDER = pathlib.Path(__file__).parent.parent / "fixtures" / "torch"
LISTING = []
EXPECTED = {}


def model():
    """A little of everything that state dicts of quantized networks hold."""
    torch.manual_seed(3)
    net = torch.nn.Sequential(
        collections.OrderedDict(
            conv1=torch.nn.Conv2d(3, 4, 3, bias=False),
            bn1=torch.nn.BatchNorm2d(4),
            fc=torch.nn.Linear(4, 2),
        )
    )
    net.conv1.register_buffer("basis", torch.randn(4, 2))
    net.bn1.running_mean.normal_()
    net.bn1.running_var.uniform_(0.5, 2.0)
    return net


def prefixed(state, prefix):
    return collections.OrderedDict((prefix + name, tensor) for name, tensor in state.items())


def record(name, tensors):
    """Writes what the reader must find in a fixture."""
    for key, tensor in sorted(tensors.items()):
        shape = "x".join(str(n) for n in tensor.shape) or "-"
        LISTING.append(f"{name} {key} {shape} {str(tensor.dtype).removeprefix('torch.')}")
        if tensor.dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
            EXPECTED[f"{name}/{key}"] = tensor.detach().float().numpy()


def save(name, content, tensors=None, legacy=False, **options):
    torch.save(content, FOLDER / name, _use_new_zipfile_serialization=not legacy, **options)
    if tensors is not None:
        record(name, tensors)


def views():
    """Tensors that share one storage, and are not what lies there side by side."""
    whole = torch.arange(24, dtype=torch.float32) * 0.25 - 2
    grid = whole.view(4, 6)
    return collections.OrderedDict(
        whole=whole,
        transposed=grid.t(),
        part=grid[1:3, 2:5],
        every_other=whole[1::2],
        expanded=grid[:, :1].expand(4, 3),
        channels_last=whole.view(1, 2, 3, 4).to(memory_format=torch.channels_last),
        permuted=whole.view(2, 3, 4).permute(1, 2, 0),
        scalar=whole[7],
        empty=whole[:0].view(0, 5),
    )


def types():
    """One tensor of each type that the reader lists."""
    numbers = torch.arange(6).view(2, 3)
    names = "float32 float64 float16 bfloat16 int64 int32 int16 int8 uint8 bool complex64 complex128".split()
    names += ["uint16", "uint32", "uint64", "float8_e4m3fn", "float8_e5m2"]
    return collections.OrderedDict((name, numbers.to(getattr(torch, name))) for name in names)


def checkpoint(net):
    """What training scripts save: much that is no tensor, and a state dict with wrapped names."""
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    for parameter in net.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 30)
    counts = collections.defaultdict(list)
    counts["conv1"].append(3)
    return {
        "epoch": 90,
        "arch": "resnet18",
        "best_acc1": torch.tensor(64.875),
        "state_dict": prefixed(net.state_dict(), "module."),
        "optimizer": optimizer.state_dict(),
        "scheduler": scheduler.state_dict(),
        "args": argparse.Namespace(lr=0.1, data=pathlib.PurePosixPath("data/imagenet"), gpu=None, sizes=[1, 2, (3, 4)]),
        "history": {
            "loss": [np.float64(2.5), np.float32(1.25), 0.5],
            "accuracy": np.arange(3.0),
            "best": np.int64(2),
            "curve": [torch.tensor(1.5), torch.tensor(2.5)],
        },
        "counts": counts,
        "seen": {1, 2, 3},
        "frozen": frozenset(["a"]),
        "big": 1 << 100,
        "raw": b"\x00\xff",
        "dtype": torch.float16,
        "device": torch.device("cpu"),
        "size": torch.Size([1, 2]),
        "rng_state": torch.get_rng_state()[:16].clone(),
    }


def whole_model():
    """A model pickled as such. Its class is made here so that no source code of PyTorch gets into the file."""
    namespace = {"torch": torch}
    exec("class Net(torch.nn.Module):\n    pass", namespace)
    net = namespace["Net"]()
    net.weight = torch.nn.Parameter(torch.ones(2))
    namespace["Net"].__module__ = "__main__"
    globals()["Net"] = namespace["Net"]
    return net


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    net = model()
    state = net.state_dict()
    save("plain.pt", state, state)
    save("protocol5.pt", state, state, pickle_protocol=5)
    save("legacy.pth", state, state, legacy=True)
    for name, dtype in [("half", torch.half), ("bfloat16", torch.bfloat16), ("double", torch.double)]:
        converted = model().to(dtype).state_dict()
        save(f"{name}.pt", converted, converted)
    save("compiled.pth", torch.compile(net).state_dict(), state)
    save("distributed.pth", {"model": prefixed(state, "module._orig_mod.")}, state)
    parameters = dict(net.named_parameters())
    save("parameters.pt", parameters, parameters)
    save("views.pt", views(), views())
    save("views-legacy.pth", views(), views(), legacy=True)
    save("types.pt", types(), types())

    # In-place changes by the optimizer must not reach the fixtures above.
    trained = model()
    content = checkpoint(trained)
    save("checkpoint.pth.tar", content, trained.state_dict())
    save("checkpoint-legacy.pth.tar", content, trained.state_dict(), legacy=True)

    # What is refused.
    save("several.pt", {"net": state, "ema": prefixed(state, ""), "epoch": 3})
    save("whole-model.pt", {"epoch": 3, "model": whole_model()})
    save("whole-model-legacy.pt", whole_model(), legacy=True)
    save("negated.pt", {"x": torch.view_as_complex(torch.randn(3, 2)).conj().imag})

    mixed = {"module." + name: tensor for name, tensor in state.items()}
    mixed["module.half"] = torch.arange(4).half() / 3
    mixed["module.bfloat16"] = torch.arange(4).bfloat16() / 3
    mixed["module.double"] = torch.arange(4).double() / 3
    safetensors.torch.save_file(mixed, FOLDER / "state.safetensors", metadata={"format": "pt"})
    record("state.safetensors", {name.removeprefix("module."): tensor for name, tensor in mixed.items()})

    (FOLDER / "listing.txt").write_text("\n".join(LISTING) + "\n")
    np.savez_compressed(FOLDER / "expected.npz", **EXPECTED)


if __name__ == "__main__":
    main()
