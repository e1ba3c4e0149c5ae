"""Pictures per second of examples/ray_data.py beside those of a plain loop in one process, over the same folder.

    python benches/ray_beside_loop.py [--pictures 4000] [--edge 32] [--actors 2] [--model FILE]

The loop reads, decodes and classifies in batches of 64 with all processors for the network. Ray's time is without starting Ray,
but with starting its actors and writing the results; with a large enough number of pictures that does not count.
"""

import argparse
import os
import pathlib
import sys
import tempfile
import time

import lq_infer
import numpy as np
import ray
from PIL import Image

EXAMPLES = str(pathlib.Path(__file__).parent.parent / "examples")
sys.path.insert(0, EXAMPLES)
import ray_data  # noqa: E402

BATCH = 64


def write_pictures(folder: str, count: int, edge: int) -> None:
    noise = np.random.default_rng(0)
    for number in range(count):
        # Smooth, as photos are, so that decoding takes what it usually does.
        small = Image.fromarray(noise.integers(0, 256, (8, 8, 3), np.uint8))
        small.resize((edge, edge), Image.BICUBIC).save(f"{folder}/{number:06}.{'png' if edge < 100 else 'jpg'}")


def loop(folder: str, model: lq_infer.Model) -> int:
    classify = ray_data.Classify(model.to_bytes(), folder, "cpu", BATCH)
    paths = sorted(os.path.join(folder, name) for name in os.listdir(folder))
    found = 0
    for start in range(0, len(paths), BATCH):
        batch = paths[start : start + BATCH]
        rows = classify({"path": batch, "bytes": [pathlib.Path(path).read_bytes() for path in batch]})
        found += sum(label is not None for label in rows["label"])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=4000)
    parser.add_argument("--edge", type=int, default=32)
    parser.add_argument("--actors", type=int, default=2)
    parser.add_argument("--model")
    options = parser.parse_args()
    model = lq_infer.Model.open(options.model) if options.model else lq_infer.Model.bundled()
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as results:
        write_pictures(folder, options.pictures, options.edge)
        start = time.perf_counter()
        assert loop(folder, model) == options.pictures
        plain = options.pictures / (time.perf_counter() - start)
        # The tasks that read files need some processors of their own; Ray only counts them.
        variables = {"PYTHONPATH": EXAMPLES, "RAY_USAGE_STATS_ENABLED": "0"}
        ray.init(num_cpus=options.actors + 2, log_to_driver=False, runtime_env={"env_vars": variables})
        start = time.perf_counter()
        ray_data.classify(folder, results, model, actors=options.actors, cpus=1)
        rays = options.pictures / (time.perf_counter() - start)
        assert ray.data.read_parquet(results).count() == options.pictures
    print(f"loop {plain:.0f} pictures/s, Ray with {options.actors} actors {rays:.0f} pictures/s ({rays / plain:.2f} times)")
    print(f"load average {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
