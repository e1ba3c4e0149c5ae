"""The example of Spark gives what a plain loop gives."""

import os
import pathlib
import shutil
import sys

import numpy as np
import pytest

pytest.importorskip("pyspark")
pytest.importorskip("pandas")
parquet = pytest.importorskip("pyarrow.parquet")
Image = pytest.importorskip("PIL.Image")
if not shutil.which("java") and "JAVA_HOME" not in os.environ:
    pytest.skip("Spark needs Java", allow_module_level=True)

EXAMPLES = pathlib.Path(__file__).parents[1] / "examples"
sys.path.insert(0, str(EXAMPLES))
import spark_udf  # noqa: E402
from pyspark.sql import SparkSession  # noqa: E402


@pytest.fixture
def spark(monkeypatch):
    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    monkeypatch.setenv("PYTHONPATH", str(EXAMPLES))
    session = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").getOrCreate()
    yield session
    session.stop()


def test_rows_are_those_of_a_plain_loop(spark, tmp_path, net):
    photos, results = tmp_path / "photos", tmp_path / "results"
    rng = np.random.default_rng(8)
    for number in range(40):
        height, width = rng.integers(20, 60, 2)
        below = photos / f"class {number % 3}"
        below.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8)).save(below / f"{number}.png")
    (photos / "broken.png").write_bytes(b"no picture")
    spark_udf.classify(spark, str(photos), str(results), net.model)
    rows = {pathlib.Path(row["path"].removeprefix("file:")): row for row in parquet.read_table(results).to_pylist()}
    assert len(rows) == 41
    for path, row in rows.items():
        if path.name == "broken.png":
            assert (row["label"], row["probability"], row["digest"]) == (None, None, None) and "PNG" in row["error"]
            continue
        expected = net.classify(path, 1)
        assert row["digest"] == expected.digest and row["label"] == expected.top[0].label and row["error"] is None
        assert abs(row["probability"] - expected.top[0].probability) < 1e-12
