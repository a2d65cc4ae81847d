"""Model cards of the shipped detection heads. Nothing here imports torch."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vgg_viz.errors import CheckpointError, InputError
from vgg_viz.models.registry import transfer_folder


def heads_file(network: str, folder: Path | None = None) -> Path:
    """The weights of a network's heads; the card lies beside it."""
    return (folder or transfer_folder()) / f"detection_{network}.safetensors"


def heads_cards(folder: Path | None = None) -> dict[str, Mapping[str, Any]]:
    """{network: card} of all heads that are there; CheckpointError for a card that is damaged."""
    found: dict[str, Mapping[str, Any]] = {}
    for path in sorted((folder or transfer_folder()).glob("detection_*.json")):
        try:
            card = json.loads(path.read_text(encoding="utf-8"))
            found[card["network"]] = card
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CheckpointError(
                f"The model card {path.name} cannot be read ({error}); reinstall vgg-viz."
            ) from error
    return found


def heads_card(network: str, digest: str, folder: Path | None = None) -> Mapping[str, Any]:
    """The card of the heads for a network whose weights have the sha256 `digest`.

    InputError when there are none for it: they fit the features of those very weights alone.
    """
    cards = heads_cards(folder)
    card = cards.get(network)
    if card is not None and card["backbone_sha256"] == digest:
        return card
    names = " and ".join(f"{name}:bundled" for name in cards)
    choose = f"Choose {names}" if names else "None are shipped here"
    raise InputError(
        f"Nothing was trained to detect with {network} and these weights. {choose}, or train heads "
        "with `make transfer`."
    )
