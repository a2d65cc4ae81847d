"""The charts of a comparison as one HTML file that needs no network and no server."""

from collections.abc import Mapping, Sequence
from html import escape

from vgg_viz.figures.chart_style import LIGHT
from vgg_viz.figures.flow_charts import Curve, decades, flow_figure

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Gradient flow at initialisation</title>
<style>
body {{ font: 16px system-ui, sans-serif; margin: 1.5rem; color: {text}; }}
main {{ display: flex; flex-wrap: wrap; gap: 1rem; }}
main > * {{ flex: 1 1 26rem; min-width: 0; }}
dt {{ font-weight: 600; margin-top: .6rem; }}
dd {{ margin: 0; }}
</style>
<h1>Gradient flow at initialisation</h1>
<main>{charts}</main>
<dl>{lines}</dl>
</html>
"""


def flow_page(
    curves: Sequence[Curve],
    quantities: Sequence[str],
    lines: Mapping[str, str],
    *,
    layer: str | None = None,
) -> bytes:
    """The file: charts of `quantities` side by side, `lines` below: what it is, and what it says.

    plotly's own 4.7 MB are inside.
    """
    height = max(decades(curves, quantity) for quantity in quantities)
    charts = []
    for number, quantity in enumerate(quantities):
        figure = flow_figure(curves, quantity, LIGHT, height_in_decades=height, layer=layer)
        charts.append(
            figure.to_html(
                full_html=False,
                include_plotlyjs=number == 0,
                config={"responsive": True, "displaylogo": False},
            )
        )
    listed = "".join(
        f"<dt>{escape(key)}</dt><dd>{escape(text)}</dd>" for key, text in lines.items()
    )
    return _PAGE.format(text=LIGHT.text, charts="".join(charts), lines=listed).encode()
