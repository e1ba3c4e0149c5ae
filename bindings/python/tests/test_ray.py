"""The example of Ray Data: everything that a plain loop gives, also when a worker is killed."""

import os
import pathlib
import sys

import lq_infer
import numpy as np
import pytest

ray = pytest.importorskip("ray")
Image = pytest.importorskip("PIL.Image")

EXAMPLES = pathlib.Path(__file__).parents[1] / "examples"
sys.path.insert(0, str(EXAMPLES))
import ray_data  # noqa: E402

# Workers cannot import this module.
ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])


class Killed(ray_data.Classify):
    """Dies with its first batch, once in the life of the cluster."""

    MARK = "LQ_INFER_TEST_MARK"

    def __call__(self, batch):
        mark = pathlib.Path(os.environ[self.MARK])
        try:
            mark.touch(exist_ok=False)
        except FileExistsError:
            return super().__call__(batch)
        os._exit(9)


@pytest.fixture
def cluster(tmp_path):
    mark = tmp_path / "a worker was killed"
    variables = {"PYTHONPATH": str(EXAMPLES), Killed.MARK: str(mark), "RAY_USAGE_STATS_ENABLED": "0"}
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray.init(
        # One more than the actors have, for the tasks that read files.
        num_cpus=3,
        include_dashboard=False,
        log_to_driver=False,
        object_store_memory=200 << 20,
        runtime_env={"env_vars": variables},
    )
    yield mark
    ray.shutdown()


def pictures(folder: pathlib.Path, count: int) -> None:
    rng = np.random.default_rng(8)
    for number in range(count):
        height, width = rng.integers(20, 60, 2)
        pixels = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        below = folder / f"class {number % 3}"
        below.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(below / f"{number}.png")
    (folder / "broken.png").write_bytes(b"no picture")


def test_a_killed_worker_loses_nothing(cluster, tmp_path, monkeypatch, net):
    pictures(tmp_path / "photos", 150)
    monkeypatch.setattr(ray_data, "Classify", Killed)
    results = tmp_path / "results"
    ray_data.classify(str(tmp_path / "photos"), str(results), net.model, actors=2, cpus=1, batch=16)
    assert cluster.exists()
    rows = {row["id"]: row for row in ray.data.read_parquet(str(results)).take_all()}
    files = [path for path in (tmp_path / "photos").rglob("*.png")]
    assert len(rows) == len(files) == 151
    for path in files:
        row = rows[str(path.relative_to(tmp_path / "photos"))]
        if path.name == "broken.png":
            assert row["label"] is None and row["digest"] is None and "PNG" in row["error"]
            continue
        expected = net.classify(path, 1)
        assert row["digest"] == expected.digest and row["label"] == expected.top[0].label and row["error"] is None
        assert abs(row["probability"] - expected.top[0].probability) < 1e-12
