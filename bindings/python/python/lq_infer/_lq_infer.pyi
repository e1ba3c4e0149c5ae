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
    """A packed model. Threads may share it; pickled as its bytes."""

    @staticmethod
    def open(path: _Path) -> Model:
        """Reads a packed file, which may be changed or removed afterwards. Raises OSError or ModelError."""

    @staticmethod
    def from_bytes(data: bytes, name: str = "model") -> Model:
        """A packed file in memory, which is copied. Errors give ``name`` in place of a path. Raises ModelError."""

    @staticmethod
    def bundled() -> Model:
        """The CIFAR-10 ResNet-20 with 2-bit weights and activations that comes with the package."""

    def to_bytes(self) -> bytes:
        """The packed file, as ``save`` writes it."""

    def save(self, path: _Path) -> None:
        """Writes the packed file, which appears whole or not at all. Raises OSError."""

    @property
    def name(self) -> str:
        """The name that the model was given when it was converted."""

    @property
    def network(self) -> str:
        """Id of the network, such as "resnet-18", or "custom"."""

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of one image."""

    @property
    def takes_pictures(self) -> bool:
        """Whether it takes pictures, or only the first layer's tensor."""

    @property
    def labels(self) -> list[str]:
        """One label for each class, or none at all."""

    def label(self, class_index: int) -> str:
        """The label of a class, or its number where the model has no labels. Raises UsageError for a class that there is not."""

    def preprocess(self, picture: Any) -> NDArray[np.uint8]:
        """A picture of any size as one image of ``Net.logits``: uint8 ``[h, w, 3]``, resized and cropped as the model's file
        says.

        ``picture`` is what ``Net.classify`` takes. ``numpy.stack`` makes a batch of several. Raises OSError, UsageError or
        InputError.
        """

    @property
    def header(self) -> dict[str, Any]:
        """Everything in the file but the numbers: graph, preprocessing, labels, source, golden vectors."""

@final
class Engine:
    """An opened device. Threads may share it; pickled as its arguments.

    ``device`` is what the program's ``--device`` takes: "auto" (a hardware GPU, else the CPU), "cpu", "gpu", "vulkan", "metal",
    "dx12", "gl", an index or an id of ``devices()``, or part of a name. ``threads`` are those of the CPU; None takes
    RAYON_NUM_THREADS, else OMP_NUM_THREADS, else all processors. ``cache`` is a folder for what is worth keeping between runs,
    such as compiled pipelines; None for none. Raises UsageError, NoDeviceError or DeviceError.
    """

    def __new__(cls, device: str = "auto", *, threads: int | None = None, cache: _Path | None = None) -> Engine: ...
    @property
    def device(self) -> str:
        """Name of the device: "cpu", or for a GPU such as "NVIDIA H100 (vulkan)", with its API. The engine's ``repr`` also
        shows the threads and the instruction set of a CPU."""

    @property
    def lost(self) -> str | None:
        """Why the device was lost, or None. Every call on a lost device raises DeviceLostError; what helps is a new engine."""

    def prepare(
        self,
        model: Model,
        max_batch: int = 1,
        *,
        timeout: float | None = None,
        progress: Callable[[int, int], object] | None = None,
    ) -> Net:
        """Makes a model ready to run, with memory for ``max_batch`` images at a time, 1 to 4096; more are run in several batches.

        ``progress`` is called with (done, total) while kernels are compiled, on the thread that prepares. What it raises ends
        the preparation and is raised here. ``timeout`` is in seconds from the beginning of the call: None or infinity for no
        limit; with 0 it is over at once. Raises UsageError, ModelError, DeviceLimitError, DeviceMemoryError, DeviceLostError,
        DeviceError or DeadlineError.
        """

