"""Classifies a folder of pictures with Ray Data, on as many machines as the cluster has, and writes Parquet files.

    pip install "ray[data]"
    python ray_data.py photos/ results/ --model net.safetensors --actors 4

Each row is one picture: ``id`` (path below the folder), ``label``, ``probability``, ``digest`` of its logits, which is the
same on every machine, and ``error`` where the picture could not be read (the rest is null then).
"""

import argparse
import os
from typing import Any

import lq_infer
import numpy as np
import ray


class Classify:
    """A class for ``map_batches``: each actor makes it once, and then calls it for batch after batch."""

    def __init__(self, model: bytes, folder: str, device: str, batch: int) -> None:
        # Ray sets OMP_NUM_THREADS to the processors of an actor, which is what the engine takes.
        engine = lq_infer.Engine(device)
        self.folder = folder
        self.net = engine.prepare(lq_infer.Model.from_bytes(model), max_batch=batch)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        model = self.net.model
        rows = [self.row(path) for path in batch["path"]]
        images = []
        for row, data in zip(rows, batch["bytes"]):
            try:
                images.append((row, model.preprocess(data)))
            except lq_infer.InputError as error:
                row["error"] = str(error)
        if images:
            logits = self.net.logits(np.stack([pixels for _, pixels in images]))
            for (row, _), of_one in zip(images, logits):
                found = self.net.classification(of_one, top_k=1)
                row["label"], row["probability"] = found.top[0].label, found.top[0].probability
                row["digest"] = found.digest
        return {name: [row[name] for row in rows] for name in rows[0]}

    def row(self, path: str) -> dict[str, Any]:
        name = os.path.relpath(path, self.folder)
        return {"id": name, "label": None, "probability": None, "digest": None, "error": None}


def classify(
    folder: str, results: str, model: lq_infer.Model, *, actors: int, cpus: float, device: str = "cpu", batch: int = 64
) -> None:
    """Classifies every file of ``folder`` and writes the rows to ``results``. Whatever a worker did not finish when it
    died is done again by another."""
    data = ray.data.read_binary_files(folder, include_paths=True, partitioning=None)
    rows = data.map_batches(
        Classify,
        fn_constructor_args=(model.to_bytes(), os.path.abspath(folder), device, batch),
        batch_size=batch,
        compute=ray.data.ActorPoolStrategy(size=actors),
        num_cpus=cpus,
        num_gpus=0 if device == "cpu" else 1,
        max_restarts=-1,
        max_task_retries=-1,
    )
    rows.write_parquet(results)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("results")
    parser.add_argument("--model", help="packed model [default: the bundled one]")
    parser.add_argument("--device", default="cpu", help="device of each actor [default: cpu]")
    parser.add_argument("--actors", type=int, default=2)
    parser.add_argument("--cpus", type=float, default=1, help="processors of each actor [default: 1]")
    parser.add_argument("--batch", type=int, default=64, help="pictures per call [default: 64]")
    args = parser.parse_args()
    model = lq_infer.Model.open(args.model) if args.model else lq_infer.Model.bundled()
    options = {"actors": args.actors, "cpus": args.cpus, "device": args.device, "batch": args.batch}
    classify(args.folder, args.results, model, **options)
    table = ray.data.read_parquet(args.results)
    print(f"{table.count()} pictures in {args.results}")


if __name__ == "__main__":
    main()
