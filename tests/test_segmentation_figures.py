"""Pictures of labels: what is drawn where, in frames and in files."""

import io
import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from fake_computation import dense_map
from fake_models import fake_model, provenance, sample_photo
from fake_segmentation import CLASSES, explained, segmentation
from vgg_viz import figures
from vgg_viz.figures.segmentation_pictures import COLOURS, NOTHING, OPACITY, class_colours
from vgg_viz.requests import DenseMapRequest, ExplainedRequest, RegionScore, SegmentationRequest

INFO = fake_model("vgg16", "bundled")
MADE_BY = provenance(INFO, "fp32")
CAT = CLASSES.index("cat")


@pytest.fixture(scope="module")
def found():
    request = SegmentationRequest("vgg16:bundled", "cat")
    return segmentation(request, INFO, sample_photo("cat"), MADE_BY)


def test_names_stand_on_their_class():
    """Also where the middle of a class is not of it: a ring."""
    y, x = np.mgrid[:80, :100]
    distance = np.hypot(x - 50, y - 40)
    labels = np.where((distance > 20) & (distance < 35), CAT, 0).astype(np.uint8)
    labels[0, 0] = 3  # too small to be named
    photo = np.zeros((80, 100, 3), np.uint8)
    picture = figures.LabelPicture("", "", photo, labels, np.ones((80, 100)), CLASSES)
    ((label, (across, down)),) = picture.anchors().items()
    assert label == CAT
    assert labels[int(down * 80), int(across * 100)] == CAT


def test_names_do_not_stand_on_one_another():
    labels = np.zeros((80, 100), np.uint8)
    labels[30:50, 20:80], labels[35:45, 45:60], labels[:20, :20] = CAT, 3, 5
    photo = np.zeros((80, 100, 3), np.uint8)
    picture = figures.LabelPicture("", "", photo, labels, np.ones((80, 100)), CLASSES)
    assert set(picture.anchors()) == {CAT, 5}


def test_colours_belong_to_names_and_differ():
    colours = class_colours((*CLASSES, "guitar", "leopard"))
    assert colours[:7] == tuple(COLOURS[name] for name in CLASSES)
    assert len(set(colours)) == 9


def test_the_coarse_map_has_a_cell_around_the_centre_of_each_field():
    request = DenseMapRequest("vgg16:bundled", "cat", 448)
    dense = dense_map(INFO, request, sample_photo("cat"), MADE_BY)
    picture = figures.coarse_picture(dense)
    best = dense.probabilities.max(0)
    for row in range(dense.top.shape[0]):
        for column in range(dense.top.shape[1]):
            y, x = (int(dense.offset + at * dense.stride) for at in (row, column))
            if y < picture.labels.shape[0] and x < picture.labels.shape[1]:
                name = picture.classes[picture.labels[y, x]]
                assert name == dense.classes[dense.top[row, column]]
                assert picture.shares[y, x] == best[row, column]
    assert picture.labels[0, 0] == NOTHING
    assert len(picture.classes) == len(np.unique(dense.top))


def test_a_thousand_classes_fit_into_bytes():
    request = DenseMapRequest("vgg16:bundled", "cat", 448)
    dense = dense_map(INFO, request, sample_photo("cat"), MADE_BY)
    many = np.full((1000, *dense.top.shape), 0.0005, np.float32)
    many[255, 0, 0] = many[999, -1, -1] = 0.5
    dense = replace(dense, probabilities=many, classes=tuple(f"class {i}" for i in range(1000)))
    picture = figures.coarse_picture(dense)
    assert picture.classes == ("class 0", "class 255", "class 999")
    assert set(np.unique(picture.labels)) == {0, 1, 2, NOTHING}


def test_changes_are_those_between_two_nets(found):
    picture = figures.changed_picture(found, 16)
    before, after = found.net(32).labels, found.net(16).labels
    assert (before != after).any()
    assert ((picture.labels == NOTHING) == (before == after)).all()
    assert (picture.labels[before != after] == after[before != after]).all()
    assert f"{100 * (before != after).mean():.1f} %" in picture.note


def test_a_frame_holds_every_pixel(found):
    pictures = [
        figures.photo_picture(found),
        figures.stride_picture(found, 8),
        figures.stride_picture(found, 8, CAT),
    ]
    header, parts = figures.unpack(figures.label_frame(pictures, "VGG", slider=False, places=True))
    assert (header["slider"], header["places"]) == (False, True)
    height, width = found.photo.shape[:2]
    assert [picture["size"] for picture in header["pictures"]] == [[width, height]] * 3
    assert [picture["drawn"] for picture in header["pictures"]] == [False, True, True]
    labels = np.frombuffer(parts["labels1"], np.uint8).reshape(height, width)
    assert (labels == found.net(8).labels).all()
    shares = np.frombuffer(parts["shares2"], np.uint8).reshape(height, width)
    assert np.abs(shares / 255 - found.net(8).probabilities[CAT]).max() < 0.003
    assert Image.open(io.BytesIO(parts["photo0"])).size == (width, height)


def test_evidence_is_drawn_from_its_largest_value(found):
    request = ExplainedRequest("vgg16:bundled", "cat", RegionScore((0.25, 0.5, 0.25, 0.5), CAT))
    picture = figures.evidence_picture(
        found, explained(request, INFO, MADE_BY), "Grad-CAM", (0.25, 0.5)
    )
    height, width = picture.labels.shape
    y, x = np.unravel_index(int(picture.shares.argmax()), picture.shares.shape)
    assert picture.shares.max() == pytest.approx(1)
    assert (x / width, y / height) == pytest.approx((0.25, 0.5), abs=0.06)
    nothing = replace(explained(request, INFO, MADE_BY), grid=-np.ones((14, 14), np.float32))
    empty = figures.evidence_picture(found, nothing, "Grad-CAM", (0.25, 0.5))
    assert not empty.shares.any()
    assert empty.note == "no positive evidence"


def test_the_sheet_blends_labels_over_the_photo(found):
    photo = np.full_like(found.photo, 100)
    plain = replace(found, photo=photo)
    pictures = [figures.photo_picture(plain), figures.stride_picture(plain, 32)]
    sheet = figures.labels_sheet_png([("VGG-16", pictures)], "by me")
    pixels = np.asarray(Image.open(io.BytesIO(sheet)).convert("RGB")).astype(int)
    assert (pixels[60, 30] == 100).all()
    x = 12 + 332 + 160 + 40  # on the disc, beside the name
    own = round(320 * photo.shape[0] / photo.shape[1])
    wanted = 100 * (1 - OPACITY) + np.array(COLOURS["cat"]) * OPACITY
    assert np.abs(pixels[36 + own // 2, x] - wanted).max() < 3


def test_labels_alone_are_numbers_of_classes(found):
    image = Image.open(io.BytesIO(figures.palette_png(found, 8)))
    assert image.mode == "P"
    assert (np.asarray(image) == found.net(8).labels).all()
    assert tuple(image.getpalette()[3 * CAT : 3 * CAT + 3]) == COLOURS["cat"]


def test_arrays_hold_everything(found):
    arrays = np.load(io.BytesIO(figures.segmentation_npz(found, {"photo": "by me"})))
    assert sorted(arrays) == sorted(
        ["about", "photo"]
        + [f"{name}_{net}s" for name in ("labels", "probabilities") for net in (32, 16, 8)]
    )
    assert json.loads(str(arrays["about"])) == {"photo": "by me", "classes": list(CLASSES)}
    assert (arrays["probabilities_16s"] == found.net(16).probabilities).all()
