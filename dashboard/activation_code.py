"""The Python that reproduces what page "Activations" shows; tests run it."""

import streamlit as st

from dashboard.activation_settings import ActivationSettings, Shown
from dashboard.network_column import escaped
from dashboard.selection import Selection, class_labels
from vgg_viz.requests import FrameMapsRequest

OWN_PHOTO, OWN_CLIP = "your-photo.jpg", "your-clip.mp4"


def expander(*snippets: tuple[str, str], key: str) -> None:
    """Titled snippets, folded away; a folded one sends nothing."""
    box = st.expander("Show the code", icon=":material/code:", key=key, on_change="rerun")
    with box:
        for title, code in snippets if box.open else ():
            st.caption(escaped(title))
            st.code(code, language="python")


def channel_code(
    seen: Shown, selection: Selection, settings: ActivationSettings, channel: int
) -> str:
    """Values of one side: the map, its unit, the channels' numbers, scores and similarities."""
    label = selection.side(seen.where).label
    target = class_labels(seen.info.classes).get(label) if label else None
    row, column = seen.unit
    layer, relu = repr(seen.row.name), settings.relu
    return f"""{_seen("seen", seen, selection.image)}
maps = seen.maps({layer}, relu={relu})  # float32 (C, h, w)
one = maps[{channel}]
value = one[{row}, {column}]

numbers = activations.channel_numbers(maps)  # means, stds, minima, maxima, zeros: (C,) each
scores = seen.class_scores({layer}, target={target}, relu={relu})  # gradient x activation
similarities = activations.similarities(maps, {channel})  # cosine
"""


def layer_code(seen: Shown, selection: Selection, settings: ActivationSettings) -> str:
    """Statistics and histogram of one side's layer."""
    layer = repr(seen.row.name)
    return f"""{_seen("seen", seen, selection.image)}
values = seen.maps({layer}, relu={settings.relu})
histogram = activations.histogram(values)  # counts between histogram.edges

after = seen.maps({layer}, relu=True)
zeros = (after == 0).mean()
dead = activations.dead_channels(after).sum()
saturated = activations.saturated_channels(after).sum()
"""


def depth_code(seen: Shown, selection: Selection) -> str:
    """Zeros, dead and saturated channels of every layer with a ReLU."""
    return f"""{_seen("seen", seen, selection.image)}
rows = []
for layer in seen.layers:
    if activations.relu_after(seen.config, layer):
        after = seen.maps(layer, relu=True)
        dead = activations.dead_channels(after).sum()
        saturated = activations.saturated_channels(after).sum()
        rows.append((layer, (after == 0).mean(), dead, saturated))
"""


def photos_code(
    seen: Shown, selection: Selection, settings: ActivationSettings, second: str
) -> str:
    """Differences between two photos in one side's layer."""
    layer, relu = repr(seen.row.name), settings.relu
    return f"""{_seen("first", seen, selection.image)}
second = activations.of_photo({_photo(second)!r}, {seen.info.name!r})

maps, others = (photo.maps({layer}, relu={relu}) for photo in (first, second))
means = [activations.channel_numbers(each).means for each in (maps, others)]
change = means[1] - means[0]
distances = activations.distances(maps, others)  # root mean squared, unit by unit
similarities = activations.paired_similarities(maps, others)  # cosine
"""


def clip_code(request: FrameMapsRequest, channel: int) -> str:
    """One side's maps on every frame of a clip."""
    more = "" if request.precision == "fp32" else f", precision={request.precision!r}"
    asked = f"{request.model!r}, image, {request.layer!r}, {request.relu}{more}"
    return f"""from pathlib import Path

from vgg_viz.requests import FrameMapsRequest
from vgg_viz.results import ClipMaps
from vgg_viz.service.local import LocalService

with LocalService() as service:
    clip = service.put_clip(Path({OWN_CLIP!r}).read_bytes())
    frames = [service.run(FrameMapsRequest({asked})) for image in clip.images]

maps = ClipMaps.of(frames, [{channel}])
shown = maps.maps[:, maps.channels.index({channel})]  # float32 (frames, h, w)
limits, means, maxima = maps.limits, maps.means, maps.maxima  # one scale a channel
probabilities = maps.probabilities  # (frames, classes)
"""


def _seen(name: str, seen: Shown, image: str) -> str:
    return f"""from vgg_viz import activations

{name} = activations.of_photo({_photo(image)!r}, {seen.info.name!r})"""


def _photo(image: str) -> str:
    """A sample by its name; an upload is a file of the reader's."""
    return OWN_PHOTO if len(image) == 64 else image
