"""Exceptions. Files that cannot be read or written raise OSError; Ctrl-C raises KeyboardInterrupt."""


class Error(Exception):
    """What went wrong, with the file or the device it went wrong on."""


class UsageError(Error, ValueError):
    """Arguments contradict each other or the model."""


class ModelError(Error, ValueError):
    """A packed model cannot be used."""


class CheckpointError(Error, ValueError):
    """A training checkpoint cannot be used."""


class InputError(Error, ValueError):
    """A picture or an array cannot be classified."""


class NoDeviceError(Error):
    """No device matches the selector."""


class DeviceError(Error, RuntimeError):
    """The device or its driver reported a failure."""


class DeviceLimitError(DeviceError):
    """The network needs more than the device offers."""


class DeviceMemoryError(DeviceError, MemoryError):
    """The device ran out of memory."""


class DeviceLostError(DeviceError):
    """The device was lost (driver reset, unplugged): make a new engine and prepare the model again."""


class DeadlineError(Error, TimeoutError):
    """The timeout passed before the work was done.

    Python's TimeoutError is an OSError, so ``except DeadlineError`` has to stand before ``except OSError``.
    """


class VerificationError(Error):
    """Recorded and computed results differ."""
