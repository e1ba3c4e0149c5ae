"""How pictures become the network's input: torchvision's transforms as lq-infer's preprocessing."""

from typing import Any

_FILTERS = {"bilinear": "pillow-bilinear", "bicubic": "pillow-bicubic"}


def preprocessing(transform: Any, size: "tuple[int, int]") -> "dict[str, Any]":
    """The `preprocess` part of a graph file. `transform` is one of torchvision's presets, a Compose of Resize, CenterCrop,
    ToTensor and Normalize, or a dictionary with "mean", "std" and, where pictures are resized, "resize" and "filter"."""
    found = transform if isinstance(transform, dict) else _described(transform)
    unknown = set(found) - {"mean", "std", "resize", "filter", "crop"}
    if unknown or "mean" not in found or "std" not in found:
        raise ValueError(f"transform: expected 'mean' and 'std', maybe 'resize' and 'filter'; found {sorted(found)}")
    crop = list(found.get("crop", size))
    if crop != list(size):
        raise ValueError(f"transform: crops pictures to {crop}, but the network is exported for {list(size)}")
    resize: "dict[str, Any]" = {"filter": found.get("filter", "pillow-bilinear"), "crop": crop}
    edge = found.get("resize", min(size))
    if isinstance(edge, (list, tuple)):
        resize |= {"shorter_edge": min(edge), "stretch": list(edge)}
    else:
        resize["shorter_edge"] = edge
    normalize = {"kind": "channel", "mean": _three(found["mean"]), "std": _three(found["std"])}
    return {"resize": resize, "channels": "rgb", "normalize": normalize}


def _three(values: Any) -> "list[float]":
    values = [float(v) for v in (values if hasattr(values, "__iter__") else [values])]
    return values * 3 if len(values) == 1 else values


def _described(transform: Any) -> "dict[str, Any]":
    if transform is None:
        raise ValueError("transform: say how pictures become the network's input, at least {'mean': ..., 'std': ...}")
    if all(hasattr(transform, name) for name in ("crop_size", "resize_size", "mean", "std", "interpolation")):
        (edge,), (crop,) = transform.resize_size, transform.crop_size
        return {
            "mean": transform.mean,
            "std": transform.std,
            "resize": edge,
            "filter": _filter(transform.interpolation),
            "crop": (crop, crop),
        }
    found: "dict[str, Any]" = {}
    for step in getattr(transform, "transforms", [transform]):
        found |= _step(step)
    return found


def _step(step: Any) -> "dict[str, Any]":
    name = type(step).__name__
    if name == "Normalize":
        return {"mean": step.mean, "std": step.std}
    if name == "Resize":
        size = step.size if isinstance(step.size, int) or len(step.size) == 2 else step.size[0]
        return {"resize": size, "filter": _filter(step.interpolation)}
    if name == "CenterCrop":
        size = step.size if hasattr(step.size, "__iter__") else (step.size, step.size)
        return {"crop": tuple(size) * (2 // len(size))}
    if name in ("ToTensor", "PILToTensor", "ToImage", "ConvertImageDtype", "ToDtype"):
        return {}
    raise ValueError(f"transform: {name} has no counterpart; use the transform of evaluation, without random steps")


def _filter(interpolation: Any) -> str:
    name = getattr(interpolation, "value", interpolation)
    if name not in _FILTERS:
        raise ValueError(f"transform: pictures are resized by '{name}', expected one of {sorted(_FILTERS)}")
    return _FILTERS[name]
