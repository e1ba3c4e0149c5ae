from os import PathLike
from typing import Any, Callable, Sequence, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "Classification",
    "Conversion",
    "Device",
    "Engine",
    "Golden",
    "Model",
    "Net",
    "Prediction",
    "convert",
    "devices",
    "digest",
    "main",
]

_Path = str | PathLike[str]

@final
class Model:
    """A packed model. Pickled as its bytes."""

    @staticmethod
    def open(path: _Path) -> Model:
        """Reads a packed file, which may change or go afterwards. Raises OSError or ModelError."""

    @staticmethod
    def from_bytes(data: bytes, name: str = "model") -> Model:
        """A packed file in memory; errors give ``name`` in place of a path. Raises ModelError."""

    @staticmethod
    def bundled() -> Model:
        """The CIFAR-10 ResNet-20 with 2-bit weights and activations that comes with the package."""

    def to_bytes(self) -> bytes:
        """The packed file."""

    def save(self, path: _Path) -> None:
        """Writes the packed file, which appears whole or not at all. Raises OSError."""

    @property
    def name(self) -> str: ...
    @property
    def network(self) -> str:
        """Id of the network, or "custom"."""

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of one image."""

    @property
    def takes_pictures(self) -> bool:
        """Whether it takes pictures, or only the first layer's tensor."""

    @property
    def labels(self) -> list[str]:
        """One label per class, or none at all."""

    def label(self, class_index: int) -> str:
        """The label of a class, or its number where the model has no labels."""

    def preprocess(self, picture: Any) -> NDArray[np.uint8]:
        """A picture of any size as one image of ``Net.logits``: uint8 [h, w, 3], resized and cropped as the model's file says.

        ``picture`` is what ``Net.classify`` takes. Raises OSError, UsageError or InputError.
        """

    @property
    def header(self) -> dict[str, Any]:
        """Everything in the file but the numbers: graph, preprocessing, labels, source, golden vectors."""

@final
class Engine:
    """An opened device. Threads may share it; pickled as its arguments.

    ``device`` is what the program's ``--device`` takes: "auto" (a hardware GPU, else the CPU), "cpu", "gpu", "vulkan",
    an index or an id of ``devices()``, part of a name. ``threads`` are those of the CPU; None takes RAYON_NUM_THREADS,
    else OMP_NUM_THREADS, else all processors. ``cache`` is a folder for what is worth keeping between runs, such as
    compiled pipelines. Raises NoDeviceError or DeviceError.
    """

    def __new__(cls, device: str = "auto", *, threads: int | None = None, cache: _Path | None = None) -> Engine: ...
    @property
    def device(self) -> str:
        """Name of the device, with its API."""

    @property
    def lost(self) -> str | None:
        """Why the device was lost, if it was."""

    def prepare(
        self,
        model: Model,
        max_batch: int = 1,
        *,
        timeout: float | None = None,
        progress: Callable[[int, int], object] | None = None,
    ) -> Net:
        """Makes a model ready to run, with memory for ``max_batch`` images at a time; more are run in several batches.

        ``progress`` is called with (done, total) while kernels are compiled. ``timeout`` is in seconds. Raises ModelError,
        DeviceLimitError, DeviceMemoryError, DeviceError or DeadlineError.
        """

@final
class Net:
    """A network that is ready to run on one device. Threads may share it. Pickled as its engine and its model, and
    prepared again where it is unpickled."""

    @property
    def model(self) -> Model: ...
    @property
    def device(self) -> str: ...
    @property
    def max_batch(self) -> int: ...
    def logits(self, images: ArrayLike, *, timeout: float | None = None) -> NDArray[np.float32]:
        """Logits [n, classes], the same bits on every device.

        ``images`` are uint8 [n, h, w, 3], RGB at the network's size, or float32 [n, h, w, c], the tensor that the first
        layer receives. Strided arrays are copied. Raises UsageError, InputError, DeviceError or DeadlineError.
        """

    def classify(self, picture: Any, top_k: int = 5, *, timeout: float | None = None) -> Classification:
        """Classifies one picture of any size, prepared as the model's file says.

        ``picture`` is a path, the bytes of a file (PNG, JPEG, WebP, BMP, GIF, TIFF), an image of Pillow, or an array: uint8
        [h, w, 3] in RGB, [h, w, 4] with alpha, which is dropped, or [h, w] in grey. Raises OSError, UsageError, InputError,
        DeviceError or DeadlineError.
        """

    def verify(self) -> list[Golden]:
        """Runs the golden vectors of the model on the device."""

@final
class Classification:
    """What a picture shows."""

    @property
    def top(self) -> list[Prediction]:
        """The most probable classes, best first."""

    @property
    def logits(self) -> NDArray[np.float32]: ...
    @property
    def digest(self) -> str:
        """SHA-256 of the logits; the same on every device."""

@final
class Prediction:
    """One class and its probability."""

    @property
    def class_index(self) -> int: ...
    @property
    def label(self) -> str: ...
    @property
    def probability(self) -> float:
        """Softmax of the logits."""

@final
class Golden:
    """The result of one golden vector."""

    @property
    def input(self) -> str:
        """ "pixels" or "tensor"."""

    @property
    def images(self) -> int: ...
    @property
    def expected(self) -> str:
        """Digest that the file records."""

    @property
    def found(self) -> str:
        """Digest that the device computed."""

    @property
    def holds(self) -> bool: ...

@final
class Device:
    """A device of this machine."""

    @property
    def index(self) -> int: ...
    @property
    def id(self) -> str:
        """What selects it, the same in every run."""

    @property
    def name(self) -> str: ...
    @property
    def api(self) -> str:
        """ "cpu", "vulkan", "metal", "dx12" or "gl"."""

    @property
    def driver(self) -> str: ...
    @property
    def software(self) -> bool:
        """Whether it is a GPU in software, which computes on the CPU."""

    @property
    def problem(self) -> str | None:
        """Why it cannot be used, or what its last check found wrong."""

@final
class Conversion:
    """A converted checkpoint."""

    @property
    def model(self) -> Model: ...
    @property
    def report(self) -> dict[str, Any]:
        """What became of each layer."""

    @property
    def notes(self) -> list[str]:
        """What one should know of the checkpoint: choices that it made, what was left out."""

    @property
    def warnings(self) -> list[str]: ...
    @property
    def alternatives(self) -> list[str]:
        """Ids of other networks that the checkpoint may be just as well."""

def convert(
    checkpoint: _Path,
    output: _Path | None = None,
    *,
    arch: str | None = None,
    graph: _Path | None = None,
    key: str | None = None,
    prefix: str | None = None,
    encoding: str | None = None,
    labels: Sequence[str] | None = None,
    mean_image: _Path | None = None,
    input_size: int | None = None,
    name: str | None = None,
    allow_float: bool = False,
) -> Conversion:
    """Turns a trained checkpoint into a packed model, and writes it if ``output`` is given.

    The arguments are those of ``lq-infer convert``. Raises OSError, CheckpointError or UsageError.
    """

def devices(*, cache: _Path | None = None) -> list[Device]:
    """Every device, in the order of their indices."""

def digest(logits: NDArray[np.float32]) -> str:
    """SHA-256 of float32 logits in C order, as `lq-infer --logits --json` prints it."""

def main(arguments: Sequence[str]) -> int:
    """Runs the program with these arguments, the first of which is its name; returns the exit code."""
