"""The example of Spark gives what a plain loop gives."""

import os
import pathlib
import shutil
import sys

import pytest
from plain_loop import EXAMPLES, check_rows, write_pictures

pytest.importorskip("pyspark")
pytest.importorskip("pandas")
parquet = pytest.importorskip("pyarrow.parquet")
if not shutil.which("java") and "JAVA_HOME" not in os.environ:
    pytest.skip("Spark needs Java", allow_module_level=True)

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
    write_pictures(photos, 40)
    spark_udf.classify(spark, str(photos), str(results), net.model)
    rows = parquet.read_table(results).to_pylist()
    assert len(rows) == 41
    check_rows({pathlib.Path(row["path"].removeprefix("file:")): row for row in rows}, photos, net)
