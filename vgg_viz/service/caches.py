"""A least-recently-used cache that is bounded in bytes."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

Value = TypeVar("Value")


class ByteBoundedCache(Generic[Value]):
    """Keeps the values used last, as many as fit into `limit` bytes. Safe for threads.

    A value larger than the limit is kept alone until the next one comes: it is in use anyway.
    `size_of` is asked again on every `put`, so a value may grow and be put again.
    """

    def __init__(self, limit: int, size_of: Callable[[Value], int]) -> None:
        self.limit = limit
        self._size_of = size_of
        self._values: OrderedDict[Hashable, tuple[Value, int]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable) -> Value | None:
        """The value, now the most recently used; None when it is not kept."""
        with self._lock:
            if key not in self._values:
                return None
            self._values.move_to_end(key)
            return self._values[key][0]

    def put(self, key: Hashable, value: Value) -> list[Hashable]:
        """Keep `value`; return the keys that had to go."""
        size = self._size_of(value)
        with self._lock:
            self._values[key] = (value, size)
            self._values.move_to_end(key)
            gone = []
            while self._total() > self.limit and len(self._values) > 1:
                gone.append(self._values.popitem(last=False)[0])
            return gone

    def drop(self, matches: Callable[[Hashable], bool]) -> None:
        """Forget every value whose key matches."""
        with self._lock:
            for key in [key for key in self._values if matches(key)]:
                del self._values[key]

    def names(self) -> tuple[Hashable, ...]:
        """The keys kept now, least recently used first."""
        with self._lock:
            return tuple(self._values)

    @property
    def nbytes(self) -> int:
        """Bytes kept now."""
        with self._lock:
            return self._total()

    def _total(self) -> int:
        return sum(size for _, size in self._values.values())
