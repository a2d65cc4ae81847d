"""What every question is."""

from typing import Generic, Literal, TypeVar

Precision = Literal["fp32", "bf16"]
Answer = TypeVar("Answer")


class Request(Generic[Answer]):
    """A question; its type says what the answer is."""
