"""From a PyTorch module to lq-infer's graph format (models/README.md), by `torch.fx`.

Layers that hold parameters are named like their modules, with "/" for ".", so that the state dict has the names that the
converter looks for.
"""

import operator
from typing import Any, Callable

import torch
from torch import fx, nn
from torch.fx.passes.shape_prop import ShapeProp
from torch.nn import functional as F

from ._quantizers import Quantizer, _QuantizedWeights


class UnsupportedLayer(ValueError):
    """The network computes something that LQ-Nets of lq-infer cannot."""


class _Tracer(fx.Tracer):
    def is_leaf_module(self, module: nn.Module, name: str) -> bool:
        return isinstance(module, (_QuantizedWeights, Quantizer)) or super().is_leaf_module(module, name)


def graph_of(
    net: nn.Module, size: "tuple[int, int]", channels: int
) -> "tuple[list[dict[str, Any]], dict[str, list[int]]]":
    """The layers of a network in evaluation mode for pictures of this size; and by quantizer the shape [c, h, w] of inputs
    that PyTorch has flattened."""
    traced = fx.GraphModule(net, _Tracer().trace(net))
    parameter = next(net.parameters())
    example = torch.zeros(1, channels, *size, dtype=parameter.dtype, device=parameter.device)
    with torch.no_grad():
        ShapeProp(traced).propagate(example)
    builder = _Builder(traced)
    return builder.layers, builder.flattened


def _pair(value: Any) -> "tuple[int, int]":
    return (value, value) if isinstance(value, int) else tuple(value)


def _window(kernel: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1) -> "dict[str, Any]":
    parts = {"kernel": kernel, "stride": stride, "before": padding, "after": padding, "dilation": dilation}
    return {name: list(_pair(value)) for name, value in parts.items()}


