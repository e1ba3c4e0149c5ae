"""Models, devices, conversion, the program."""

import subprocess
import sys

import lq_infer
import numpy as np
import pytest


def test_models_describe_themselves(tmp_path):
    model = lq_infer.Model.bundled()
    assert model.input_shape == (32, 32, 3) and model.takes_pictures and model.network == "cifar-resnet-20"
    assert model.label(8) == model.labels[8] == "ship"
    for wrong in [-1, 10]:
        with pytest.raises(lq_infer.UsageError, match=f"class_index is {wrong}, expected 0 to 9"):
            model.label(wrong)
    assert model.header["labels"] == model.labels and len(model.header["golden"]) > 0
    model.save(tmp_path / "copy.safetensors")
    assert (tmp_path / "copy.safetensors").read_bytes() == model.to_bytes()
    assert lq_infer.Model.open(tmp_path / "copy.safetensors").header == model.header
    assert lq_infer.Model.from_bytes(model.to_bytes()).header == model.header


def test_pictures_are_preprocessed_as_classify_does(net, ship):
    photo = np.random.default_rng(6).integers(0, 256, (90, 70, 3), dtype=np.uint8)
    for picture in [ship, ship.read_bytes(), photo, photo[::-1, ::2]]:
        pixels = net.model.preprocess(picture)
        assert pixels.dtype == np.uint8 and pixels.shape == (32, 32, 3)
        (logits,) = net.logits(pixels[None])
        assert lq_infer.digest(logits) == net.classify(picture).digest
    with pytest.raises(lq_infer.UsageError, match="expected uint8"):
        net.model.preprocess(photo.astype(np.float32))


def test_bad_models_are_named(tmp_path):
    with pytest.raises(lq_infer.ModelError, match="upload 7"):
        lq_infer.Model.from_bytes(lq_infer.Model.bundled().to_bytes()[:5000], name="upload 7")
    with pytest.raises(FileNotFoundError):
        lq_infer.Model.open(tmp_path / "none.safetensors")
    (tmp_path / "text").write_text("no model")
    with pytest.raises(ValueError, match="text"):
        lq_infer.Model.open(tmp_path / "text")


def test_devices():
    devices = lq_infer.devices()
    assert devices[0].name == "cpu" and devices[0].api == "cpu" and devices[0].problem is None
    assert [device.index for device in devices] == list(range(len(devices)))
    with pytest.raises(lq_infer.NoDeviceError, match="available: 0 cpu"):
        lq_infer.Engine("abacus")
    for wrong in [0, -1]:
        with pytest.raises(lq_infer.UsageError, match=f"threads is {wrong}, expected 1 or more"):
            lq_infer.Engine("cpu", threads=wrong)
    for wrong in [-1, 0, 4097]:
        with pytest.raises(lq_infer.UsageError, match=f"max_batch is {wrong}, expected 1 to 4096"):
            lq_infer.Engine("cpu").prepare(lq_infer.Model.bundled(), max_batch=wrong)
    assert repr(lq_infer.Engine("cpu-portable", threads=3)) == "<lq_infer.Engine 'cpu-portable', 3 threads, portable>"
    # As `lq-infer devices` has it.
    assert lq_infer.devices()[0].driver in repr(lq_infer.Engine("cpu"))


def test_every_usable_device_gives_the_same_bits(net, pixels):
    expected = lq_infer.digest(net.logits(pixels))
    for device in lq_infer.devices():
        if device.problem is None:
            calls = []
            other = lq_infer.Engine(device.id).prepare(
                lq_infer.Model.bundled(), max_batch=8, progress=lambda done, total: calls.append((done, total))
            )
            assert lq_infer.digest(other.logits(pixels)) == expected, device
            assert not calls or calls[-1][0] == calls[-1][1]


def test_golden_vectors(net):
    golden = net.verify()
    assert golden and all(one.holds and one.found == one.expected for one in golden)
    assert {one.input for one in golden} == {"pixels", "tensor"}


def test_conversion(checkpoint, tmp_path):
    packed = tmp_path / "net.safetensors"
    done = lq_infer.convert(checkpoint, packed, name="mine", labels=[f"class {n}" for n in range(10)])
    assert done.model.name == "mine" and done.model.label(3) == "class 3"
    assert packed.read_bytes() == done.model.to_bytes()
    assert done.report and isinstance(done.notes, list) and isinstance(done.warnings, list)
    with pytest.raises(lq_infer.CheckpointError):
        lq_infer.convert(checkpoint, tmp_path / "other", arch="resnet-18")
    assert not (tmp_path / "other").exists()
    with pytest.raises(lq_infer.UsageError, match="encoding"):
        lq_infer.convert(checkpoint, encoding="morse")


def test_the_program(ship, tmp_path):
    assert "ship" in lq_infer.run(ship)
    with pytest.raises(lq_infer.NoDeviceError, match="abacus"):
        lq_infer.run("--device", "abacus", ship)
    with pytest.raises(lq_infer.UsageError):
        lq_infer.run("--no-such-flag")
    done = subprocess.run([sys.executable, "-m", "lq_infer", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("lq-infer ")


def test_bench():
    report = lq_infer.bench(device="cpu", quick=True)
    assert len(report["cells"]) == 1


def test_the_version_is_that_of_the_program():
    assert lq_infer.run("--version").split() == ["lq-infer", lq_infer.__version__]
