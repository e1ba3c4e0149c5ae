import pathlib

import lq_infer
import numpy as np
import pytest

try:
    # Before any device is listed: see "Triton beside Mesa" in bindings/README.md.
    import triton  # noqa: F401
except ImportError:
    pass

ROOT = pathlib.Path(__file__).parents[3]


@pytest.fixture(scope="session")
def ship() -> pathlib.Path:
    return ROOT / "examples" / "ship.png"


@pytest.fixture(scope="session")
def checkpoint() -> pathlib.Path:
    return ROOT / "tests" / "fixtures" / "torch_layouts" / "plain-cifar-resnet-20.pt"


@pytest.fixture(scope="session")
def net() -> lq_infer.Net:
    return lq_infer.Engine("cpu").prepare(lq_infer.Model.bundled(), max_batch=16)


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, (20, 32, 32, 3), dtype=np.uint8)
