"""What a visitor of page "Activations" takes away: maps as PNG, values as NPZ, numbers as CSV."""

from functools import partial
from io import BytesIO

import numpy as np
import streamlit as st

from dashboard import service
from dashboard.activation_answers import Answers, shared_limit, source
from dashboard.activation_settings import ActivationSettings
from dashboard.charts import csv_file, picture_format
from dashboard.selection import Selection
from vgg_viz import figures
from vgg_viz.requests import LayerMapsRequest


def downloads(answers: list[Answers], selection: Selection, settings: ActivationSettings) -> None:
    """Files of the layers shown; each is made when its button is clicked."""
    picture_format()
    limit = shared_limit(answers, selection)
    for each in answers:
        seen = each.seen
        name = f"activations-{seen.info.network}-{each.channels.output}"
        files = (
            ("All maps (PNG)", "png", "image/png", partial(sheet_file, each, limit)),
            (
                "All values (NPZ)",
                "npz",
                "application/octet-stream",
                partial(npz_file, each, selection),
            ),
            ("Channel numbers (CSV)", "csv", "text/csv", partial(numbers_file, each)),
        )
        st.caption(f"{seen.title}, {seen.when(relu=settings.relu) or 'output'}")
        with st.container(horizontal=True):
            for label, kind, mime, data in files:
                st.download_button(
                    label,
                    data=data,
                    file_name=f"{name}.{kind}",
                    mime=mime,
                    key=f"{seen.where}_{kind}_file",
                    on_click="ignore",
                )


def sheet_file(answers: Answers, limit: float | None) -> bytes:
    """Every map of the layer on one sheet."""
    return figures.map_sheet_png(
        answers.channels, f"{answers.channels.output} of {source(answers)}", limit=limit
    )


def npz_file(answers: Answers, selection: Selection) -> bytes:
    """Every value of the layer, float32 (C, h, w)."""
    shown = answers.channels
    found = service.run(
        LayerMapsRequest(
            *(answers.seen.info.name, selection.image, shown.layer, shown.relu),
            precision=selection.precision,
        )
    )
    out = BytesIO()
    np.savez_compressed(out, maps=found.maps, source=np.array(f"{found.output}, {source(answers)}"))
    return out.getvalue()


def numbers_file(answers: Answers) -> bytes:
    """One row a channel."""
    shown, numbers = answers.channels, answers.channels.numbers
    rows = [
        {
            "output": shown.output,
            "channel": channel,
            "mean": float(numbers.means[channel]),
            "std": float(numbers.stds[channel]),
            "min": float(numbers.minima[channel]),
            "max": float(numbers.maxima[channel]),
            "share_zero": float(numbers.zeros[channel]),
            "gradient_x_activation": float(shown.scores[channel]),
            "class": shown.target_name,
        }
        for channel in range(len(numbers.means))
    ]
    return csv_file(rows, source(answers))
