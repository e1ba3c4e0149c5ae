"""Writes a trained network as a packed model, and compares it with PyTorch before anything is written."""

import copy
import dataclasses
import json
import os
import pathlib
import tempfile
from typing import Any, Sequence

import numpy as np
import torch
from torch import nn

from .. import _program
from .._lq_infer import Model
from ._graph import graph_of
from ._quantizers import Quantizer
from ._transform import preprocessing


@dataclasses.dataclass(frozen=True)
class Report:
    """What was written, and how it compares with PyTorch."""

    model: Model
    #: Images that were compared, and those for which both have the same most probable class.
    images: int
    same_class: int
    #: Median over the images of the largest difference of a logit, in standard deviations of the logits.
    median_difference: float
    #: Everything that `lq-infer convert --json` prints: too much to be shown with the rest.
    details: "dict[str, Any]" = dataclasses.field(repr=False)


def export(
    net: nn.Module,
    path: "str | os.PathLike[str]",
    *,
    size: "int | tuple[int, int]",
    transform: Any,
    labels: "Sequence[str] | None" = None,
    name: "str | None" = None,
    examples: "np.ndarray | None" = None,
    tolerance: "float | None" = None,
) -> Report:
    """Writes `net`, which `prepare` made and you trained, as the packed model `path`.

    `size` is the height and width of the network's input. `transform` says how pictures are prepared in evaluation: a
    preset or a Compose of torchvision, or {"mean": [...], "std": [...]}. `examples`, uint8 [n, h, w, 3] at that size, are
    run by both, PyTorch in float64, and their logits and the codes of every quantizer compared; random ones are taken if
    there are none, but real pictures are the better test. Where the logits differ, `VerificationError` names the first
    layer whose codes do, and nothing is written. `tolerance` is that of `lq-infer convert`.
    """
    size = (size, size) if isinstance(size, int) else tuple(size)
    exact = copy.deepcopy(getattr(net, "module", net)).cpu().double().eval()
    graph, flattened = graph_of(exact, size, 3)
    description = {
        "version": 1,
        "name": name or type(exact).__name__.lower(),
        "graph": graph,
        "preprocess": preprocessing(transform, size),
        "labels": list(labels or []),
    }
    if examples is None:
        examples = np.random.default_rng(0).integers(0, 256, (16, *size, 3), dtype=np.uint8)
    normalize = description["preprocess"]["normalize"]
    logits, codes = _expected(exact, examples, normalize["mean"], normalize["std"])
    codes = {layer: levels.reshape(len(levels), *flattened.get(layer, levels.shape[1:])) for layer, levels in codes.items()}
    with tempfile.TemporaryDirectory() as folder:
        files = pathlib.Path(folder)
        torch.save(_variables(net, graph), files / "net.pt")
        (files / "net.json").write_text(json.dumps(description), encoding="utf-8")
        np.save(files / "inputs.npy", np.ascontiguousarray(examples))
        np.save(files / "logits.npy", logits)
        np.savez(files / "codes.npz", **codes)
        arguments: "list[Any]" = ["convert", files / "net.pt", "--graph", files / "net.json", "-o", path, "--json"]
        arguments += ["--verify", files / "inputs.npy", files / "logits.npy"]
        arguments += ["--codes", files / "codes.npz"] if codes else ["--allow-float"]
        arguments += ["--tolerance", str(tolerance)] if tolerance is not None else []
        details = json.loads(_program.run(*arguments))
    found = details["verification"]
    return Report(
        model=Model.open(path),
        images=found["images"],
        same_class=found["same_class"],
        median_difference=found["median_absolute"] / found["spread"],
        details=details,
    )


def _variables(net: nn.Module, graph: "list[dict[str, Any]]") -> "dict[str, torch.Tensor]":
    """The variables of the layers that the graph has: training may have left others behind."""
    layers = {layer["name"].replace("/", ".") for layer in graph}
    state = getattr(net, "module", net).state_dict()
    return {key: value.detach().cpu() for key, value in state.items() if key.rpartition(".")[0] in layers}


@torch.no_grad()
def _expected(
    net: nn.Module, examples: np.ndarray, mean: "list[float]", std: "list[float]"
) -> "tuple[np.ndarray, dict[str, np.ndarray]]":
    """Logits, and the levels that every quantizer of activations gives."""
    levels: "dict[str, np.ndarray]" = {}

    def note(name: str) -> Any:
        return lambda module, inputs, output: levels.__setitem__(name, output.numpy())

    for name, module in net.named_modules():
        if isinstance(module, Quantizer):
            module.register_forward_hook(note(name))
    pictures = torch.from_numpy(np.ascontiguousarray(examples)).double() / 255
    x = (pictures - torch.tensor(mean, dtype=torch.float64)) / torch.tensor(std, dtype=torch.float64)
    logits = net(x.permute(0, 3, 1, 2)).numpy()
    return logits, levels
