"""The page of an evidence bundle: one file, pictures and curves inside, no scripts."""

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from html import escape

from vgg_viz.figures.trust_strip import strip_items, strip_words
from vgg_viz.results import Attribution, MapCurves, MapEvidence, Trust

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 16px/1.45 system-ui, sans-serif; margin: 1.5rem auto; max-width: 72rem;
  padding: 0 1rem; }}
section {{ border-top: 1px solid #8886; margin-top: 2rem; }}
img {{ max-width: 100%; height: auto; background: #fff; }}
figure {{ margin: 1rem 0; }}
svg {{ max-width: 100%; height: auto; }}
svg text {{ fill: currentColor; font-size: 13px; }}
div {{ overflow-x: auto; }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; }}
th, td {{ padding: .2rem .7rem; text-align: right; border-bottom: 1px solid #8886; }}
th:first-child, td:first-child {{ text-align: left; }}
dt {{ font-weight: 600; margin-top: .6rem; }}
dd {{ margin: 0; overflow-wrap: anywhere; }}
pre {{ overflow-x: auto; border: 1px solid #8886; padding: .7rem; }}
li.bad::marker {{ content: "✕ "; color: #c0392b; }}
li.caution::marker {{ content: "! "; color: #b7791f; }}
li.good::marker {{ content: "✓ "; color: #2e7d4f; }}
</style>
<h1>{title}</h1>
{sections}
<section><h2>Make it again</h2>
<p><code>vgg-viz replay</code> with this bundle does, and compares every number. In Python:</p>
<pre>{script}</pre></section>
</html>
"""
_VERDICTS = {
    "good": "Nothing speaks against this map.",
    "caution": "Read this map with care.",
    "bad": "Do not rely on this map.",
    "unfinished": "Not everything was measured.",
}
# Wong's palette (Nature Methods 2011) with dashes, so that colour alone tells nothing.
_LINES = {
    "map": ("#0072b2", ""),
    "edges": ("#d55e00", "6 3"),
    "centre": ("#009e73", "2 3"),
    "random": ("#808080", "9 3 2 3"),
}
_WIDTH, _HEIGHT, _LEFT, _TOP = 320, 200, 40, 24  # px of one chart's axes


def evidence_page(
    maps: Sequence[MapEvidence],
    pictures: Sequence[bytes],
    credit: str,
    titles: Mapping[str, str],
    script: str,
) -> bytes:
    """The page; `pictures` are the maps' PNGs, in their order. All text is escaped."""
    names = dict.fromkeys(each.attribution.target_name for each in maps)
    sections = "" if len(maps) == 1 else _overview(maps, titles)
    sections += "".join(
        _section(number, each, picture, credit, titles)
        for number, (each, picture) in enumerate(zip(maps, pictures, strict=True), start=1)
    )
    title = f"Where the network sees {' and '.join(names)}: evidence"
    return _PAGE.format(title=escape(title), sections=sections, script=escape(script)).encode()


def _title(found: Attribution, titles: Mapping[str, str]) -> str:
    return f"{titles.get(found.method, found.method)}, {found.provenance.model}"


def _overview(maps: Sequence[MapEvidence], titles: Mapping[str, str]) -> str:
    """Every map with its verdict and the numbers of its trust; what was not measured is empty."""
    strips = [
        {}
        if each.trust is None
        else {item.name: item.value for item in strip_items(each.trust, each.attribution)}
        for each in maps
    ]
    names = list(dict.fromkeys(name for strip in strips for name in strip))
    head = "".join(f"<th>{escape(name)}</th>" for name in ("Map", "Trust", *names))
    rows = ""
    for number, (each, strip) in enumerate(zip(maps, strips, strict=True), start=1):
        verdict = "not measured" if each.trust is None else strip_words(each.trust)
        title = escape(_title(each.attribution, titles))
        rows += f'<tr><td><a href="#map_{number}">{title}</a></td>'
        cells = (verdict, *(strip.get(name, "") for name in names))
        rows += "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>\n"
    return (
        f"<section><h2>{len(maps)} maps</h2>\n<div><table><thead><tr>{head}</tr></thead>"
        f"<tbody>{rows}</tbody></table></div></section>\n"
    )


def _section(
    number: int, each: MapEvidence, picture: bytes, credit: str, titles: Mapping[str, str]
) -> str:
    found = each.attribution
    title = _title(found, titles)
    trust = "" if each.trust is None else _trust(each.trust)
    return (
        f'<section id="map_{number}"><h2>{escape(title)}</h2>\n'
        f'<figure><img alt="{escape(title)} for {escape(found.target_name)}" '
        f'src="data:image/png;base64,{b64encode(picture).decode()}"></figure>\n'
        f"{trust}<dl>{_terms(_about(each, credit))}</dl></section>\n"
    )


def _about(each: MapEvidence, credit: str) -> dict[str, str]:
    found = each.attribution
    drawn = "" if each.limit is None else f" Drawn up to {each.limit:.6g}, shared with other maps."
    made = found.provenance
    values = ", ".join(f"{name} = {value}" for name, value in found.parameters) or "none"
    asked = f"{found.target_name} (class {found.target})"
    if found.versus is not None:
        asked += f" and not {found.versus_name} (class {found.versus})"
    return {
        "Asked for": f"{asked}, score {found.score:.6g}, before the softmax",
        "Layer": f"{found.layer}; the map has {found.grid.shape[0]} x {found.grid.shape[1]} values",
        "Parameters": values,
        "Seed": str(found.seed),
        "Steps": f"{found.done} of {found.total}, {found.seconds:.2f} s",
        "Upsampling": found.upsampling,
        "Normalisation": f"Photo: {found.normalisation or 'not told'} Map: raw values, none."
        + drawn,
        "What the method says of itself": "; ".join(
            [*(f"{name} {value:.4g}" for name, value in found.checks), *found.notes]
        )
        or "nothing",
        "Weights": made.weights,
        "SHA-256 of the weights": made.digest,
        "Computed": f"{made.precision} on {made.device}, input {made.input_size} px",
        "Versions": ", ".join(f"{name} {version}" for name, version in made.versions),
        "Photo": credit,
    }


def _trust(found: Trust) -> str:
    items = "".join(f'<li class="{each.level}">{escape(each.text)}</li>' for each in found.findings)
    curves = [*([found.curves] if found.curves else []), *found.references]
    return (
        f"<h3>{escape(_VERDICTS[found.verdict])}</h3><ul>{items}</ul>\n"
        f"{_charts(curves) if curves else ''}{_areas(curves)}{_random_weights(found)}"
        f"<details><summary>How it was measured</summary><ul>"
        f"{''.join(f'<li>{escape(line)}</li>' for line in found.protocol)}</ul></details>\n"
    )


def _charts(curves: Sequence[MapCurves]) -> str:
    """Deletion and insertion side by side, below each other where there is little room."""
    return f"{_chart(curves, 'deletion')} {_chart(curves, 'insertion')}\n{_legend(curves)}\n"


def _chart(curves: Sequence[MapCurves], kind: str) -> str:
    width, height = _LEFT + _WIDTH + 20, _TOP + _HEIGHT + 30
    label = f"Probability while pixels go through {kind}"
    lines = []
    for each in curves:
        curve = each.deletion if kind == "deletion" else each.insertion
        points = " ".join(
            f"{_LEFT + float(x) * _WIDTH:.1f},{_TOP + (1 - float(y)) * _HEIGHT:.1f}"
            for x, y in zip(curve.fractions, curve.scores, strict=True)
        )
        lines.append(f'<polyline points="{points}" fill="none" {_stroke(each)}/>')
    return (
        f'<svg viewBox="0 0 {width} {height}" width="{width}" role="img" aria-label="{label}">'
        f"{_axes(kind)}{''.join(lines)}</svg>"
    )


def _axes(kind: str) -> str:
    bottom, right = _TOP + _HEIGHT, _LEFT + _WIDTH
    words = "deleted: lower is better" if kind == "deletion" else "inserted: higher is better"
    return (
        f'<rect x="{_LEFT}" y="{_TOP}" width="{_WIDTH}" height="{_HEIGHT}" fill="none" '
        'stroke="currentColor" stroke-opacity=".4"/>'
        f'<text x="{_LEFT}" y="{_TOP - 8}">probability, pixels {words}</text>'
        f'<text x="{_LEFT - 6}" y="{_TOP + 12}" text-anchor="end">1</text>'
        f'<text x="{_LEFT - 6}" y="{bottom}" text-anchor="end">0</text>'
        f'<text x="{_LEFT}" y="{bottom + 18}">0 %</text>'
        f'<text x="{right}" y="{bottom + 18}" text-anchor="end">100 %</text>'
    )


def _legend(curves: Sequence[MapCurves]) -> str:
    keys = (
        f'<svg width="44" height="10"><line x1="0" x2="44" y1="5" y2="5" {_stroke(each)}/></svg> '
        f"{escape(each.title)}"
        for each in curves
    )
    return f"<p>{'; '.join(keys)}</p>"


def _stroke(each: MapCurves) -> str:
    colour, dash = _LINES[each.name]
    return f'stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}"'


def _areas(curves: Sequence[MapCurves]) -> str:
    if not curves:
        return ""
    rows = [
        [
            each.title if each.maps == 1 else f"{each.title} (mean of {each.maps})",
            f"{each.deletion.area:.4f}",
            f"{each.insertion.area:.4f}",
            f"{each.gain:.4f}",
        ]
        for each in curves
    ]
    return _table(["", "deletion area", "insertion area", "insertion - deletion"], rows)


def _random_weights(found: Trust) -> str:
    if not found.randomised:
        return ""
    rows = [
        [
            f"down to {row.layer}",
            *(_number(value) for value in (row.rank, row.absolute_rank, row.ssim)),
        ]
        for row in found.randomised
    ]
    header = ["random weights", "rank correlation", "of magnitudes", "SSIM"]
    return f"<details><summary>With random weights</summary>{_table(header, rows)}</details>\n"


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.3f}"


def _table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>\n" for row in rows
    )
    return f"<div><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>\n"


def _terms(about: Mapping[str, str]) -> str:
    return "".join(
        f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in about.items()
    )
