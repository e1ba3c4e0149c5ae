"""Arrays and pictures in, logits out."""

import io
import json

import lq_infer
import numpy as np
import pytest


def test_logits_are_those_of_the_program(net, pixels, tmp_path):
    np.save(tmp_path / "pixels.npy", pixels)
    lines = lq_infer.run("--device", "cpu-reference", "--logits", "--json", tmp_path / "pixels.npy").splitlines()
    expected = [json.loads(line) for line in lines]
    found = net.logits(pixels)
    assert found.shape == (20, 10) and found.dtype == np.float32
    assert (found == np.array([line["logits"] for line in expected], np.float32)).all()
    assert [lq_infer.digest(row) for row in found] == [line["digest"] for line in expected]


def test_strides_do_not_matter(net, pixels):
    expected = net.logits(pixels)
    channels_first = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)).transpose(0, 2, 3, 1)
    assert not channels_first.flags.c_contiguous
    assert (net.logits(channels_first) == expected).all()
    assert (net.logits(pixels[::2]) == expected[::2]).all()
    assert (net.logits(pixels[:, ::-1, :, ::-1]) == net.logits(pixels[:, ::-1, :, ::-1].copy())).all()
    assert lq_infer.digest(expected[::2]) == lq_infer.digest(expected[::2].copy())


def test_lists_and_tensors(net, pixels):
    tensor = np.random.default_rng(1).normal(size=(3, 32, 32, 3)).astype(np.float32)
    assert net.logits(list(pixels)).tolist() == net.logits(pixels).tolist()
    assert net.logits(tensor).shape == (3, 10)
    assert net.logits(pixels[:0]).shape == (0, 10)


@pytest.mark.parametrize(
    "images", [np.zeros((2, 32, 32, 4), np.uint8), np.zeros((32, 32, 3), np.uint8), np.zeros((1, 32, 32, 3)), 7, "x"]
)
def test_other_arrays_are_named(net, images):
    with pytest.raises(lq_infer.UsageError, match=r"expected uint8 \[n, 32, 32, 3\]"):
        net.logits(images)


def test_numbers_out_of_range_are_errors(net):
    with pytest.raises(lq_infer.InputError, match="nan|NaN"):
        net.logits(np.full((1, 32, 32, 3), np.nan, np.float32))


def test_logits_become_classes(net, pixels):
    logits = net.logits(pixels)
    for pixel, of_one in zip(pixels, logits):
        found, expected = net.classification(of_one, top_k=3), net.classify(pixel, top_k=3)
        assert repr(found) == repr(expected) and found.digest == expected.digest
        assert [best.class_index for best in found.top] == [best.class_index for best in expected.top]
    # A row of an array in Fortran's order has gaps.
    assert net.classification(np.asfortranarray(logits)[2]).digest == lq_infer.digest(logits[2])
    for wrong in [logits, logits[0, :9], logits[0].astype(np.float64), 7]:
        with pytest.raises(lq_infer.UsageError, match=r"logits are .*, expected float32 \[10\]"):
            net.classification(wrong)


def test_any_number_of_classes_can_be_asked_for(net, pixels):
    assert net.classify(pixels[0], top_k=0).top == [] and len(net.classify(pixels[0], top_k=99).top) == 10
    assert net.classify(pixels[0], top_k=0).digest == net.classify(pixels[0]).digest
    for call in [lambda: net.classify(pixels[0], top_k=-1), lambda: net.classification(net.logits(pixels)[0], -1)]:
        with pytest.raises(lq_infer.UsageError, match="top_k is -1, expected 0 or more"):
            call()


def test_digests_are_of_float32(net, pixels):
    for wrong, named in [(net.logits(pixels).astype(np.float64), r"float64 \[20, 10\]"), ([1.5], "float64"), ("x", "<U1")]:
        with pytest.raises(lq_infer.UsageError, match=f"logits are {named}.*, expected float32"):
            lq_infer.digest(wrong)


def test_pictures_of_every_kind(net, ship):
    Image = pytest.importorskip("PIL.Image")
    found = net.classify(ship)
    assert found.top[0].label == "ship" and found.top[0].class_index == 8 and found.top[0].probability > 0.99
    assert len(found.top) == 5 and len(net.classify(ship, top_k=2).top) == 2
    assert found.digest == lq_infer.digest(found.logits)
    image = Image.open(ship)
    array = np.asarray(image.convert("RGB"))
    with_alpha = np.dstack([array, np.zeros(array.shape[:2], np.uint8)])
    data = ship.read_bytes()
    for same in [str(ship), data, bytearray(data), memoryview(data), image, array, array[:, ::-1][:, ::-1], with_alpha]:
        assert net.classify(same).digest == found.digest


def test_pictures_of_pillow_are_turned_upright(net):
    Image = pytest.importorskip("PIL.Image")
    picture = Image.fromarray(np.random.default_rng(2).integers(0, 256, (40, 60, 3), dtype=np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    file = io.BytesIO()
    picture.save(file, "png", exif=exif)
    assert net.classify(Image.open(file)).digest == net.classify(file.getvalue()).digest
    assert net.classify(file.getvalue()).digest != net.classify(picture).digest


def test_grey_is_three_equal_colours(net):
    grey = np.random.default_rng(3).integers(0, 256, (50, 40), dtype=np.uint8)
    assert net.classify(grey).digest == net.classify(np.dstack([grey] * 3)).digest


def test_bad_pictures_are_named(net, tmp_path):
    with pytest.raises(FileNotFoundError) as missing:
        net.classify(tmp_path / "none.png")
    assert missing.value.filename == str(tmp_path / "none.png")
    with pytest.raises(lq_infer.InputError):
        net.classify(b"no picture")
    with pytest.raises(lq_infer.UsageError, match="expected uint8"):
        net.classify(np.zeros((4, 4, 2), np.uint8))