@final
class Net:
    """A network that is ready to run on one device. Threads may share it. Pickled as its engine and its model, and prepared
    again where it is unpickled."""

    @property
    def model(self) -> Model:
        """The model that it was made of."""

    @property
    def device(self) -> str:
        """Name of the device, with its API."""

    @property
    def max_batch(self) -> int:
        """How many images memory was asked for; more are run in several batches."""

    def logits(self, images: ArrayLike, *, timeout: float | None = None) -> NDArray[np.float32]:
        """The logits of a batch of images of any size: float32 ``[n, classes]``, the same bits on every device.

        ``images`` is whatever ``numpy.asarray`` makes an array of: uint8 ``[n, h, w, 3]``, RGB at the network's size, which
        ``Model.preprocess`` makes of pictures; or float32 ``[n, h, w, c]``, the tensors that the first layer receives. Arrays
        of any strides are copied once. ``timeout`` is in seconds from the beginning of the call: None or infinity for no limit;
        with 0 it is over at once. Raises UsageError, InputError, DeviceMemoryError, DeviceLostError, DeviceError or
        DeadlineError.
        """

    def classify(self, picture: Any, top_k: int = 5, *, timeout: float | None = None) -> Classification:
        """Classifies one picture of any size, prepared as the model's file says, and reports the ``top_k`` most probable
        classes (with 0, only logits and digest; all classes if there are fewer).

        ``picture`` is a path, the bytes of a file (PNG, JPEG, WebP, BMP, GIF, TIFF), an image of Pillow, or an array: uint8
        ``[h, w, 3]`` in RGB, ``[h, w, 4]`` with alpha, which is dropped, or ``[h, w]`` in grey. ``timeout`` is in seconds from
        the beginning of the call: None or infinity for no limit; with 0 it is over at once. Raises OSError, UsageError,
        InputError, DeviceMemoryError, DeviceLostError, DeviceError or DeadlineError.
        """

    def classification(self, logits: ArrayLike, top_k: int = 5) -> Classification:
        """The ``top_k`` most probable classes of one image, by its logits: float32 ``[classes]``, a row of what ``logits``
        gives. It is what ``classify`` gives for the same picture. Raises UsageError."""

    def verify(self) -> list[Golden]:
        """Runs the golden vectors of the model on the device. Whether they were reproduced is in the results: it raises only
        what ``logits`` does."""

@final
class Classification:
    """What a picture shows."""

    @property
    def top(self) -> list[Prediction]:
        """The most probable classes, best first; classes with equal logits in their order."""

    @property
    def logits(self) -> NDArray[np.float32]:
        """The network's output: float32 ``[classes]``."""

    @property
    def digest(self) -> str:
        """SHA-256 of the logits, in hex; the same on every device."""

@final
class Prediction:
    """One class and its probability."""

    @property
    def class_index(self) -> int:
        """Index of the class, which is that of its logit."""

    @property
    def label(self) -> str:
        """The class's label, or its number where the model has no labels."""

    @property
    def probability(self) -> float:
        """Softmax of the logits, 0 to 1."""

@final
class Golden:
    """The result of one golden vector: logits that the model's file records."""

    @property
    def input(self) -> str:
        """ "pixels" or "tensor"."""

    @property
    def images(self) -> int:
        """How many images it has."""

    @property
    def expected(self) -> str:
        """Digest that the file records."""

    @property
    def found(self) -> str:
        """Digest that the device computed."""

    @property
    def holds(self) -> bool:
        """Whether the two are the same."""

@final
class Device:
    """A device of this machine."""

    @property
    def index(self) -> int:
        """Its place in ``devices()``, which selects it."""

    @property
    def id(self) -> str:
        """What selects it, the same in every run."""

    @property
    def name(self) -> str:
        """Name that the driver gives it; for a CPU "cpu" with the instruction set, unless that is the best."""

    @property
    def api(self) -> str:
        """ "cpu", "vulkan", "metal", "dx12" or "gl"."""

    @property
    def driver(self) -> str:
        """Driver and its version; for a CPU its threads and its instruction set."""

    @property
    def software(self) -> bool:
        """Whether it is a GPU in software, which computes on the CPU."""

    @property
    def problem(self) -> str | None:
        """Why it cannot be used, or what its last check found wrong; None if nothing is known."""

@final
class Conversion:
    """A converted checkpoint."""

    @property
    def model(self) -> Model:
        """The packed model."""

    @property
    def report(self) -> dict[str, Any]:
        """What became of each layer."""

    @property
    def notes(self) -> list[str]:
        """What one should know of the checkpoint: choices that it made, what was left out."""

    @property
    def warnings(self) -> list[str]:
        """What may be wrong with the checkpoint, such as levels that no weight has."""

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
    """Every device, in the order of their indices. ``cache`` is the folder of an engine's ``cache``, with the results of
    checks."""

def digest(logits: ArrayLike) -> str:
    """SHA-256 of float32 logits of any shape, in C order and with the low byte first: of the logits of one image, what
    ``lq-infer --logits --json`` prints. Raises UsageError."""

def main(arguments: Sequence[str]) -> int:
    """Runs the program with these arguments, the first of which is its name; returns the exit code."""
