"""The same with Spark: a pandas UDF that classifies the contents of picture files.

    pip install pyspark pandas pyarrow
    python spark_udf.py photos/ results/ [net.safetensors]

Spark needs Java. Its workers need this package too: on a cluster, PYSPARK_PYTHON names their Python.
"""

import os
import sys
from collections.abc import Iterator

import lq_infer
import numpy as np
import pandas as pd
from pyspark.sql import SparkSession
from pyspark.sql.functions import pandas_udf

BATCH = 64


def classifier(model: lq_infer.Model, threads: int = 1):
    """A function of a column of picture files, which gives the label, its probability, the digest of the logits, or an
    error. Spark runs one Python process for each of an executor's cores, so one thread each is right."""
    packed = model.to_bytes()

    @pandas_udf("label string, probability double, digest string, error string")
    def classified(columns: Iterator[pd.Series]) -> Iterator[pd.DataFrame]:
        # Prepared once for all batches of a partition.
        model = lq_infer.Model.from_bytes(packed)
        net = lq_infer.Engine("cpu", threads=threads).prepare(model, max_batch=BATCH)
        for column in columns:
            yield pd.DataFrame([row(net, data) for data in column])

    return classified


def row(net: lq_infer.Net, data: bytes) -> dict[str, object]:
    try:
        found = net.classify(data, 1)
    except lq_infer.InputError as error:
        return {"label": None, "probability": np.nan, "digest": None, "error": str(error)}
    best = found.top[0]
    return {"label": best.label, "probability": best.probability, "digest": found.digest, "error": None}


def classify(spark: SparkSession, folder: str, results: str, model: lq_infer.Model) -> None:
    """Classifies every file of ``folder`` and writes the rows to ``results``."""
    files = spark.read.format("binaryFile").option("recursiveFileLookup", "true").load(folder)
    found = files.select("path", classifier(model)("content").alias("found")).select("path", "found.*")
    found.write.parquet(results)


def main() -> None:
    folder, results = sys.argv[1:3]
    model = lq_infer.Model.open(sys.argv[3]) if len(sys.argv) > 3 else lq_infer.Model.bundled()
    # Otherwise workers on this machine run the first python3 on the path.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    classify(SparkSession.builder.getOrCreate(), folder, results, model)


if __name__ == "__main__":
    main()
