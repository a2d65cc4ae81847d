"""Settings of a page and their copy in the address bar."""

import importlib
import pkgutil
from dataclasses import dataclass, fields, is_dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import dashboard
from dashboard.links import LinkReader
from dashboard.page_settings import (
    NoSettings,
    checked,
    one_of,
    read_settings,
    real,
    settings_params,
    switch,
    whole,
)
from dashboard.selection import WHERE
from fake_service import FakeService


@dataclass(frozen=True)
class Everything:
    count: int = whole(7, least=-3, most=100)
    rate: float = real(0.5, least=0, most=2)
    metric: str = one_of("macs", "macs", "parameters")
    shown: bool = switch(True)
    layer: str = checked("", lambda text: text.startswith("conv"), "a convolution")


def read(**params):
    reader = LinkReader(params, FakeService().describe(), lambda _: False)
    return read_settings(Everything, reader), reader.notes


def test_an_empty_address_is_the_defaults_and_they_write_nothing():
    assert read() == (Everything(), [])
    assert settings_params(Everything()) == {}
    assert settings_params(NoSettings()) == {}


@given(
    st.builds(
        Everything,
        st.integers(-3, 100),
        st.floats(0, 2),
        st.sampled_from(["macs", "parameters"]),
        st.booleans(),
        st.sampled_from(["", "conv1_1", "conv5"]),
    )
)
def test_what_is_written_is_read_back(settings):
    again, notes = read(**settings_params(settings))
    assert (again, notes) == (settings, [])


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("count", "101", "but it has to be -3 to 100; showing 7."),
        ("count", "-4", "-3 to 100"),
        ("count", "many", "-3 to 100"),
        ("count", "1e1", "-3 to 100"),
        ("count", "٣", "-3 to 100"),  # a digit of another script
        ("count", "9" * 5000, "-3 to 100"),
        ("count", "", "-3 to 100"),
        ("rate", "2.1", "but it has to be 0 to 2; showing 0.5."),
        ("rate", "nan", "0 to 2"),
        ("rate", "inf", "0 to 2"),
        ("rate", "fast", "0 to 2"),
        ("metric", "flops", "which does not exist; showing macs."),
        ("shown", "maybe", "which does not exist; showing on."),
        ("layer", "pool5", "but it has to be a convolution; showing what is usual."),
        ("layer", "conv" * 1000, "a convolution"),
    ],
)
def test_what_cannot_be_used_is_noted_and_spoils_nothing_else(name, text, words):
    others = {"count": "9", "rate": "1.5", "metric": "parameters", "shown": "off", "layer": "conv2"}
    settings, notes = read(**{**others, name: text})
    assert len(notes) == 1
    assert words in notes[0]
    assert len(notes[0]) < 250
    default = next(each.default for each in fields(Everything) if each.name == name)
    assert settings == replace(read(**others)[0], **{name: default})


def every_settings_class():
    for module in pkgutil.iter_modules(dashboard.__path__, "dashboard."):
        for value in vars(importlib.import_module(module.name)).values():
            if isinstance(value, type) and is_dataclass(value):
                read = [each.name for each in fields(value) if "read" in each.metadata]
                if read and value.__module__ == module.name:
                    yield value, read


def test_no_setting_takes_a_name_of_the_selection():
    taken = {"image", "left", "right", "pairing", "scale", "precision", "x", "y"}
    taken |= {f"{where}_{part}" for where in WHERE for part in ("layer", "class", "channel")}
    found = dict(every_settings_class())
    assert len(found) >= 5
    for kind, names in found.items():
        assert not taken & set(names), kind
