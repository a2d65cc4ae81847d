"""Charts as every page shows them: colours of the theme, text for those who cannot see, files."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from vgg_viz import figures
from vgg_viz.figures import Look

PICTURES = {"png": "PNG", "svg": "SVG"}


def look() -> Look:
    """The colours of the visitor's theme, as .streamlit/config.toml names them."""
    theme = st.context.theme.type or "light"
    names = ("textColor", "grayTextColor", "dataframeBorderColor", "backgroundColor")
    colours = st.get_option(f"theme.{theme}.chartCategoricalColors")
    rest = [st.get_option(f"theme.{theme}.{name}") for name in names]
    # Started from another folder, the server has no theme of ours.
    return Look(tuple(colours), *rest) if colours and all(rest) else figures.LIGHT


def config(name: str) -> dict[str, Any]:
    """plotly's configuration: one button, which saves the chart under `name`."""
    kind = st.session_state.get("picture_format") or "png"
    return {
        "displaylogo": False,
        "modeBarButtons": [["toImage"]],
        "toImageButtonOptions": {"format": kind, "filename": name, "scale": 3},
    }


def picture_format() -> None:
    """What the camera above each chart saves."""
    st.segmented_control(
        "The camera above a chart saves",
        list(PICTURES),
        key="picture_format",
        default="png",
        format_func=PICTURES.__getitem__,
        required=True,
        persist_state="session",  # it stands in popovers that are not drawn while they are shut
    )


def chart(
    figure: Any, *, key: str, alt: str, rows: Sequence[Mapping[str, Any]], source: str, **more: Any
) -> None:
    """A plotly figure; below it where its numbers come from, and the numbers as a CSV file.

    `rows` share their keys; the file's last column repeats `source`. `more` goes to plotly_chart.
    """
    name = key.replace("_", "-")
    st.plotly_chart(figure, key=key, config=config(name), alt=alt, **more)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(source)
        csv_button(rows, key=f"{key}_csv", name=name, source=source)


def csv_button(
    rows: Sequence[Mapping[str, Any]], *, key: str, name: str, source: str, label: str = "CSV"
) -> None:
    """A small button that downloads `rows`; the file is made when it is clicked."""
    st.download_button(
        label,
        data=lambda: csv_file(rows, source),
        file_name=f"{name}.csv",
        mime="text/csv",
        key=key,
        on_click="ignore",
        type="tertiary",
        icon=":material/download:",
        help="The numbers of this chart, unrounded",
        disabled=not rows,
    )


def csv_file(rows: Sequence[Mapping[str, Any]], source: str) -> bytes:
    """Rows with a header; every row says where its numbers come from."""
    out = io.StringIO()
    writer = csv.DictWriter(out, [*rows[0], "source"], lineterminator="\n")
    writer.writeheader()
    writer.writerows({**row, "source": source} for row in rows)
    return out.getvalue().encode()
