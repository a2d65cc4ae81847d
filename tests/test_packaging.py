"""requirements.txt pins what `make run` installs, pyproject.toml says what the library needs."""

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent


def pins():
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    wanted = (re.sub(r"\s*#.*", "", line).strip() for line in lines)
    return {r.name: r for r in (Requirement(w) for w in wanted if w and not w.startswith("-"))}


def needs():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return {r.name: r for r in map(Requirement, project["dependencies"])}


def test_pins_and_needs_name_the_same_packages():
    assert pins().keys() == needs().keys()


def test_every_pin_lies_inside_the_need():
    for name, pin in pins().items():
        floor = next(s.version for s in pin.specifier if s.operator in {"==", ">="})
        assert Version(floor) in needs()[name].specifier


def test_every_pin_has_an_upper_end():
    for pin in pins().values():
        assert {s.operator for s in pin.specifier} & {"==", "<"}, (
            f"{pin} would take any future release"
        )
