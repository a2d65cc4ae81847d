"""The cache that is bounded in bytes."""

import threading

import pytest

from vgg_viz.service.caches import ByteBoundedCache


@pytest.fixture
def cache():
    return ByteBoundedCache(100, len)


def test_what_was_used_least_recently_goes_first(cache):
    for name in "abc":
        assert cache.put(name, bytes(30)) == []
    assert cache.get("a") == bytes(30)  # now b is the oldest
    assert cache.put("d", bytes(30)) == ["b"]
    assert cache.names() == ("c", "a", "d")
    assert cache.get("b") is None


def test_bytes_never_exceed_the_limit(cache):
    for size in (100, 1, 99, 50, 50, 51, 30, 100):
        cache.put(("key", size), bytes(size))
        assert cache.nbytes <= 100
        assert cache.names()[-1] == ("key", size)


def test_the_limit_itself_fits(cache):
    cache.put("a", bytes(60))
    assert cache.put("b", bytes(40)) == []
    assert cache.nbytes == 100


def test_one_value_may_drive_out_several(cache):
    for name in "abc":
        cache.put(name, bytes(30))
    assert cache.put("d", bytes(70)) == ["a", "b"]
    assert cache.names() == ("c", "d")


def test_a_value_larger_than_the_limit_stays_alone_until_the_next_one(cache):
    cache.put("a", bytes(30))
    assert cache.put("huge", bytes(101)) == ["a"]
    assert cache.get("huge") == bytes(101)
    assert cache.put("b", bytes(1)) == ["huge"]
    assert cache.nbytes == 1


def test_a_value_that_grew_is_weighed_again_when_it_is_put_again(cache):
    growing = bytearray(40)
    cache.put("growing", growing)
    cache.put("b", bytes(40))
    growing.extend(bytes(40))
    assert cache.nbytes == 80  # not known yet
    assert cache.put("growing", growing) == ["b"]
    assert cache.nbytes == 80
    assert cache.names() == ("growing",)


def test_a_key_that_is_put_again_counts_once_and_holds_the_new_value(cache):
    cache.put("a", bytes(60))
    cache.put("a", b"x" * 50)
    assert cache.nbytes == 50
    assert cache.get("a") == b"x" * 50


def test_dropping_takes_what_matches_and_nothing_else(cache):
    for key in (("vgg16", 1), ("vgg16", 2), ("zfnet_b", 1)):
        cache.put(key, bytes(10))
    cache.drop(lambda key: key[0] == "vgg16")
    assert cache.names() == (("zfnet_b", 1),)
    assert cache.nbytes == 10


def test_an_empty_cache_has_nothing(cache):
    assert cache.get("a") is None
    assert cache.names() == ()
    assert cache.nbytes == 0
    cache.drop(lambda _: True)


def test_threads_at_once_leave_it_whole():
    cache = ByteBoundedCache(500, len)

    def work(who):
        for i in range(300):
            cache.put((who, i % 20), bytes(i % 60))
            cache.get((1 - who, i % 20))
            if i % 50 == 0:
                cache.drop(lambda key: key[1] == 3)

    threads = [threading.Thread(target=work, args=(who,)) for who in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kept = [cache.get(name) for name in cache.names()]
    assert cache.nbytes == sum(map(len, kept)) <= 500
    assert len(kept) > 5
