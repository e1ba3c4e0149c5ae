"""What `lq-infer quantize` does before its tuning, written from the paper and from the comments in `src/quantize/`.

Nothing here shares code with the crate, and little its ways: layers are torch's, QEM looks at every number instead of running
sums, systems are solved by torch. It is slow, and for small networks only. `dtype` is that of the network's tensors and of the
sums over positions; all else is in float64.

A network is a list of layers as in a graph file (models/README.md) without quantizers, whose windows are padded alike on all
sides, and a dict of its parameters under the names of a state dict.
"""

import torch
from torch.nn import functional as F

from quantizers import levels_of, multipliers

STEPS = 24  # of QEM from one start
QEM_HOLD = 1e-6  # how much QEM holds a basis where it is, of all importance
CLIPS = (0.5, 0.8, 0.9, 0.97, 0.995, 1.0)  # share of the numbers other than 0 below the highest level, at the starts of QEM
WIDTHS = (0.75, 1.25, 1.75, 2.25, 3.0, 4.0)  # the highest level of weights at the starts, in root mean squares
RIDGE = 0.08  # of the inputs' mean variance
LEAST_FACTOR = 1e-3  # of a batch norm that tells what comes before it
FEEDBACK_ROUNDS, DESCENT_ROUNDS, SWEEPS = 3, 6, 12
REFIT_HOLD = 1e-7  # of the mean of the refit's diagonal
SAMPLES = 2**18  # numbers for the basis of an activation quantizer; more are not taken evenly here


def qem(x, importance, bits, low, tops):
    """Algorithm 1 of the paper from evenly spaced levels up to each of `tops`: the best basis of all steps, ascending."""
    codes = multipliers(bits, low).double()
    hold = QEM_HOLD * importance.sum()
    least, best = float("inf"), torch.zeros(bits).double()
    for top in tops:
        basis, last = top * 2.0 ** torch.arange(bits).double() / (2**bits - 1), float("inf")
        for _ in range(STEPS):
            if low == 0 and (basis < 0).any():
                break  # codes of 0 and 1 have no level below 0
            levels, order = (codes @ basis).sort()
            rank = torch.searchsorted((levels[1:] + levels[:-1]) / 2, x)
            error = (importance * (x - levels[rank]) ** 2).sum().item()
            if error < least:
                least, best = error, basis
            if not error < last * (1 - 1e-7):
                break
            used, last = codes[order[rank]], error
            weighted = used * importance[:, None]
            basis = torch.linalg.solve(used.T @ weighted + hold * torch.eye(bits).double(), weighted.T @ x + hold * basis)
    return best.sort().values


def basis_of_activations(x, bits, low):
    x = x.flatten().double()
    assert len(x) <= SAMPLES, "a smaller network, or fewer pictures"
    sizes = x.abs()[x != 0].sort().values
    return qem(x, torch.ones_like(x), bits, low, [sizes[int(clip * (len(sizes) - 1))].item() for clip in CLIPS])


def basis_of_weights(w, importance, bits):
    deviation = ((importance * w**2).sum() / importance.sum()).sqrt().item()
    return qem(w, importance, bits, -1, [width * deviation for width in WIDTHS])


def codes_of(bits):
    """All codes of weights, [2^bits, bits] of -1 and 1."""
    return multipliers(bits, -1).double()


def levels_by_output(bases):
    """The ascending levels [outputs, 2^bits] of bases [outputs, bits], and their codes [outputs, 2^bits, bits]."""
    levels, order = (bases @ codes_of(bases.shape[1]).T).sort(1)
    return levels, codes_of(bases.shape[1])[order]


def nearest(levels, x):
    """Ranks of the levels next to x [outputs]; the lower one of two that are as near."""
    return torch.searchsorted((levels[:, 1:] + levels[:, :-1]) / 2, x[:, None].contiguous())[:, 0]


def picked(table, ranks):
    """Of each output the row of `table` with its rank."""
    return table[torch.arange(len(ranks)), ranks]


class Channels:
    """Quantized weights: bases [outputs, bits], and codes of -1 and 1 [outputs, inputs, bits]."""

    def __init__(self, bases, codes):
        self.bases, self.codes = bases, codes

    def weights(self):
        return (self.codes @ self.bases[:, :, None])[:, :, 0]


