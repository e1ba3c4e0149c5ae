"""Exact integer inference of LQ-Nets (Zhang et al., ECCV 2018) on any GPU and any CPU: every device gives the same bits.

>>> import lq_infer, numpy as np
>>> net = lq_infer.Engine("cpu").prepare(lq_infer.Model.bundled(), max_batch=16)
>>> logits = net.logits(np.zeros((16, 32, 32, 3), np.uint8))
>>> logits.shape, logits.dtype.name
((16, 10), 'float32')
"""

from importlib.metadata import version as _version

from ._errors import (
    CheckpointError,
    DeadlineError,
    DeviceError,
    DeviceLimitError,
    DeviceLostError,
    DeviceMemoryError,
    Error,
    InputError,
    ModelError,
    NoDeviceError,
    UsageError,
    VerificationError,
)
from ._lq_infer import (
    Classification,
    Conversion,
    Device,
    Engine,
    Golden,
    Model,
    Net,
    Prediction,
    convert,
    devices,
    digest,
)
from ._program import bench, quantize, run

__version__ = _version("lq-infer")

__all__ = [
    "CheckpointError",
    "Classification",
    "Conversion",
    "DeadlineError",
    "Device",
    "DeviceError",
    "DeviceLimitError",
    "DeviceLostError",
    "DeviceMemoryError",
    "Engine",
    "Error",
    "Golden",
    "InputError",
    "Model",
    "ModelError",
    "Net",
    "NoDeviceError",
    "Prediction",
    "UsageError",
    "VerificationError",
    "bench",
    "convert",
    "devices",
    "digest",
    "quantize",
    "run",
]
