"""The example of Ray Data: everything that a plain loop gives, also when a worker is killed."""

import os
import pathlib
import sys

import pytest
from plain_loop import EXAMPLES, check_rows, write_pictures

ray = pytest.importorskip("ray")

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


def test_a_killed_worker_loses_nothing(cluster, tmp_path, monkeypatch, net):
    photos, results = tmp_path / "photos", tmp_path / "results"
    write_pictures(photos, 150)
    monkeypatch.setattr(ray_data, "Classify", Killed)
    ray_data.classify(str(photos), str(results), net.model, actors=2, cpus=1, batch=16)
    assert cluster.exists()
    table = ray.data.read_parquet(str(results))
    assert table.count() == 151
    check_rows({photos / row["id"]: row for row in table.take_all()}, photos, net)