class _Builder:
    """Goes through the nodes of a traced network. `names` has the layer that a node's value comes from."""

    def __init__(self, traced: fx.GraphModule):
        self.modules = dict(traced.named_modules())
        self.layers: "list[dict[str, Any]]" = []
        self.names: "dict[fx.Node, str]" = {}
        self.flattened: "dict[str, list[int]]" = {}
        for node in traced.graph.nodes:
            name = self.visit(node)
            if name is not None:
                self.names[node] = name

    def add(self, name: str, op: "dict[str, Any]", *inputs: str) -> str:
        if any(layer["name"] == name for layer in self.layers):
            raise UnsupportedLayer(f"layer '{name}' is called twice: give each call a module of its own")
        self.layers.append({"name": name, "op": op, "inputs": list(inputs)})
        return name

    def visit(self, node: fx.Node) -> "str | None":
        if node.op == "placeholder":
            if self.layers:
                raise UnsupportedLayer(f"the network has a second input, '{node.name}'")
            n, c, h, w = _shape(node)
            return self.add("input", {"kind": "input", "shape": {"h": h, "w": w, "c": c}})
        if node.op == "output":
            self.finish(node)
            return None
        if node.op == "call_module":
            return self.module(node, self.modules[node.target])
        handler = _CALLS.get(node.target) if node.op in ("call_function", "call_method") else None
        if handler is None:
            raise UnsupportedLayer(f"{node.op} '{node.target}' (node '{node.name}') has no counterpart in lq-infer")
        return handler(self, node)

    def finish(self, node: fx.Node) -> None:
        (result,) = node.args
        if not isinstance(result, fx.Node):
            raise UnsupportedLayer("the network returns several values; lq-infer needs the logits alone")
        if self.names[result] != self.layers[-1]["name"]:
            raise UnsupportedLayer(f"layers after '{self.names[result]}' do not reach the result")

    def source(self, node: fx.Node, index: int = 0) -> str:
        return self.names[node.args[index]]

    def module(self, node: fx.Node, module: nn.Module) -> str:
        for classes, handler in _MODULES.items():
            if isinstance(module, classes):
                return handler(self, node, module, str(node.target).replace(".", "/"))
        raise UnsupportedLayer(f"layer '{node.target}' is a {type(module).__name__}, which has no counterpart in lq-infer")

    # Layers with parameters.

    def weighted(self, node: fx.Node, module: nn.Module, name: str, outputs: int, window: Any, groups: int) -> str:
        x, weights = self.source(node), {"stored": "float"}
        if isinstance(module, _QuantizedWeights):
            weights = {"stored": "planes", "bits": module.bits}
            if module.input_quantizer is not None:
                op = {"kind": "quantize", "bits": module.input_quantizer.bits}
                x = self.add(f"{name}/input_quantizer", op, x)
        op = {"kind": "conv", "outputs": outputs, "window": window, "weights": weights}
        return self.add(name, {**op, "bias": module.bias is not None, "groups": groups}, x)

    def conv(self, node: fx.Node, module: nn.Conv2d, name: str) -> str:
        if module.padding_mode != "zeros":
            raise UnsupportedLayer(f"layer '{node.target}' pads with '{module.padding_mode}', expected zeros")
        padding = module.padding
        if padding == "valid":
            padding = 0
        elif padding == "same":
            reach = [d * (k - 1) for d, k in zip(module.dilation, module.kernel_size)]
            window = _window(module.kernel_size, module.stride, 0, module.dilation)
            window["before"], window["after"] = [r // 2 for r in reach], [r - r // 2 for r in reach]
            return self.weighted(node, module, name, module.out_channels, window, module.groups)
        window = _window(module.kernel_size, module.stride, padding, module.dilation)
        return self.weighted(node, module, name, module.out_channels, window, module.groups)

    def linear(self, node: fx.Node, module: nn.Linear, name: str) -> str:
        # Its window covers what was flattened, in the order channel, row, column.
        shape = _unflattened(node.args[0])
        if len(shape) == 4:
            self.flattened[f"{node.target}.input_quantizer"] = shape[1:]
        return self.weighted(node, module, name, module.out_features, _window(shape[2:] or 1), 1)

    def batch_norm(self, node: fx.Node, module: nn.BatchNorm2d, name: str) -> str:
        if module.running_mean is None:
            raise UnsupportedLayer(f"layer '{node.target}' keeps no running statistics")
        return self.add(name, {"kind": "batch-norm", "epsilon": module.eps}, self.source(node))

    def quantizer(self, node: fx.Node, module: Quantizer, name: str) -> str:
        return self.add(name, {"kind": "quantize", "bits": module.bits}, self.source(node))

    # Layers without, which are named by their nodes, because a module may be called several times.

    def relu(self, node: fx.Node) -> str:
        return self.add(node.name, {"kind": "relu"}, self.source(node))

    def max_pool(self, node: fx.Node, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil: bool) -> str:
        return self.pool(node, "max-pool", _window(kernel, stride or kernel, padding, dilation), ceil)

    def average_pool(self, node: fx.Node, kernel: Any, stride: Any, padding: Any, ceil: bool) -> str:
        if any(_pair(padding)):
            raise UnsupportedLayer(f"average pool '{node.name}' has padding")
        return self.pool(node, "avg-pool", _window(kernel, stride or kernel), ceil)

    def pool(self, node: fx.Node, kind: str, window: Any, ceil: bool) -> str:
        if ceil:
            # What the last windows lack is padding behind; a maximum does not see it.
            given, made = _shape(node.args[0])[2:], _shape(node)[2:]
            for axis in (0, 1):
                reach = (made[axis] - 1) * window["stride"][axis] + window["dilation"][axis] * (window["kernel"][axis] - 1) + 1
                lacking = reach - given[axis] - window["before"][axis]
                if kind == "avg-pool" and lacking > 0:
                    raise UnsupportedLayer(f"average pool '{node.name}' has windows beyond its input (ceil_mode)")
                window["after"][axis] = max(lacking, 0)
        return self.add(node.name, {"kind": kind, "window": window}, self.source(node))

    def adaptive_average(self, node: fx.Node, size: Any) -> str:
        given, wanted = _shape(node.args[0])[2:], _shape(node)[2:]
        if any(g % w for g, w in zip(given, wanted)):
            raise UnsupportedLayer(f"average pool '{node.name}' goes from {tuple(given)} to {tuple(wanted)}, not evenly")
        kernel = [g // w for g, w in zip(given, wanted)]
        if kernel == [1, 1]:
            return self.source(node)
        return self.add(node.name, {"kind": "avg-pool", "window": _window(kernel, kernel)}, self.source(node))

    def mean(self, node: fx.Node, dim: Any = None, keepdim: bool = False) -> str:
        if sorted(d % 4 for d in (dim or [])) != [2, 3]:
            raise UnsupportedLayer(f"'{node.name}' is a mean over dimensions {dim}, expected (2, 3)")
        size = list(_shape(node.args[0])[2:])
        return self.add(node.name, {"kind": "avg-pool", "window": _window(size)}, self.source(node))

    def sum(self, node: fx.Node, other: Any = None, **more: Any) -> str:
        if len(node.args) != 2 or not all(isinstance(arg, fx.Node) for arg in node.args) or more:
            raise UnsupportedLayer(f"'{node.name}' is not the sum of two tensors")
        if _shape(node.args[0]) != _shape(node.args[1]):
            raise UnsupportedLayer(f"'{node.name}' adds {_shape(node.args[0])} and {_shape(node.args[1])}")
        return self.add(node.name, {"kind": "add"}, self.source(node), self.source(node, 1))

    def concatenation(self, node: fx.Node) -> str:
        dim = node.kwargs.get("dim", node.args[1] if len(node.args) > 1 else 0)
        if dim not in (1, -3):
            raise UnsupportedLayer(f"'{node.name}' joins along dimension {dim}, expected 1")
        return self.add(node.name, {"kind": "concat"}, *(self.names[part] for part in node.args[0]))

    def flatten(self, node: fx.Node) -> str:
        given, made = _shape(node.args[0]), _shape(node)
        if len(made) != 2 or made[0] != given[0]:
            raise UnsupportedLayer(f"'{node.name}' turns {tuple(given)} into {tuple(made)}; only flattening is known")
        return self.source(node)

    def passed_on(self, node: fx.Node) -> str:
        return self.source(node)


def _shape(node: fx.Node) -> "list[int]":
    return list(node.meta["tensor_meta"].shape)


def _unflattened(node: fx.Node) -> "list[int]":
    """The shape of a value before it was flattened."""
    while len(_shape(node)) == 2 and _is_flattening(node):
        node = node.args[0]
    return _shape(node)


def _is_flattening(node: fx.Node) -> bool:
    same = _PASSED_ON_CALLS | {torch.flatten, "flatten", "view", "reshape", torch.reshape}
    return node.op != "placeholder" and (node.target in same or node.op == "call_module" and not _has_parameters(node))


def _has_parameters(node: fx.Node) -> bool:
    module = node.graph.owning_module.get_submodule(str(node.target))
    return not isinstance(module, (nn.Flatten, nn.Dropout, nn.Dropout2d, nn.Identity))


def _argument(node: fx.Node, index: int, name: str, default: Any) -> Any:
    return node.args[index] if len(node.args) > index else node.kwargs.get(name, default)


def _max_pool_call(builder: _Builder, node: fx.Node) -> str:
    names = [("kernel_size", None), ("stride", None), ("padding", 0), ("dilation", 1), ("ceil_mode", False)]
    return builder.max_pool(node, *(_argument(node, 1 + i, *name) for i, name in enumerate(names)))


def _average_pool_call(builder: _Builder, node: fx.Node) -> str:
    names = [("kernel_size", None), ("stride", None), ("padding", 0), ("ceil_mode", False)]
    return builder.average_pool(node, *(_argument(node, 1 + i, *name) for i, name in enumerate(names)))


def _mean_call(builder: _Builder, node: fx.Node) -> str:
    return builder.mean(node, _argument(node, 1, "dim", None))


def _plain(method: "Callable[[_Builder, fx.Node], str]") -> "Callable[..., str]":
    """A handler for modules that do the same as a function."""
    return lambda builder, node, module, name: method(builder, node)


_MODULES: "dict[Any, Callable[..., str]]" = {
    nn.Conv2d: _Builder.conv,
    nn.Linear: _Builder.linear,
    nn.BatchNorm2d: _Builder.batch_norm,
    Quantizer: _Builder.quantizer,
    nn.ReLU: _plain(_Builder.relu),
    nn.MaxPool2d: lambda b, n, m, _: b.max_pool(n, m.kernel_size, m.stride, m.padding, m.dilation, m.ceil_mode),
    nn.AvgPool2d: lambda b, n, m, _: b.average_pool(n, m.kernel_size, m.stride, m.padding, m.ceil_mode),
    nn.AdaptiveAvgPool2d: lambda b, n, m, _: b.adaptive_average(n, m.output_size),
    nn.Flatten: _plain(_Builder.flatten),
    (nn.Dropout, nn.Dropout2d, nn.Identity): _plain(_Builder.passed_on),
}

_PASSED_ON_CALLS = {F.dropout, "contiguous"}

_CALLS: "dict[Any, Callable[[_Builder, fx.Node], str]]" = {
    **{call: _Builder.relu for call in (F.relu, torch.relu, "relu", "relu_")},
    **{call: _Builder.sum for call in (operator.add, operator.iadd, torch.add, "add", "add_")},
    torch.cat: _Builder.concatenation,
    **{call: _Builder.flatten for call in (torch.flatten, "flatten", torch.reshape, "reshape", "view")},
    F.max_pool2d: _max_pool_call,
    torch.max_pool2d: _max_pool_call,
    F.avg_pool2d: _average_pool_call,
    F.adaptive_avg_pool2d: lambda builder, node: builder.adaptive_average(node, None),
    **{call: _mean_call for call in (torch.mean, "mean")},
    **{call: _Builder.passed_on for call in _PASSED_ON_CALLS},
}