class Problem:
    """The problem of one group of a layer: inputs in ascending order of variance, the metric M = H + ridge, the target w*."""

    def __init__(self, read, wanted, own, dtype):
        read, wanted = (x.to(dtype) - x.mean(0).to(dtype) for x in (read, wanted))
        covariance, cross = ((x.T @ read / len(read)).double() for x in (read, wanted))
        ridge = RIDGE * covariance.diag().mean()
        assert ridge > 0, "nothing varies"
        # Of equal variances the later input comes first.
        variances = covariance.diag()
        self.order = len(variances) - 1 - variances.flip(0).argsort(stable=True)
        self.metric = (covariance + ridge * torch.eye(len(covariance)).double())[self.order][:, self.order]
        self.target = torch.linalg.solve(self.metric, (cross + ridge * own)[:, self.order], left=False)

    def costs(self, channels):
        e = self.target - channels.weights()
        return ((e @ self.metric) * e).sum(1)

    def refitted(self, channels):
        """The same codes with the bases that cost least."""
        product = channels.codes.mT @ self.metric
        matrix, right = product @ channels.codes, product @ self.target[:, :, None]
        hold = REFIT_HOLD * matrix.diagonal(dim1=1, dim2=2).mean(1)[:, None, None]
        eye = torch.eye(matrix.shape[1]).double()
        bases = torch.linalg.solve(matrix + hold * eye, right + hold * channels.bases[:, :, None])
        return Channels(bases[:, :, 0], channels.codes)

    def fed_back(self, bases):
        """Error feedback from the last input to the first."""
        upper = torch.linalg.cholesky(self.metric).T
        levels, codes = levels_by_output(bases)
        errors = torch.zeros_like(self.target)
        chosen = torch.zeros(*self.target.shape, bases.shape[1]).double()
        for i in reversed(range(len(self.metric))):
            asked = self.target[:, i] + errors[:, i + 1 :] @ upper[i, i + 1 :] / upper[i, i]
            ranks = nearest(levels, asked)
            chosen[:, i] = picked(codes, ranks)
            errors[:, i] = self.target[:, i] - picked(levels, ranks)
        return Channels(bases, chosen)

    def descended(self, channels):
        """Weights take turns, from the last input to the first, until none of its output finds a better level."""
        levels, codes = levels_by_output(channels.bases)
        weights, chosen = channels.weights(), channels.codes.clone()
        for _ in range(SWEEPS):
            before = chosen.clone()
            for i in reversed(range(len(self.metric))):
                gradients, curvature = (self.target - weights) @ self.metric[i], self.metric[i, i]
                ranks = nearest(levels, weights[:, i] + gradients / curvature)
                change = picked(levels, ranks) - weights[:, i]
                better = change * (2 * gradients - change * curvature) > 0
                weights[:, i] += torch.where(better, change, 0.0)
                chosen[:, i] = torch.where(better[:, None], picked(codes, ranks), chosen[:, i])
            if torch.equal(before, chosen):
                break
        return Channels(channels.bases, chosen)

    def better(self, old, new):
        """Of each output the cheaper one."""
        is_new = self.costs(new) < self.costs(old)
        bases = torch.where(is_new[:, None], new.bases, old.bases)
        return Channels(bases, torch.where(is_new[:, None, None], new.codes, old.codes))

    def solved(self, bits):
        # Each round of feedback starts from the bases of the one before, though an earlier one may have been better.
        bases = torch.stack([basis_of_weights(row, self.metric.diag(), bits) for row in self.target])
        best = None
        for _ in range(FEEDBACK_ROUNDS):
            fed = self.refitted(self.fed_back(bases))
            bases = fed.bases
            best = self.better(best, fed) if best else fed
        # Each round of descent starts from the best so far.
        for _ in range(DESCENT_ROUNDS):
            new = self.refitted(self.descended(best))
            improved = (self.costs(new) < self.costs(best) * (1 - 1e-6)).any()
            best = self.better(best, new)
            if not improved:
                break
        return best

    def in_own_order(self, rows):
        result = torch.empty_like(rows)
        result[:, self.order] = rows
        return result


