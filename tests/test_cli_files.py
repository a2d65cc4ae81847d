"""Pages that commands write: one file that needs nothing else."""

import base64
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from vgg_viz.cli.files import check_file, html_page
from vgg_viz.errors import InputError


class Page(HTMLParser):
    """What stands on a page, and what it would fetch."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.sources, self.alts, self.words = [], [], [], []
        self.feed(page.decode())

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.tags.append(tag)
        self.sources += [found[name] for name in ("src", "href") if name in found]
        self.alts += [found["alt"]] if "alt" in found else []

    def handle_data(self, data):
        self.words += [data.strip()] if data.strip() else []


def picture(kind):
    out = BytesIO()
    Image.new("RGB", (3, 2), "red").save(out, kind)
    return out.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
def test_pictures_are_inside(kind):
    page = Page(html_page("Maps", [("Red\nlicence", picture(kind))]))
    (source,) = page.sources
    head, _, data = source.partition(",")
    assert head == f"data:image/{kind.lower()};base64"
    assert base64.b64decode(data) == picture(kind)
    assert page.alts == ["Red"]
    assert "Red\nlicence" in page.words


def test_text_is_text():
    bad = "<script>alert('\"&')</script>"
    page = Page(
        html_page(
            bad,
            [(f'" onload="x" {bad}', picture("PNG"))],
            table=([bad], [[bad], ["{title}"]]),
            about={bad: bad, "Seed": 3},
        )
    )
    assert "script" not in page.tags
    assert page.words.count(bad) == 6  # title, h1, th, td, dt, dd
    assert page.alts == [f'" onload="x" {bad}']
    assert {"{title}", "Seed", "3"} <= set(page.words)


def test_a_page_without_a_table():
    assert "table" not in Page(html_page("Maps", [])).tags


def test_a_file_may_end_in_one_of_several_ways(tmp_path):
    check_file(tmp_path / "a.HTML", ".npz", ".html")
    with pytest.raises(InputError, match=r"a\.png is not a \.npz or \.html file; give a name"):
        check_file(Path("a.png"), ".npz", ".html")
