"""`lq_infer.torch`: prepare, train, export. Needs PyTorch."""

import json

import lq_infer
import numpy as np
import pytest

torch = pytest.importorskip("torch")
lq = pytest.importorskip("lq_infer.torch")
nn, F = torch.nn, torch.nn.functional

TRANSFORM = {"mean": [0.5, 0.4, 0.5], "std": [0.25, 0.3, 0.25]}


class Everything(nn.Module):
    """Every layer that can be exported, in modules and in functions."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 12, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(12), nn.ReLU(inplace=True))
        self.pool = nn.MaxPool2d(3, 2, 1, ceil_mode=True)
        self.near, self.far = nn.Conv2d(12, 8, 1), nn.Conv2d(12, 8, 3, padding="same", dilation=2)
        self.bn = nn.BatchNorm2d(16)
        self.grouped, self.bn2 = nn.Conv2d(16, 16, 3, padding=1, groups=4, bias=False), nn.BatchNorm2d(16)
        self.depthwise, self.bn3 = nn.Conv2d(16, 16, 3, padding=1, groups=16), nn.BatchNorm2d(16)
        self.spare = nn.Linear(3, 3)
        self.drop, self.hidden, self.head = nn.Dropout(0.2), nn.Linear(64, 20), nn.Linear(20, 5)

    def forward(self, x):
        x = self.pool(self.stem(x))
        x = F.relu(self.bn(torch.cat([self.near(x), self.far(x)], dim=1)))
        x = torch.relu(x + self.bn2(self.grouped(x)))
        y = self.bn3(self.depthwise(x))
        y += x
        x = y.relu()
        x = F.adaptive_avg_pool2d(F.max_pool2d(x, 2), 2)
        x = self.drop(torch.flatten(x, 1))
        return self.head(F.relu(self.hidden(x)))


class Small(nn.Module):
    def __init__(self, more=nn.Identity()):
        super().__init__()
        self.first, self.second, self.more, self.last = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3), more, nn.Linear(8, 4)

    def forward(self, x):
        x = self.more(self.second(self.first(x).relu()))
        return self.last(x.relu().mean((2, 3)))


def trained(net, size, steps=12, classes=5):
    """A network after some steps of training, in which its loss falls if they are enough."""
    torch.manual_seed(2)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    losses = []
    for _ in range(steps):
        classes_of = torch.randint(classes, (16,))
        x = torch.randn(16, 3, size, size) * 0.3 + classes_of[:, None, None, None] - 2
        loss = F.cross_entropy(net(x), classes_of)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert steps < 10 or losses[-1] < losses[0]
    return net.eval()


@pytest.mark.parametrize("first_last", [False, True])
@pytest.mark.parametrize("weights, activations", [(2, 2), (1, 3), (4, None)])
def test_every_layer_is_exported(tmp_path, weights, activations, first_last):
    torch.manual_seed(1)
    net = lq.prepare(Everything(), weights, activations, first_last=first_last)
    trained(net, 32)
    examples = np.random.default_rng(3).integers(0, 256, (8, 32, 32, 3), dtype=np.uint8)
    report = lq.export(net, tmp_path / "net.safetensors", size=32, transform=TRANSFORM, labels=list("abcde"), examples=examples)
    assert report.images == report.same_class == 8 and report.median_difference < 1e-4
    assert report.model.labels == list("abcde")
    logits = lq_infer.Engine("cpu").prepare(report.model, 8).logits(examples)
    with torch.no_grad():
        x = torch.from_numpy(examples).float() / 255
        x = ((x - torch.tensor(TRANSFORM["mean"])) / torch.tensor(TRANSFORM["std"])).permute(0, 3, 1, 2)
        expected = net(x).numpy()
    assert np.median(np.abs(logits - expected).max(1)) < 1e-3 * expected.std()
    layers = {layer["name"]: layer["op"] for layer in report.model.header["graph"]}
    assert layers["grouped"]["weights"] == {"stored": "planes", "bits": weights} and layers["grouped"]["groups"] == 4
    assert layers["head"]["weights"]["stored"] == ("planes" if first_last else "float")
    assert ("grouped/input_quantizer" in layers) == (activations is not None)


def test_networks_of_torchvision(tmp_path):
    models = pytest.importorskip("torchvision.models")
    from torchvision import transforms

    torch.manual_seed(1)
    net = lq.prepare(models.resnet18(num_classes=5), skip=["layer1.0.*"])
    trained(net, 64, steps=3)
    transform = transforms.Compose(
        [transforms.Resize(70), transforms.CenterCrop(64), transforms.ToTensor(), transforms.Normalize([0.5] * 3, [0.2] * 3)]
    )
    examples = np.random.default_rng(3).integers(0, 256, (4, 64, 64, 3), dtype=np.uint8)
    report = lq.export(net, tmp_path / "net.safetensors", size=64, transform=transform, examples=examples)
    preprocess = report.model.header["preprocess"]
    assert preprocess["resize"] == {"shorter_edge": 70, "filter": "pillow-bilinear", "crop": [64, 64]}
    layers = {layer["name"]: layer["op"] for layer in report.model.header["graph"]}
    assert layers["layer1/0/conv1"]["weights"]["stored"] == "float"
    assert layers["layer1/1/conv1"]["weights"] == {"stored": "planes", "bits": 2}


def test_parameters_keep_their_names_and_identity():
    net = Everything()
    before = dict(net.named_parameters())
    lq.prepare(net)
    assert dict(net.named_parameters()) == before
    assert type(net.stem[0]) is nn.Conv2d and type(net.grouped) is lq.QuantizedConv2d
    missing, unexpected = net.load_state_dict(Everything().state_dict(), strict=False)
    assert not unexpected and all(key.endswith("basis") for key in missing)
    with pytest.raises(ValueError, match="no convolution"):
        lq.prepare(nn.Sequential(nn.ReLU()))
    with pytest.raises(ValueError, match="weights=9"):
        lq.prepare(Everything(), weights=9)


def test_quantizers_give_the_nearest_level():
    torch.manual_seed(4)
    quantizer = lq.Quantizer(3)
    quantizer.basis.copy_(torch.tensor([0.3, 0.5, 1.1]))
    levels = torch.tensor([i % 2 * 0.3 + i // 2 % 2 * 0.5 + i // 4 * 1.1 for i in range(8)])
    x = torch.randn(1000)
    nearest = levels[(x[:, None] - levels).abs().argmin(1)]
    assert torch.allclose(quantizer.eval()(x), nearest)


def test_fits_lower_the_error():
    torch.manual_seed(5)
    x = torch.randn(4, 5000).relu()
    quantizer = lq.Quantizer(2)
    errors = []
    for _ in range(60):
        errors.append((quantizer(x) - x).square().mean().item())
    assert errors[-1] < 0.7 * errors[0] and errors[-1] < 0.03


def test_gradients_pass_between_the_levels():
    quantizer = lq.Quantizer(2)
    x = torch.tensor([-1.0, 0.1, 1.0, 100.0], requires_grad=True)
    quantizer(x).sum().backward()
    assert x.grad.tolist() == [0.0, 1.0, 1.0, 0.0]


def test_mixed_precision_trains():
    net = lq.prepare(Small())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = net(torch.randn(2, 3, 12, 12)).float().square().mean()
    loss.backward()
    assert net.second.weight.grad.abs().sum() > 0 and net.second.basis.dtype == torch.float32


def test_wrong_networks_are_named(tmp_path):
    for more, what in [(nn.Sigmoid(), "Sigmoid"), (nn.AvgPool2d(3, padding=1), "padding"), (nn.AdaptiveAvgPool2d(3), "evenly")]:
        with pytest.raises(lq.UnsupportedLayer, match=what):
            lq.export(lq.prepare(Small(more)), tmp_path / "net", size=12, transform=TRANSFORM)
    with pytest.raises(ValueError, match="transform"):
        lq.export(lq.prepare(Small()), tmp_path / "net", size=12, transform=None)
    assert not list(tmp_path.iterdir())


def test_a_network_that_computes_otherwise_is_not_written(tmp_path, monkeypatch):
    from lq_infer.torch import _graph

    window = _graph._window
    monkeypatch.setattr(_graph, "_window", lambda kernel, stride=1, padding=0, dilation=1: window(kernel, stride, padding, 1))
    net = trained(lq.prepare(Everything()), 32)
    with pytest.raises((lq_infer.VerificationError, lq_infer.Error)):
        lq.export(net, tmp_path / "net", size=32, transform=TRANSFORM)
    assert not list(tmp_path.iterdir())


def test_a_float_network_is_quantized_without_training(tmp_path):
    Image = pytest.importorskip("PIL.Image")
    from lq_infer.torch import _graph, _transform

    torch.manual_seed(6)
    net, random = Small().eval(), np.random.default_rng(7)
    graph, _ = _graph.graph_of(net.double(), (12, 12), 3)
    description = {"version": 1, "name": "small", "graph": graph, "preprocess": _transform.preprocessing(TRANSFORM, (12, 12))}
    (tmp_path / "net.json").write_text(json.dumps(description))
    torch.save(net.float().state_dict(), tmp_path / "net.pt")
    (tmp_path / "pictures").mkdir()
    for nth in range(64):
        Image.fromarray(random.integers(0, 256, (12, 12, 3), dtype=np.uint8)).save(tmp_path / "pictures" / f"{nth}.png")
    report = lq_infer.quantize(
        tmp_path / "net.pt", tmp_path / "net", bits="8/8", calibrate=tmp_path / "pictures", graph=tmp_path / "net.json", seed=3
    )
    assert report["pictures"] == 64
    examples = random.integers(0, 256, (8, 12, 12, 3), dtype=np.uint8)
    with torch.no_grad():
        x = torch.from_numpy(examples).float() / 255
        expected = net(((x - torch.tensor(TRANSFORM["mean"])) / torch.tensor(TRANSFORM["std"])).permute(0, 3, 1, 2)).numpy()
    found = lq_infer.Engine("cpu").prepare(lq_infer.Model.open(tmp_path / "net"), 8).logits(examples)
    assert np.abs(found - expected).max() < 0.05 * expected.std()
    with pytest.raises(lq_infer.Error, match="nowhere"):
        lq_infer.quantize(tmp_path / "net.pt", tmp_path / "other", bits="8/8", calibrate=tmp_path / "nowhere")
