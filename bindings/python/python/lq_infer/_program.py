"""The program's commands as functions. They run in a process of their own, as measurements should."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
from typing import Any

from . import _errors

# The program's exit codes, which are a contract.
_CODES = {2: _errors.UsageError, 3: _errors.InputError, 4: _errors.NoDeviceError, 5: _errors.VerificationError}


def run(*arguments: "str | os.PathLike[str]") -> str:
    """Runs a command of the program, such as ``run("inspect", "net.safetensors")``, and returns what it prints.

    Notes and progress go to this process's standard error. Raises UsageError, InputError, NoDeviceError,
    VerificationError or Error with the program's message if it fails.
    """
    command = [sys.executable, "-m", "lq_infer", *map(os.fspath, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8")
    if done.returncode:
        # The message comes last, after notes, and may have several lines.
        message = done.stderr.strip().rpartition("lq-infer: error: ")[2] or f"exit code {done.returncode}"
        raise _CODES.get(done.returncode, _errors.Error)(message)
    sys.stderr.write(done.stderr)
    return done.stdout


def bench(
    model: "str | os.PathLike[str] | None" = None,
    *,
    device: str = "auto",
    batch: "tuple[int, ...]" = (1,),
    quick: bool = False,
) -> "dict[str, Any]":
    """Times a packed model (the bundled one if None) on devices, checks every result, and returns the report.

    ``device`` may name several, separated by commas, or be "all".
    """
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder, "report.json")
        arguments: "list[str | os.PathLike[str]]" = ["bench", "--device", device, "--batch", ",".join(map(str, batch))]
        arguments += ["--json", report] + (["--quick"] if quick else []) + (["--model", model] if model else [])
        run(*arguments)
        return json.loads(report.read_text(encoding="utf-8"))


def quantize(
    checkpoint: "str | os.PathLike[str]",
    output: "str | os.PathLike[str]",
    *,
    bits: str,
    calibrate: "str | os.PathLike[str]",
    **options: "str | int | bool | os.PathLike[str]",
) -> "dict[str, Any]":
    """Makes a low-bit network of a checkpoint in float, by pictures without labels, and writes it as a packed model.

    ``bits`` are those of weights and activations ("4/4", "2/2,layer4.*=3/3"); ``calibrate`` is a folder of pictures.
    ``options`` are those of ``lq-infer quantize``: ``seed=1``, ``first_last=True``, ``graph="net.json"``. Returns the report.
    """
    arguments: "list[Any]" = ["quantize", checkpoint, "-o", output, "--bits", bits, "--calibrate", calibrate, "--json"]
    for name, value in options.items():
        flag = "--" + name.replace("_", "-")
        arguments += [flag] if value is True else [] if value is False else [flag, os.fspath(value) if hasattr(value, "__fspath__") else str(value)]
    return json.loads(run(*arguments))
