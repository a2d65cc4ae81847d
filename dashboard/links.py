"""What readers of an address share: choices from a list, and notes on what cannot be used."""

from collections.abc import Callable, Mapping

from vgg_viz.results import ServiceDescription


class LinkReader:
    """One address being read; `notes` names what cannot be used and what is shown instead.

    `keeps` says whether the server still has an uploaded photo, by its sha256.
    """

    def __init__(
        self, params: Mapping[str, str], offered: ServiceDescription, keeps: Callable[[str], bool]
    ) -> None:
        self.params, self.offered, self.keeps = params, offered, keeps
        self.notes: list[str] = []

    def note(self, what: str, value: str, instead: str) -> None:
        """Say that the link asks for `what` in vain."""
        # In backquotes and short: the value comes from a link that somebody else may have made.
        shown = " ".join(value.replace("`", "'").split())
        shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
        self.notes.append(f"The link asks for {what} `{shown or ' '}`, {instead}")

    def choice(self, name: str, choices: tuple[str, ...], default: str) -> str:
        """The parameter `name`, or `default` with a note when it is none of `choices`."""
        value = self.params.get(name)
        if value is None or value in choices:
            return value or default
        self.note(name, value, f"which does not exist; showing {default}.")
        return default
