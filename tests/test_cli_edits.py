"""`vgg-viz edit` over tiny networks."""

import json

import pytest

from vgg_viz.requests import EditRequest


@pytest.fixture(autouse=True)
def tiny(assets):
    return assets


def test_edit_prints_classes_before_and_after(vgg, service):
    words = ("edit", "cat", "--model", "vgg16", "--layer", "conv5_3", "--zero", 3, "--scale", "4=2")
    code, out, err = vgg(*words, "--format", "json")
    assert code == 0
    told = json.loads(out)
    request = EditRequest("vgg16:bundled", "cat", "conv5_3", ((3, 0.0), (4, 2.0)))
    found = service.run(request)
    assert told["channels"] == {"3": 0.0, "4": 2.0}
    assert told["row"] == "relu5_3"
    assert [row["index"] for row in told["top"]] == list(found.top())
    for row in told["top"]:
        assert row["logit_after"] == pytest.approx(float(found.logits_after[row["index"]]))
    assert told["provenance"]["model"] == "vgg16:bundled"
    assert list(told["change"]) == ["conv5_3", "fc6", "fc7", "fc8"]
    code, out, err = vgg(*words)
    assert code == 0
    assert "logit before" in out
    assert "edited at relu5_3" in out
    assert "of the MACs" in err


def test_regions_and_swaps(vgg):
    code, out, _ = vgg(
        *("edit", "cat", "--layer", "conv4_1", "--swap", "dog", "--format", "json"),
        *("--region", "0,0,0.5,0.5", "--outside"),
    )
    assert code == 0
    assert json.loads(out)["change"]["conv4_1"] > 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--zero", 999), "999 is not one of them"),
        (("--scale", "4"), "is not CHANNEL=FACTOR"),
        (("--scale", "a=2"), "is not CHANNEL=FACTOR"),
        (("--region", "1,2"), "is not LEFT,TOP,RIGHT,BOTTOM"),
        (("--region", "0.5,0,0.4,1"), "A region needs"),
        (("--swap", "nobody"), "neither a file nor a bundled photo"),
    ],
)
def test_bad_input_is_one_message(vgg, words, message):
    code, out, err = vgg("edit", "cat", "--layer", "conv4_1", *words)
    assert code == 2
    assert message in err
    assert out == ""