def quantized_plainly(own, bits):
    """Each output's weights by QEM alone."""
    bases = torch.stack([basis_of_weights(row, torch.ones_like(row), bits) for row in own])
    levels, codes = levels_by_output(bases)
    return Channels(bases, torch.stack([picked(codes, nearest(levels, w)) for w in own.T], 1))


class Twin:
    """Quantizes a network. `results` has what was found, under names of parameters in packed files."""

    def __init__(self, layers, state, weights, activations, full, dtype=torch.float64):
        """`weights` and `activations` are bits, or None for float; the first and the last convolution stay in float."""
        self.layers = {layer["name"]: layer for layer in layers}
        self.state = {name: tensor.double() for name, tensor in state.items()}
        self.weights, self.activations, self.full, self.dtype = weights, activations, full, dtype
        convs = [layer for layer in layers if layer["op"]["kind"] == "conv"]
        ends = [layer["name"] for layer in convs if "input" in layer["inputs"]] + [convs[-1]["name"]]
        self.quantized = [layer["name"] for layer in convs if layer["name"] not in ends]
        self.results, self.tensors, self.codes = {}, {}, {}
        # Parameters of the low network that are not the float network's.
        self.low = {}

    def run(self, pictures):
        """`pictures`, [n, 3, height, width], as the first layer reads them."""
        first = next(iter(self.layers))
        self.tensors[first] = (pictures.to(self.dtype),) * 2
        while waiting := [name for name in self.layers if name not in self.tensors]:
            ready = [name for name in waiting if all(x in self.tensors for x in self.layers[name]["inputs"])]
            # A convolution comes last of what is ready, so that it finds what is added to its result.
            name = next((name for name in ready if name not in self.quantized), ready[0])
            self.tensors[name] = self.layer(name)
        return self.results

    def layer(self, name):
        op, inputs = self.layers[name]["op"], self.layers[name]["inputs"]
        float_inputs, low_inputs = zip(*(self.tensors[x] for x in inputs))
        if name in self.quantized and self.activations:
            low_inputs = (self.quantizer(inputs[0]),)
        float_result = self.forward(name, float_inputs, self.state)
        changed = any(a is not b for a, b in zip(float_inputs, low_inputs))
        if op["kind"] == "conv" and (changed or (name in self.quantized and self.weights)):
            self.convolution(name, low_inputs[0], float_result)
        elif not changed and f"{name}.running_mean" not in self.low:
            return float_result, float_result
        return float_result, self.forward(name, low_inputs, {**self.state, **self.low})

    def forward(self, name, inputs, state):
        op, x = self.layers[name]["op"], inputs[0]
        get = lambda what: state[f"{name}.{what}"].to(self.dtype)
        if op["kind"] == "conv":
            bias = get("bias") if f"{name}.bias" in state else None
            return F.conv2d(x, get("weight"), bias, groups=op["groups"], **steps(op["window"]))
        if op["kind"] == "batch-norm":
            mean, variance = get("running_mean"), get("running_var")
            return F.batch_norm(x, mean, variance, get("weight"), get("bias"), eps=op["epsilon"])
        if op["kind"] == "max-pool":
            return F.max_pool2d(x, op["window"]["kernel"], **steps(op["window"]))
        if op["kind"] == "avg-pool":
            return F.avg_pool2d(x, op["window"]["kernel"])
        return {"relu": lambda: x.relu(), "add": lambda: x + inputs[1]}[op["kind"]]()

    def is_nonnegative(self, name):
        layer = self.layers[name]
        keeps = layer["op"]["kind"] in ("max-pool", "avg-pool", "add") and all(self.is_nonnegative(x) for x in layer["inputs"])
        return layer["op"]["kind"] == "relu" or keeps

    def quantizer(self, source):
        """The levels of what `source` makes in the low network; layers that read it share them."""
        if source not in self.codes:
            x, low = self.tensors[source][1].double(), 0 if self.is_nonnegative(source) else -1
            basis = basis_of_activations(x, self.activations, low)
            self.results[f"{source}/quant/basis"] = basis
            levels, thresholds = levels_of(basis[None], low)
            self.codes[source] = levels[0][torch.searchsorted(thresholds[0], x.contiguous())].to(self.dtype)
        return self.codes[source]

    def convolution(self, name, read, float_result):
        op, weight = self.layers[name]["op"], self.state[f"{name}.weight"]
        wanted = float_result.double()
        correction = self.correction(name) if self.full else None
        wanted = wanted if correction is None else wanted + correction
        rows, bases, constants = [], [], []
        groups = zip(read.double().chunk(op["groups"], 1), wanted.chunk(op["groups"], 1), weight.chunk(op["groups"]))
        for read, wanted, own in groups:
            patches = unfolded(read, op["window"])
            wanted, own = wanted.movedim(1, -1).flatten(0, 2), own.movedim(1, -1).flatten(1)
            channels = None
            if not self.full:
                if name in self.quantized and self.weights:
                    channels = quantized_plainly(own, self.weights)
                chosen = own if channels is None else channels.weights()
            else:
                problem = Problem(patches, wanted, own, self.dtype)
                chosen = problem.target
                if name in self.quantized and self.weights:
                    channels = problem.solved(self.weights)
                    chosen = channels.weights()
                chosen = problem.in_own_order(chosen)
            rows.append(chosen)
            bases += [channels.bases] if channels else []
            constants.append(wanted.mean(0) - chosen @ patches.mean(0))
        weight = torch.cat(rows).view_as(weight.movedim(1, -1)).movedim(-1, 1)
        self.put(name, weight, bases, torch.cat(constants))

    def put(self, name, weight, bases, constants):
        """The constants go into the mean of the batch norm after the layer, or into its bias."""
        self.low[f"{name}.weight"] = weight
        if bases:
            self.results[f"{name}/basis"] = torch.cat(bases).T
        else:
            self.results[f"{name}/weight"] = weight.movedim(1, -1)
        norm = self.only_reader(name)
        if norm and self.layers[norm]["op"]["kind"] == "batch-norm" and f"{name}.bias" not in self.state:
            mean = self.low[f"{norm}.running_mean"] = self.state[f"{norm}.running_mean"] - constants
            others = [self.state[f"{norm}.{what}"] for what in ("weight", "bias", "running_var")]
            self.results[f"{norm}/batch_norm"] = torch.stack([*others[:2], mean, others[2]])
        else:
            self.results[f"{name}/bias"] = self.low[f"{name}.bias"] = constants

    def only_reader(self, name):
        readers = [layer["name"] for layer in self.layers.values() if name in layer["inputs"]]
        return readers[0] if len(readers) == 1 else None

    def correction(self, name):
        """By what the result of `name` should differ from the float network's, so that a sum of it and something that is
        known already, right away or after a batch norm, is the float network's."""
        factor, at = torch.ones(1, 1, 1).double(), self.only_reader(name)
        if at and self.layers[at]["op"]["kind"] == "batch-norm":
            scale = self.state[f"{at}.weight"] / (self.state[f"{at}.running_var"] + self.layers[at]["op"]["epsilon"]).sqrt()
            factor = torch.where(scale.abs() > LEAST_FACTOR, 1 / scale, 0.0)[:, None, None]
            name, at = at, self.only_reader(at)
        if not at or self.layers[at]["op"]["kind"] != "add":
            return None
        [other] = [x for x in self.layers[at]["inputs"] if x != name]
        if other not in self.tensors or self.tensors[other][0] is self.tensors[other][1]:
            return None
        return (self.tensors[other][0] - self.tensors[other][1]).double() * factor


def steps(window):
    """A window as arguments of torch's functions, without its size."""
    assert window["before"] == window["after"]
    return {"stride": window["stride"], "padding": window["before"], "dilation": window["dilation"]}


def unfolded(x, window):
    """What each output position reads, [positions, kernel * channels]; positions follow each other picture by picture."""
    taps = F.unfold(x, window["kernel"], **steps(window)).unflatten(1, (x.shape[1], -1))
    return taps.permute(0, 3, 2, 1).flatten(2).flatten(0, 1)
