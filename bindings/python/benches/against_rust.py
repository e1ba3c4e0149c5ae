"""Times `Net.logits` from Python beside the same call in Rust, which `lq-infer bench` of the same wheel times.

    python benches/against_rust.py [--batch 16] [--rounds 5] [--device cpu] [--threads 1] [MODEL]

Each round is a process of either, one after the other, so that both see the same changes of the machine. Of each process two
figures are taken: the median of its calls, and the quickest one, which other programs on the machine disturb least. The
comparison takes the median of the rounds' ratios for the former and the quickest of all for the latter.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
from typing import NamedTuple

import numpy as np

import lq_infer

SECONDS = 3


class Times(NamedTuple):
    """Seconds of a call."""

    median: float
    least: float


def of_python(model: str | None, batch: int, device: str) -> Times:
    """The times of calls in this process."""
    opened = lq_infer.Model.open(model) if model else lq_infer.Model.bundled()
    net = lq_infer.Engine(device).prepare(opened, max_batch=batch)
    height, width, _ = opened.input_shape
    pixels = np.random.default_rng(2).integers(0, 256, (batch, height, width, 3), np.uint8)
    times = []
    end = time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        start = time.perf_counter()
        net.logits(pixels)
        times.append(time.perf_counter() - start)
    # The first third warms up, as in the benchmark.
    return Times(statistics.median(times[len(times) // 3 :]), min(times))


def of_rust(model: str | None, batch: int, device: str) -> Times:
    """The times of the same calls in a process of the program."""
    command = [sys.executable, "-m", "lq_infer", "bench", *([model] if model else []), "--quick"]
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder, "report.json")
        options = ["--batch", str(batch), "--device", device, "--json", str(report)]
        subprocess.run([*command, *options], check=True, capture_output=True)
        (cell,) = json.loads(report.read_text())["cells"]
    wall = cell["warm"]["wall"]
    return Times(wall["median"], wall["least"])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("model", nargs="?")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    measured = (options.model, options.batch, options.device)
    if options.one:
        print(json.dumps(of_python(*measured)))
        return
    if options.threads:
        os.environ["RAYON_NUM_THREADS"] = str(options.threads)
    pythons, rusts = [], []
    for _ in range(options.rounds):
        here = subprocess.run([sys.executable, *sys.argv, "--one"], check=True, capture_output=True, text=True)
        pythons.append(Times(*json.loads(here.stdout)))
        rusts.append(of_rust(*measured))
        told = [f"{name} {1e3 * t.median:7.3f} ms (least {1e3 * t.least:7.3f})" for name, t in (("Python", pythons[-1]), ("Rust", rusts[-1]))]
        print(*told, sep=", ", flush=True)
    medians = statistics.median(p.median / r.median for p, r in zip(pythons, rusts))
    least = min(p.least for p in pythons) / min(r.least for r in rusts)
    print(f"Python takes {100 * (medians - 1):+.1f} % by medians, {100 * (least - 1):+.1f} % by the quickest calls;", end=" ")
    print(f"load average {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
