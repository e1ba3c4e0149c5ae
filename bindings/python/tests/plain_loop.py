"""What the tests of the examples for clusters share: a folder of pictures, and the rows that a plain loop gives for it."""

import pathlib

import lq_infer
import numpy as np
import pytest

EXAMPLES = pathlib.Path(__file__).parents[1] / "examples"


def write_pictures(folder: pathlib.Path, count: int) -> None:
    """Writes so many pictures into folders of three classes, and a file that is none."""
    image = pytest.importorskip("PIL.Image")
    rng = np.random.default_rng(8)
    for number in range(count):
        height, width = rng.integers(20, 60, 2)
        pixels = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        below = folder / f"class {number % 3}"
        below.mkdir(parents=True, exist_ok=True)
        image.fromarray(pixels).save(below / f"{number}.png")
    (folder / "broken.png").write_bytes(b"no picture")


def check_rows(rows: dict[pathlib.Path, dict], folder: pathlib.Path, net: lq_infer.Net) -> None:
    """``rows`` has one for each file of ``folder``, with what ``net`` gives for it alone."""
    assert rows.keys() == set(folder.rglob("*.png"))
    for path, row in rows.items():
        if path.name == "broken.png":
            assert (row["label"], row["probability"], row["digest"]) == (None, None, None) and "PNG" in row["error"]
            continue
        expected = net.classify(path, 1)
        assert row["digest"] == expected.digest and row["label"] == expected.top[0].label and row["error"] is None
        assert abs(row["probability"] - expected.top[0].probability) < 1e-12
