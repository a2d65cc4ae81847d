"""What a page lets a person set besides the selection, and its copy in the address bar.

A page declares a frozen dataclass; `dashboard.session.view` keeps its value and the address:

    @dataclass(frozen=True)
    class CostSettings:
        batch: int = whole(1, least=1, most=1024)
        memory: str = one_of("inference", "inference", "training")
        cumulated: bool = switch(False)

Field names are the parameters of the address; they must not be those of `dashboard.selection`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

from dashboard.links import LinkReader

Settings = TypeVar("Settings")
Read = Callable[[LinkReader, str, Any], Any]  # (reader, name, default) -> value


@dataclass(frozen=True)
class NoSettings:
    """Of a page that shows the selection alone."""


def whole(default: int, *, least: int, most: int) -> Any:
    """A whole number between two ends."""

    def read(reader: LinkReader, name: str, default: int) -> int:
        text = reader.params[name]
        digits = text.removeprefix("-")
        if digits.isascii() and digits.isdecimal() and len(digits) < 11:
            value = int(text)
            if least <= value <= most:
                return value
        reader.note(name, text, f"but it has to be {least} to {most}; showing {default}.")
        return default

    return field(default=default, metadata={"read": read})


def real(default: float, *, least: float, most: float) -> Any:
    """A number between two ends."""

    def read(reader: LinkReader, name: str, default: float) -> float:
        text = reader.params[name]
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if least <= value <= most:
            return value
        reader.note(name, text, f"but it has to be {least:g} to {most:g}; showing {default:g}.")
        return default

    return field(default=default, metadata={"read": read})


def one_of(default: str, *choices: str) -> Any:
    """One of a few words."""

    def read(reader: LinkReader, name: str, default: str) -> str:
        return reader.choice(name, choices, default)

    return field(default=default, metadata={"read": read})


def switch(default: bool) -> Any:
    """On or off."""

    def read(reader: LinkReader, name: str, default: bool) -> bool:
        return reader.choice(name, ("on", "off"), _text(default)) == "on"

    return field(default=default, metadata={"read": read})


def checked(default: str, accept: Callable[[str], bool], must_be: str) -> Any:
    """A text that `accept` accepts; "`name` must be `must_be`" is said of any other."""

    def read(reader: LinkReader, name: str, default: str) -> str:
        text = reader.params[name]
        if len(text) <= 2000 and accept(text):
            return text
        reader.note(name, text, f"but it has to be {must_be}; showing what is usual.")
        return default

    return field(default=default, metadata={"read": read})


def read_settings(kind: type[Settings], reader: LinkReader) -> Settings:
    """Read an address; the reader notes what cannot be used, and the default takes its place."""
    read = {
        each.name: each.metadata["read"](reader, each.name, each.default)
        for each in fields(kind)  # type: ignore[arg-type]
        if each.name in reader.params
    }
    return kind(**read)


def settings_params(settings: Any) -> dict[str, str]:
    """The address bar's parameters; defaults are left out."""
    return {
        each.name: _text(getattr(settings, each.name))
        for each in fields(settings)
        if getattr(settings, each.name) != each.default
    }


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value)
