"""Trains the network in net.py for about a minute, exports it, and compares lq-infer's logits with PyTorch's.

    python train.py OUT                     # float first and last layer
    python train.py OUT --quantized-ends    # everything quantized
    python train.py OUT --data cifar10.npz  # real pictures

OUT gets net.json (the graph), net.pt (the state dict: weights and bases), net.safetensors (the packed model), and
pictures.npy. See README.md.
"""

import argparse
import json
import pathlib
import subprocess

import numpy as np
import torch

from net import MEAN, SIZE, STD, Net

STRIPES = 6
HERE = pathlib.Path(__file__).resolve().parent
PROGRAM = HERE.parent.parent / "target/release/lq-infer"


class Stripes:
    """Pictures of stripes at several angles; the angle is the class."""

    classes = STRIPES

    def __init__(self, generator):
        self.generator = generator

    def train(self, count):
        return stripes(count, self.generator)

    test = train


class Pictures:
    """Arrays train_x, train_y, test_x and test_y of an .npz file: bytes [count, SIZE, SIZE, 3], and the classes."""

    def __init__(self, path, generator):
        arrays = np.load(path)
        self.parts = {part: [torch.from_numpy(arrays[f"{part}_{axis}"]) for axis in "xy"] for part in ("train", "test")}
        self.classes, self.generator = int(self.parts["train"][1].max()) + 1, generator

    def train(self, count):
        x, y = self.parts["train"]
        chosen = torch.randint(len(x), (count,), generator=self.generator)
        # Mirror half of the pictures.
        x = torch.where(torch.rand(count, 1, 1, 1, generator=self.generator) < 0.5, x[chosen], x[chosen].flip(2))
        return x, y[chosen].long()

    def test(self, count):
        x, y = self.parts["test"]
        return x[:count].contiguous(), y[:count].long()


def stripes(count, generator):
    """Pictures of stripes with random width, phase and colours, as bytes [count, SIZE, SIZE, 3], and their classes."""
    classes = torch.randint(STRIPES, (count,), generator=generator)
    angle = classes * torch.pi / STRIPES + 0.05 * torch.randn(count, generator=generator)
    y, x = torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing="ij")
    along = x * angle.cos()[:, None, None] + y * angle.sin()[:, None, None]
    frequency = 0.5 + torch.rand(count, 1, 1, generator=generator)
    wave = (along * frequency + 6 * torch.rand(count, 1, 1, generator=generator)).sin()[..., None]
    dark, light = torch.rand(2, count, 1, 1, 3, generator=generator)
    noise = 0.1 * torch.randn(count, SIZE, SIZE, 3, generator=generator)
    picture = dark + (light - dark) * (wave + 1) / 2 + noise
    return (picture * 255).clamp(0, 255).byte(), classes


def tensor(picture, dtype=torch.float32):
    """The network's input: pictures after the `normalize` step of net.py."""
    x = (picture.to(dtype) / 255 - torch.tensor(MEAN, dtype=dtype)) / torch.tensor(STD, dtype=dtype)
    return x.permute(0, 3, 1, 2)


def train(net, steps, data):
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, steps)
    for step in range(steps):
        picture, classes = data.train(64)
        loss = torch.nn.functional.cross_entropy(net(tensor(picture)), classes)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 50 == 49:
            print(f"step {step + 1}: loss {loss.item():.3f}")
    net.eval()


def logits_of(program, model, pictures_file):
    lines = subprocess.run(
        [program, "--model", model, "--json", "--logits", pictures_file], check=True, capture_output=True, text=True
    ).stdout
    return np.array([json.loads(line)["logits"] for line in lines.splitlines()])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--quantized-ends", action="store_true")
    parser.add_argument("--data", type=pathlib.Path, help=".npz with train_x, train_y, test_x and test_y")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--lq-infer", type=pathlib.Path, default=PROGRAM)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)

    torch.manual_seed(1)
    generator = torch.Generator().manual_seed(1)
    data = Pictures(args.data, generator) if args.data else Stripes(generator)
    net = Net(data.classes, args.quantized_ends)
    train(net, args.steps, data)

    # Export the graph, and the state dict with weights and bases as they are.
    torch.save(net.state_dict(), args.out / "net.pt")
    (args.out / "net.json").write_text(json.dumps(net.describe(), indent=1))
    model = args.out / "net.safetensors"
    command = [args.lq_infer, "convert", args.out / "net.pt", "--graph", args.out / "net.json", "-o", model]
    subprocess.run(command, check=True)

    picture, classes = data.test(256)
    np.save(args.out / "pictures.npy", picture.numpy())
    with torch.no_grad():
        expected = net.double()(tensor(picture, torch.float64)).numpy()
    found = logits_of(args.lq_infer, model, args.out / "pictures.npy")
    difference = np.abs(found - expected).max(1) / np.abs(expected).max()
    accuracy = (found.argmax(1) == classes.numpy()).mean()
    print(f"accuracy {accuracy:.1%}; predictions that agree with PyTorch's {(found.argmax(1) == expected.argmax(1)).mean():.1%}")
    # Where a number lies within rounding error of a threshold, either code is right, and the picture's logits differ
    # visibly.
    print(f"logits differ by {np.median(difference):.1e} in the median, {(difference < 1e-5).mean():.1%} by less than 1e-5")
    if (difference < 1e-5).mean() < 0.95:
        raise SystemExit("they should agree better")


if __name__ == "__main__":
    main()
