"""Indexes of folders through the real service: they grow, go on, are made anew, and say so."""

import shutil
import time

import numpy as np
import pytest
import torch
from PIL import Image

from dashboard.top_patches_code import top_patches_code
from tests.reference_patches import agree, as_lists, best_unit, maps_of, top_units
from tests.test_capture import assert_same, snapshot
from vgg_viz import patch_index
from vgg_viz.errors import JobError, UnknownNameError
from vgg_viz.preprocessing import prepare
from vgg_viz.requests import TopPatchesJob, TopPatchesRequest
from vgg_viz.service import indexes
from vgg_viz.service.local import LocalService
from vgg_viz.service.patch_indexing import Indexing
from vgg_viz.service.reconstruction import before_relu

VGG, NORMED, ZFNET = "vgg16:bundled", "vgg11_bn:bundled", "zfnet_b:bundled"
FOLDER = "folder:birds"


def paint(path, seed, size=(90, 70)):
    """A picture of coloured blocks, other ones for another seed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    blocks = np.random.default_rng(seed).integers(0, 255, (6, 6, 3), dtype=np.uint8)
    Image.fromarray(blocks).resize(size, Image.Resampling.BICUBIC).save(path)


@pytest.fixture(scope="module")
def opened(assets):
    """A service that offers the folder "birds"."""
    folder = assets / "birds"
    folder.mkdir()
    with LocalService("cpu", photos=[folder]) as made:
        made.folder = folder
        yield made


@pytest.fixture
def birds(opened, assets):
    """The service over a folder of eleven pictures, no index yet."""
    shutil.rmtree(opened.folder)
    shutil.rmtree(assets / "indexes", ignore_errors=True)
    opened.folder.mkdir()
    for number in range(11):
        paint(opened.folder / f"class {number % 2}" / f"{number}.png", number)
    return opened


def run(service, job):
    """The last event of a job, once it has ended."""
    name = service.submit(job)
    end = time.monotonic() + 120
    while not service.events(name)[-1].final:
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)
    return service.events(name)[-1], service.result(name)


def kept(service, model=VGG, source=FOLDER):
    """The index as it is in its file."""
    study = Indexing(service._executor, TopPatchesJob(model, source))
    return patch_index.read(study._path)


def same(one, other):
    assert one.images == other.images
    for layer, top in one.layers.items():
        for part in ("values", "images", "rows", "columns"):
            np.testing.assert_array_equal(getattr(top, part), getattr(other.layers[layer], part))


def steps(service, study, count):
    """So many steps of a study on the worker."""
    for _ in range(count):
        service._on_device(study.advance)


@pytest.mark.parametrize("model", [VGG, NORMED])
def test_an_index_equals_brute_force(birds, model):
    event, told = run(birds, TopPatchesJob(model, FOLDER))
    assert event.state == "done"
    assert event.message.startswith("In the index: 11 images. 11 new, ")
    assert "images/s" in event.message
    assert (told.images, told.total, told.skipped, told.notes) == (11, 11, (), ())
    assert told.rate > 0
    index = kept(birds, model)
    ready = birds._executor.ready(model)
    pictures = torch.stack(
        [
            torch.from_numpy(
                prepare(
                    np.asarray(Image.open(birds.folder / stamp.name).convert("RGB")),
                    ready.loaded.preprocessing,
                )
            )
            for stamp in index.images
        ]
    )
    config = ready.loaded.config
    assert list(index.layers) == list(config.convs)
    for conv in (config.convs[0], config.convs[-1]):
        name = before_relu(config, conv)
        agree(as_lists(index.layers[conv]), top_units(ready.network, name, pictures), 16)


def test_names_are_in_natural_order_and_folders_take_turns(birds):
    run(birds, TopPatchesJob(VGG, FOLDER, limit=5))
    names = [stamp.name for stamp in kept(birds).images]
    assert names == [
        *("class 0/0.png", "class 0/2.png", "class 0/4.png"),
        *("class 1/1.png", "class 1/3.png"),
    ]


def test_a_folder_that_grew_gives_the_index_of_all_at_once(birds):
    assert run(birds, TopPatchesJob(VGG, FOLDER, limit=6))[1].images == 6
    small = kept(birds)
    for number in range(20, 23):
        paint(birds.folder / f"a {number}.png", number)
    event, told = run(birds, TopPatchesJob(VGG, FOLDER))
    assert told.images == 14
    assert "8 new" in event.message
    grown = kept(birds)
    assert small.images != grown.images
    indexes.index_path(VGG, grown.key).unlink()
    run(birds, TopPatchesJob(VGG, FOLDER, limit=100))
    same(grown, kept(birds))
    event, told = run(birds, TopPatchesJob(VGG, FOLDER, limit=101))
    assert event.message == "In the index: 14 images. Nothing was new."
    assert told.rate == 0


def test_a_stopped_study_goes_on_with_what_it_has(birds):
    birds.wait_ready()
    for number in range(30, 50):
        paint(birds.folder / f"{number}.png", number)
    job = TopPatchesJob(VGG, FOLDER)
    study = birds._on_device(lambda executor: Indexing(executor, job))
    assert study.share is None
    assert study.words == "Looking through birds"
    while not study._seen:
        steps(birds, study, 1)
    assert study.words.startswith("8 of 31 images, ")
    assert study.share == pytest.approx(8 / 31)
    told = birds._on_device(study.result)  # as the queue does when somebody stops it
    assert (told.images, told.total) == (8, 31)
    assert len(kept(birds).images) == 8
    study.go_on(job)
    while not study.finished:
        steps(birds, study, 1)
    birds._on_device(study.result)
    assert study._new == 23, "what was seen is not looked at again"
    went_on = kept(birds)
    indexes.index_path(VGG, went_on.key).unlink()
    run(birds, TopPatchesJob(VGG, FOLDER, limit=999))
    same(went_on, kept(birds))


def test_closing_the_service_keeps_what_was_seen(assets, birds):
    for number in range(50, 120):
        paint(birds.folder / f"{number}.png", number)
    with LocalService("cpu", photos=[birds.folder]) as made:
        name = made.submit(TopPatchesJob(VGG, FOLDER))
        end = time.monotonic() + 60
        while " of " not in made.events(name)[-1].message and time.monotonic() < end:
            time.sleep(0.01)
    index = kept(birds)
    assert index.images
    assert all(stamp.name.endswith(".png") for stamp in index.images)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda folder: (folder / "class 0/0.png").unlink(), "1 removed"),
        (lambda folder: paint(folder / "class 1/3.png", 77), "1 changed"),
    ],
)
def test_a_removed_or_changed_picture_makes_the_index_anew(birds, change, words):
    run(birds, TopPatchesJob(VGG, FOLDER))
    change(birds.folder)
    event, told = run(birds, TopPatchesJob(VGG, FOLDER, limit=50))
    (note,) = told.notes
    assert note == f"The index was made anew, because of pictures {words}."
    assert note in event.message
    after = kept(birds)
    assert told.images == len(after.images)
    indexes.index_path(VGG, after.key).unlink()
    run(birds, TopPatchesJob(VGG, FOLDER, limit=51))
    same(after, kept(birds))


def test_broken_files_are_named_and_not_tried_again(birds):
    (birds.folder / "bad.jpg").write_bytes(b"this is no picture")
    (birds.folder / "empty.png").touch()
    (birds.folder / ".hidden.png").touch()
    (birds.folder / "notes.txt").write_text("not a picture, by its name")
    event, told = run(birds, TopPatchesJob(VGG, FOLDER))
    assert told.skipped == ("bad.jpg", "empty.png")
    assert (told.images, told.total) == (11, 11)
    assert "2 could not be read: bad.jpg, empty.png." in event.message
    event, told = run(birds, TopPatchesJob(VGG, FOLDER, limit=60))
    assert "Nothing was new" in event.message
    assert told.skipped == ("bad.jpg", "empty.png")
    paint(birds.folder / "bad.jpg", 5)  # mended
    event, told = run(birds, TopPatchesJob(VGG, FOLDER, limit=61))
    assert told.skipped == ("empty.png",)
    assert (told.images, told.notes) == (12, ("1 could not be read: empty.png.",))


def test_folders_without_a_picture_say_what_to_do(birds):
    shutil.rmtree(birds.folder)
    birds.folder.mkdir()
    event, _ = run(birds, TopPatchesJob(VGG, FOLDER))
    assert event.state == "failed"
    assert event.message == (
        "The folder birds holds no picture (.jpg, .jpeg, .png, .webp); put some into it, or "
        "choose another."
    )
    (birds.folder / "bad.jpg").write_bytes(b"this is no picture")
    event, _ = run(birds, TopPatchesJob(VGG, FOLDER))
    assert event.state == "failed"
    assert "None of the 1 pictures in birds can be read. bad.jpg: " in event.message
    shutil.rmtree(birds.folder)
    event, _ = run(birds, TopPatchesJob(VGG, FOLDER))
    assert "The folder birds cannot be read" in event.message
    birds.folder.mkdir()


@pytest.mark.parametrize("source", ["folder:cats", "/etc", "..", ""])
def test_a_server_looks_at_no_other_folder(birds, source):
    event, _ = run(birds, TopPatchesJob(VGG, source))
    assert event.state == "failed"
    assert "Unknown source of photos" in event.message
    with pytest.raises(UnknownNameError, match="source of photos"):
        birds.run(TopPatchesRequest(VGG, source))


def test_a_damaged_index_is_made_anew(birds):
    run(birds, TopPatchesJob(VGG, FOLDER))
    whole = kept(birds)
    path = indexes.index_path(VGG, whole.key)
    path.write_bytes(path.read_bytes()[:999])
    found = birds.run(TopPatchesRequest(VGG, FOLDER))
    assert (found.images, found.patches) == (0, ())
    assert "damaged" in found.silence
    assert found.silence.endswith("Index the photos again.")
    event, told = run(birds, TopPatchesJob(VGG, FOLDER, limit=70))
    assert event.state == "done"
    assert told.notes == ("The index was damaged and was made anew.",)
    same(whole, kept(birds))


def test_an_index_that_knows_more_is_not_overwritten(birds):
    birds.wait_ready()
    slow = birds._on_device(lambda executor: Indexing(executor, TopPatchesJob(VGG, FOLDER)))
    while not slow._seen:
        steps(birds, slow, 1)
    run(birds, TopPatchesJob(VGG, FOLDER, limit=80))
    birds._on_device(slow.result)
    assert len(kept(birds).images) == 11


def test_an_index_of_other_weights_is_never_used(birds):
    run(birds, TopPatchesJob(VGG, FOLDER))
    found = birds.run(TopPatchesRequest(ZFNET, FOLDER))
    assert (found.images, found.patches) == (0, ())
    assert found.silence == "The folder birds is not indexed for these weights yet."
    assert not np.isfinite(found.maxima).any()


# --- answers -------------------------------------------------------------------------------------


def test_patches_are_the_fields_of_the_units_and_their_signals(birds):
    before = snapshot(birds._executor.ready(VGG).network)
    run(birds, TopPatchesJob(VGG, FOLDER))
    found = birds.run(TopPatchesRequest(VGG, FOLDER, "conv3_2"))
    assert_same(before, snapshot(birds._executor.ready(VGG).network))
    assert found.images == 11
    assert found.channel == int(found.maxima.argmax()) == found.ranked[0]
    assert 1 <= len(found.patches) <= 9
    assert len({patch.name for patch in found.patches}) == len(found.patches)
    values = [patch.value for patch in found.patches]
    assert values == sorted(values, reverse=True)
    assert values[0] == found.maxima.max()
    ready = birds._executor.ready(VGG)
    wanted = ready.loaded.preprocessing
    for patch in found.patches:
        photo = np.asarray(Image.open(birds.folder / patch.name).convert("RGB"))
        image = prepare(photo, wanted)
        maps = maps_of(ready.network, "conv3_2", torch.from_numpy(image))["conv3_2"]
        value, row, column = best_unit(maps[found.channel])
        assert (patch.row, patch.column) == (row, column)
        assert patch.value == pytest.approx(value, rel=1e-4)
        (top, bottom), (left, right) = patch.span_y, patch.span_x
        assert (bottom - top, right - left) == patch.pixels.shape[:2]
        resized = Image.fromarray(photo)
        short = min(resized.size)
        resized = resized.resize(
            tuple(
                wanted.resize if side == short else int(wanted.resize * side / short)
                for side in resized.size
            ),
            Image.Resampling.BILINEAR,
        )
        x = round((resized.width - wanted.crop) / 2)
        y = round((resized.height - wanted.crop) / 2)
        seen = np.asarray(resized.crop((x, y, x + wanted.crop, y + wanted.crop)))
        for i in range(0, bottom - top, 7):
            for j in range(0, right - left, 7):
                at = top + i, left + j
                inside = all(0 <= each < wanted.crop for each in at)
                expected = seen[at] if inside else (128, 128, 128)
                np.testing.assert_array_equal(patch.pixels[i, j], expected)
                if not inside:
                    assert not patch.reconstruction[:, i, j].any()
        assert patch.reconstruction.shape == (3, bottom - top, right - left)
        assert patch.reconstruction.any()
        assert (patch.sample, patch.place) == ("", None)


def test_answers_follow_an_index_that_grows(birds):
    assert birds.run(TopPatchesRequest(VGG, FOLDER)).images == 0
    run(birds, TopPatchesJob(VGG, FOLDER, limit=4))
    first = birds.run(TopPatchesRequest(VGG, FOLDER))
    assert first.images == 4
    assert birds.run(TopPatchesRequest(VGG, FOLDER)) is first
    run(birds, TopPatchesJob(VGG, FOLDER))
    assert birds.run(TopPatchesRequest(VGG, FOLDER)).images == 11


def test_a_channel_that_never_fires_says_so_with_its_largest_value(birds):
    run(birds, TopPatchesJob(VGG, FOLDER))
    index = kept(birds)
    top = index.layers["conv4_1"]
    values = top.values.copy()
    values[3] = -0.25 - np.arange(values.shape[1])
    values[4], top.images[4] = -np.inf, patch_index.NONE
    index.layers["conv4_1"] = patch_index.LayerTop(values, top.images, top.rows, top.columns)
    patch_index.write(indexes.index_path(VGG, index.key), index)
    found = birds.run(TopPatchesRequest(VGG, FOLDER, "conv4_1", 3))
    assert found.patches == ()
    assert found.silence == (
        "Channel 3 of conv4_1 never fires: in all 11 images its largest value before the ReLU is "
        "z = -0.25, and a ReLU passes on 0 for z ≤ 0. Choose another channel, or more photos."
    )
    assert "damaged" in birds.run(TopPatchesRequest(VGG, FOLDER, "conv4_1", 4)).silence


@pytest.mark.parametrize(("layer", "channel"), [("conv9", None), ("relu1_1", 0), ("conv1_1", 999)])
def test_names_that_there_are_not(birds, layer, channel):
    with pytest.raises(UnknownNameError, match=r"choose one of|is not one of them"):
        birds.run(TopPatchesRequest(VGG, FOLDER, layer, channel))


def test_a_picture_that_went_meanwhile_is_said(birds):
    run(birds, TopPatchesJob(VGG, FOLDER))
    first = birds.run(TopPatchesRequest(VGG, FOLDER))
    gone = first.patches[0].name
    (birds.folder / gone).unlink()
    birds._results.drop(lambda _: True)
    found = birds.run(TopPatchesRequest(VGG, FOLDER))
    assert found.notes == (f"{gone} was removed or changed after it was indexed.",)
    assert [p.name for p in found.patches] == [p.name for p in first.patches[1:]]


# --- the bundled photos, and code ----------------------------------------------------------------


def test_crops_of_the_samples_with_one_patch_a_photo(birds):
    event, told = run(birds, TopPatchesJob(ZFNET, "samples", limit=9))
    assert told.images > 300, "a limit is for folders"
    assert "crops/s" in event.message
    found = birds.run(TopPatchesRequest(ZFNET, "samples", "conv2"))
    photos = [patch.sample for patch in found.patches]
    assert len(set(photos)) == len(photos) == 9
    for patch in found.patches:
        assert patch.name.startswith(f"{patch.sample}, ")
        assert all(0 <= share <= 1 for share in patch.place)


def test_jobs_and_questions_with_bad_names_fail_in_words(birds):
    with pytest.raises(UnknownNameError):
        birds.submit(TopPatchesJob("vgg99", FOLDER))
    event, _ = run(birds, TopPatchesJob(VGG, FOLDER, limit=0))
    assert event.message == "Ask for at least one picture."


@pytest.mark.parametrize("source", ["samples", FOLDER])
def test_the_code_of_the_page_runs(birds, tmp_path, monkeypatch, capsys, source):
    shutil.copytree(birds.folder, tmp_path / "photos")
    monkeypatch.chdir(tmp_path)
    code = top_patches_code(TopPatchesRequest(ZFNET, source, "conv3", 5), limit=40)
    exec(compile(code, "snippet", "exec"), {})  # noqa: S102 - the page's own code
    assert (tmp_path / "patches.png").read_bytes().startswith(b"\x89PNG")
    assert "(3, 75, 75)" in capsys.readouterr().out


def test_a_failed_job_raises_in_a_program(birds):
    from vgg_viz import api

    with pytest.raises(JobError, match="Unknown source"):
        api.top_patches(VGG, source="folder:none", service=birds)
