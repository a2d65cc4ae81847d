"""Fetching against a server that misbehaves: whatever happens, no half file has the final name."""

import errno
import hashlib
import multiprocessing
import socket
import threading
import zipfile
from pathlib import Path

import httpx
import numpy as np
import pytest

from file_server import serve
from vgg_viz.errors import DownloadError
from vgg_viz.models import fetch as fetching
from vgg_viz.models.fetch import RemoteFile, cache_folder, fetch, local_copies, verified_copy

SIZE = 3 * 2**20 + 12_345
DATA = np.random.default_rng(0).bytes(SIZE)
NAME = "net-0123.pth"


@pytest.fixture(autouse=True)
def own_folders(tmp_path, monkeypatch):
    monkeypatch.setenv("VGG_VIZ_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for variable in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(variable, raising=False)
        monkeypatch.delenv(variable.upper(), raising=False)
    monkeypatch.setattr(fetching, "CHUNK", 2**18)
    monkeypatch.setattr(fetching, "DISK_RESERVE", 0)


@pytest.fixture
def server(tmp_path):
    behaviour, stop = serve(tmp_path / "www")
    (behaviour.folder / NAME).write_bytes(DATA)
    yield behaviour
    stop()


def remote(server, **changes):
    fields = {
        "url": f"{server.url}/{NAME}",
        "filename": NAME,
        "bytes": SIZE,
        "digest_kind": "sha256-prefix",
        "digest": hashlib.sha256(DATA).hexdigest()[:8],
    }
    return RemoteFile(**(fields | changes))


def kept():
    folder = cache_folder()
    return sorted(p.name for p in folder.iterdir()) if folder.exists() else []


def quick():
    return httpx.Client(timeout=httpx.Timeout(0.3), follow_redirects=True)


# --- the good way --------------------------------------------------------------------------------


def test_a_file_arrives_whole_under_its_name(server):
    path = fetch(remote(server))
    assert path == cache_folder() / NAME
    assert path.read_bytes() == DATA
    assert kept() == [NAME]


def test_progress_counts_bytes_up_to_the_total(server):
    heard = []
    fetch(remote(server), progress=lambda done, total: heard.append((done, total)))
    assert heard[0] == (0, SIZE)
    assert heard[-1] == (SIZE, SIZE)
    assert [done for done, _ in heard] == sorted({done for done, _ in heard})
    assert len(heard) > 10


def test_progress_without_a_length_has_no_total(server):
    server.length = False
    heard = []
    fetch(remote(server), progress=lambda done, total: heard.append((done, total)))
    assert heard[-1] == (SIZE, None)


def test_a_file_that_is_here_is_not_fetched_again(server):
    fetch(remote(server))
    fetch(remote(server))
    assert len(server.requests) == 1


def test_a_damaged_file_that_is_here_is_fetched_again(server):
    cache_folder().mkdir(parents=True)
    (cache_folder() / NAME).write_bytes(DATA[:-1])
    assert fetch(remote(server)).read_bytes() == DATA


@pytest.mark.parametrize("name", [NAME, "net-old.pth"])
def test_torch_hubs_own_copy_is_used_under_its_new_or_old_name(server, tmp_path, name):
    hub = tmp_path / "torch" / "hub" / "checkpoints"
    hub.mkdir(parents=True)
    old = b"the same weights, stored otherwise"
    (hub / name).write_bytes(DATA if name == NAME else old)
    source = remote(server, older=(("net-old.pth", hashlib.sha256(old).hexdigest()[:8]),))
    assert fetch(source) == hub / name
    assert not server.requests
    assert not cache_folder().exists()


def test_pytorchcvs_own_copy_is_used(server, tmp_path):
    folder = tmp_path / "home" / ".torch" / "models"
    folder.mkdir(parents=True)
    (folder / NAME).write_bytes(DATA)
    assert fetch(remote(server)) == folder / NAME


def test_a_redirect_is_followed(server):
    assert fetch(remote(server, url=f"{server.url}/moved/{NAME}")).read_bytes() == DATA


def test_another_folder_may_be_given(server, tmp_path):
    assert fetch(remote(server), tmp_path / "here" / "there") == tmp_path / "here" / "there" / NAME


def test_the_cache_is_in_the_users_cache_folder(monkeypatch, tmp_path):
    assert cache_folder() == tmp_path / "cache"
    monkeypatch.delenv("VGG_VIZ_CACHE")
    assert cache_folder().parts[-2:] == ("vgg-viz", "weights")


# --- resuming ------------------------------------------------------------------------------------


def cut(server, after):
    server.cuts = [after]
    with pytest.raises(DownloadError, match=r"broke.*are kept and the next attempt goes on there"):
        fetch(remote(server))
    server.requests.clear()


def test_a_cut_download_keeps_its_part_and_goes_on_from_there(server):
    cut(server, 2 * 2**20)
    assert kept() == [f"{NAME}.etag", f"{NAME}.part"]
    assert (cache_folder() / f"{NAME}.part").read_bytes() == DATA[: 2 * 2**20]

    heard = []
    assert fetch(remote(server), progress=lambda *at: heard.append(at)).read_bytes() == DATA
    assert heard[0] == (2 * 2**20, SIZE)
    assert heard[-1] == (SIZE, SIZE)
    assert [r["range"] for r in server.requests] == [f"bytes={2 * 2**20}-"]
    assert server.requests[0]["if-range"] == '"v1"'
    assert kept() == [NAME]


def test_it_can_be_cut_many_times(server):
    for _ in range(3):
        cut(server, 2**20)
    assert (cache_folder() / f"{NAME}.part").stat().st_size == 3 * 2**20
    assert fetch(remote(server)).read_bytes() == DATA


@pytest.mark.parametrize("etag", ['"v1"', None, 'W/"weak"'])
def test_a_server_without_ranges_restarts_cleanly(server, etag):
    server.etag = etag
    cut(server, 2**20)
    server.ranges = False
    assert fetch(remote(server)).read_bytes() == DATA
    assert len(server.requests) == 1


@pytest.mark.parametrize("if_range", [True, False])
def test_a_file_that_changed_on_the_server_restarts(server, if_range):
    cut(server, 2**20)
    part = cache_folder() / f"{NAME}.part"
    part.write_bytes(b"of the other version" + part.read_bytes()[20:])
    server.etag, server.if_range = '"v2"', if_range
    assert fetch(remote(server)).read_bytes() == DATA


def test_a_range_that_starts_elsewhere_restarts(server):
    cut(server, 2**20)
    server.wrong_start = 7
    assert fetch(remote(server)).read_bytes() == DATA
    assert "range" not in server.requests[-1]


def test_a_part_that_was_whole_already_only_gets_its_name(server):
    cut(server, 2**20)
    (cache_folder() / f"{NAME}.part").write_bytes(DATA)
    assert fetch(remote(server)).read_bytes() == DATA
    assert len(server.requests) == 1


def test_a_part_that_is_too_long_restarts(server):
    cut(server, 2**20)
    (cache_folder() / f"{NAME}.part").write_bytes(DATA + b"more")
    assert fetch(remote(server)).read_bytes() == DATA


def test_a_part_with_other_bytes_is_thrown_away_and_fetched_anew(server):
    server.etag = None
    cut(server, 2**20)
    (cache_folder() / f"{NAME}.part").write_bytes(bytes(2**20))
    assert fetch(remote(server)).read_bytes() == DATA
    assert ["range" in r for r in server.requests] == [True, False]


# --- what goes wrong -----------------------------------------------------------------------------


def test_a_wrong_hash_leaves_nothing(server):
    with pytest.raises(DownloadError, match=r"is not that file \(its sha256 is not 00000000\)"):
        fetch(remote(server, digest="00000000"))
    assert kept() == []


def test_a_log_in_page_instead_of_the_file_leaves_nothing(server):
    (server.folder / NAME).write_bytes(b"<html>please sign in</html>")
    with pytest.raises(DownloadError, match="A proxy or a log-in page may have answered"):
        fetch(remote(server))
    assert kept() == []


@pytest.mark.parametrize("length", [True, False])
def test_far_too_many_bytes_are_not_stored(server, length):
    server.length = length
    with pytest.raises(DownloadError, match="are expected, so it is not"):
        fetch(remote(server, bytes=2**20))
    assert kept() == []


@pytest.mark.parametrize(
    ("status", "said"),
    [(404, "not there any more"), (410, "not there"), (403, "refused"), (503, "try again later")],
)
def test_refusals_of_the_server_are_explained(server, status, said):
    server.status = status
    with pytest.raises(DownloadError, match=said) as found:
        fetch(remote(server))
    assert str(cache_folder()) in str(found.value)
    assert kept() == []


def test_a_refusal_does_not_cost_the_part(server):
    cut(server, 2**20)
    server.status = 503
    with pytest.raises(DownloadError, match="503"):
        fetch(remote(server))
    server.status = None
    assert fetch(remote(server)).read_bytes() == DATA
    assert server.requests[-1]["range"] == f"bytes={2**20}-"


def test_offline_says_what_to_do_by_hand(server):
    with socket.socket() as taken:  # bound but not listening: nobody answers there
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/{NAME}"
        with pytest.raises(DownloadError, match="cannot be reached") as found:
            fetch(remote(server, url=url))
    assert f"download {url} on another computer, copy {NAME} into" in str(found.value)
    assert kept() == []


@pytest.mark.parametrize("slow", ["answer", "body"])
def test_a_server_that_does_not_answer_is_left(server, slow):
    server.delay, server.pause = (2.0, 0.0) if slow == "answer" else (0.0, 2.0)
    with quick() as client, pytest.raises(DownloadError, match="does not answer"):
        fetch(remote(server), client=client)
    assert NAME not in kept()


def test_cancelling_keeps_what_has_arrived(server):
    asked = []

    def cancelled():
        asked.append(1)
        return len(asked) == 3

    with pytest.raises(DownloadError, match="Cancelled"):
        fetch(remote(server), cancelled=cancelled)
    size = (cache_folder() / f"{NAME}.part").stat().st_size
    assert 0 < size < SIZE
    assert fetch(remote(server)).read_bytes() == DATA
    assert server.requests[-1]["range"] == f"bytes={size}-"


def test_a_disk_without_room_is_found_before_the_download(server, monkeypatch):
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr(fetching.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(DownloadError, match=r"is full: 3 MB are needed.*VGG_VIZ_CACHE"):
        fetch(remote(server))
    assert NAME not in kept()


def test_a_disk_that_fills_up_while_writing_is_explained(server, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(fetching._Download, "_write", full)
    with pytest.raises(DownloadError, match="is full"):
        fetch(remote(server))
    assert NAME not in kept()


def test_a_folder_that_cannot_be_made_is_explained(server, tmp_path):
    (tmp_path / "cache").write_text("a file is in the way")
    with pytest.raises(DownloadError, match=r"cannot be kept.*VGG_VIZ_CACHE"):
        fetch(remote(server))


# --- zips ----------------------------------------------------------------------------------------


def zipped(server, content=DATA, member=NAME, kind=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(server.folder / f"{NAME}.zip", "w", kind) as archive:
        archive.writestr(member, content)
    sha1 = hashlib.sha1(DATA, usedforsecurity=False).hexdigest()
    return remote(server, url=f"{server.url}/{NAME}.zip", digest_kind="sha1", digest=sha1)


def test_a_zip_is_unpacked_and_the_hash_is_of_what_was_in_it(server):
    assert fetch(zipped(server)).read_bytes() == DATA
    assert kept() == [NAME]


@pytest.mark.parametrize(
    "change",
    [{"content": DATA[:-1]}, {"member": "other.pth"}, {"member": f"../{NAME}"}, {"content": b""}],
)
def test_a_zip_with_something_else_in_it_leaves_nothing(server, change, tmp_path):
    with pytest.raises(DownloadError, match="is not that file"):
        fetch(zipped(server, **change))
    assert kept() == []
    assert not (tmp_path / NAME).exists()


def test_a_damaged_zip_leaves_nothing(server):
    source = zipped(server, kind=zipfile.ZIP_STORED)
    path = server.folder / f"{NAME}.zip"
    for data in (b"no zip", path.read_bytes()[:-30], path.read_bytes().replace(DATA[:9], b"x" * 9)):
        path.write_bytes(data)
        with pytest.raises(DownloadError, match="is not that file"):
            fetch(source)
        assert kept() == []


def test_a_zip_bomb_is_not_unpacked(server):
    source = zipped(server, content=bytes(20 * SIZE))
    with pytest.raises(DownloadError, match="are expected, so it is not"):
        fetch(source)
    assert kept() == []


# --- two at once ---------------------------------------------------------------------------------


def test_threads_that_fetch_the_same_file_download_it_once(server):
    server.pause = 0.002
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(fetch(remote(server)).read_bytes()))
        for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert found == [DATA] * 5
    assert len(server.requests) == 1
    assert kept() == [NAME]


def fetch_in_a_process(source, folder, answers):
    answers.put(hashlib.sha256(fetch(source, Path(folder)).read_bytes()).hexdigest())


def test_processes_that_fetch_the_same_file_download_it_once(server, tmp_path):
    server.pause = 0.01
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    arguments = (remote(server), str(tmp_path / "cache"), answers)
    processes = [context.Process(target=fetch_in_a_process, args=arguments) for _ in range(2)]
    for process in processes:
        process.start()
    found = [answers.get(timeout=60) for _ in processes]
    for process in processes:
        process.join(60)
    assert found == [hashlib.sha256(DATA).hexdigest()] * 2
    assert len(server.requests) == 1


def test_waiting_for_another_download_can_be_cancelled(server):
    server.pause = 0.05
    first = threading.Thread(target=fetch, args=(remote(server),))
    first.start()
    while not server.requests:
        pass
    with pytest.raises(DownloadError, match="waiting for another download"):
        fetch(remote(server), cancelled=lambda: True)
    server.pause = 0
    first.join(60)
    assert kept() == [NAME]


def test_the_next_one_goes_on_when_the_one_before_fails(server):
    """The waiting thread gets the lock although the file it waited on was removed."""
    server.cuts, server.pause = [2**20], 0.02
    outcomes = []

    def run():
        try:
            outcomes.append(fetch(remote(server)).read_bytes())
        except DownloadError as error:
            outcomes.append(str(error))

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert "broke" in outcomes[0]
    assert outcomes[1:] == [DATA, DATA]
    assert [r.get("range") for r in server.requests] == [None, f"bytes={2**20}-"]
    assert kept() == [NAME]


def test_a_proxy_that_cannot_be_used_is_explained(server, monkeypatch):
    monkeypatch.setenv("ALL_PROXY", "gopher://127.0.0.1:1")
    with pytest.raises(DownloadError, match="The proxy of this machine cannot be used"):
        fetch(remote(server))


def test_a_user_without_a_home_has_only_the_cache(monkeypatch, server):
    def homeless(_):
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "expanduser", homeless)
    monkeypatch.delenv("VGG_VIZ_CACHE")
    assert fetching.other_folders() == ()


def test_local_copies_come_with_the_hash_they_must_have(server, tmp_path):
    source = remote(server, older=(("net-old.pth", "abc"),))
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "net-old.pth").write_bytes(b"1")
    assert list(local_copies(source)) == [(tmp_path / "cache" / "net-old.pth", "abc")]
    assert verified_copy(source) is None
