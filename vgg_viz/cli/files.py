"""Files that commands write: checked before the work, written after it."""

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path

from vgg_viz.errors import InputError
from vgg_viz.results import Provenance, ServiceDescription

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 16px/1.45 system-ui, sans-serif; margin: 1.5rem auto; max-width: 80rem;
  padding: 0 1rem; }}
figure {{ margin: 1rem 0; overflow-x: auto; }}
img {{ max-width: 100%; height: auto; background: #fff; }}
figcaption {{ white-space: pre-line; }}
div {{ overflow-x: auto; }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; }}
th, td {{ padding: .2rem .7rem; text-align: right; border-bottom: 1px solid #8886; }}
th:first-child, td:first-child {{ text-align: left; }}
dt {{ font-weight: 600; margin-top: .6rem; }}
dd {{ margin: 0; overflow-wrap: anywhere; white-space: pre-line; }}
</style>
<h1>{title}</h1>
{pictures}{table}<dl>{about}</dl>
</html>
"""
_MIME = (
    (b"\x89PNG", "image/png"),
    (b"\xff\xd8", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"RIFF", "image/webp"),
)


def check_file(path: Path, *suffixes: str) -> None:
    """Before the network is loaded: a name and a folder that will do; InputError otherwise."""
    if path.suffix.lower() not in suffixes:
        listed = " or ".join(suffixes)
        raise InputError(f"{path} is not a {listed} file; give a name that ends in {listed}.")
    if not path.parent.is_dir():
        raise InputError(f"There is no folder {path.parent}; make it, or write elsewhere.")


def write_file(path: Path, data: bytes) -> None:
    """Write `data`; InputError with the reason when that fails."""
    try:
        path.write_bytes(data)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror or error}.") from error


def photo_credit(offered: ServiceDescription, image: str, photo: str) -> str:
    """Title, author and licence of a bundled photo; the name of a file."""
    for sample in offered.samples:
        if sample.name == image:
            return f"{sample.title}, {sample.author}, {sample.licence}"
    return Path(photo).name


def write_picture(
    path: Path,
    picture: bytes,
    title: str,
    *,
    table: tuple[Sequence[str], Sequence[Sequence[str]]] | None = None,
    about: Mapping[str, object] | None = None,
) -> None:
    """Write a PNG as it is, or into a page (`html_page`) where `path` ends in .html."""
    page = path.suffix.lower() == ".html"
    data = html_page(title, [(title, picture)], table=table, about=about) if page else picture
    write_file(path, data)


def about_weights(made: Provenance) -> dict[str, str]:
    """For `about` of a page: what made it."""
    return {
        "Weights": made.weights,
        "SHA-256 of the weights": made.digest,
        "Computed": f"{made.precision} on {made.device}, {made.input_size} px",
        "Versions": ", ".join(f"{name} {version}" for name, version in made.versions),
    }


def html_page(
    title: str,
    pictures: Iterable[tuple[str, bytes]],
    *,
    table: tuple[Sequence[str], Sequence[Sequence[str]]] | None = None,
    about: Mapping[str, object] | None = None,
) -> bytes:
    """A page to open or to hand on: one file, no scripts, nothing fetched, all text escaped.

    `pictures` are (caption, PNG, JPEG, GIF or WebP); the caption stands below, its first line is
    the alternative text. `table` is (header, rows), `about` what to know, name by name: weights,
    photo and its licence, versions.
    """
    return _PAGE.format(
        title=escape(title),
        pictures="".join(_figure(caption, picture) for caption, picture in pictures),
        table="" if table is None else _table(*table),
        about="".join(
            f"<dt>{escape(name)}</dt><dd>{escape(str(text))}</dd>"
            for name, text in (about or {}).items()
        ),
    ).encode()


def _figure(caption: str, picture: bytes) -> str:
    mime = next(mime for start, mime in _MIME if picture.startswith(start))
    first, data = caption.partition("\n")[0], b64encode(picture).decode()
    return (
        f'<figure><img alt="{escape(first)}" src="data:{mime};base64,{data}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>\n"
    )


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>\n" for row in rows
    )
    return f"<div><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>\n"
