"""The command line: the same questions as the dashboard's, asked from a terminal.

Exit codes: 0 done; 1 it could not be done; 2 what was typed cannot be used; 130 Ctrl-C. Answers go
to stdout, everything else to stderr. Nothing here imports torch: the service does, when asked.
"""

import logging
import sys
from typing import Annotated

import typer

from vgg_viz import __version__
from vgg_viz.cli.activations import activations
from vgg_viz.cli.attribution import attribute, cam, methods
from vgg_viz.cli.bench_attribution import bench_attribution
from vgg_viz.cli.clips import clip
from vgg_viz.cli.correspondence import correspondence
from vgg_viz.cli.detect import detect
from vgg_viz.cli.edits import edit
from vgg_viz.cli.evidence import evidence, replay
from vgg_viz.cli.feature_vis import feature_vis
from vgg_viz.cli.filters import deconv, filters
from vgg_viz.cli.inversion import invert
from vgg_viz.cli.ledger import diff
from vgg_viz.cli.networks import describe
from vgg_viz.cli.photos import classify
from vgg_viz.cli.runs import commands as runs_commands
from vgg_viz.cli.segment import segment
from vgg_viz.cli.server import dashboard
from vgg_viz.cli.style import style
from vgg_viz.cli.top_patches import top_patches
from vgg_viz.cli.units import unit
from vgg_viz.cli.weights import commands as weights_commands
from vgg_viz.errors import InputError, VggVizError

app = typer.Typer(
    name="vgg-viz",
    help="Look inside ZFNet and VGG, side by side.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: at once, and the same in a pipe
)
for command in (dashboard, classify, cam, describe, diff, activations, unit, deconv, filters, edit):
    app.command()(command)
app.command()(clip)
app.command()(attribute)
app.command()(methods)
app.command()(feature_vis)
app.command()(evidence)
app.command()(replay)
app.command()(bench_attribution)
app.command()(top_patches)
app.command()(invert)
app.command()(detect)
app.command()(segment)
app.command()(correspondence)
app.command()(style)
app.add_typer(weights_commands, name="weights")
app.add_typer(runs_commands, name="runs")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"vgg-viz {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print it, and end."
        ),
    ] = False,
) -> None:
    pass


class _OneLine(logging.Formatter):
    """Log lines without tracebacks: what failed and how, not where."""

    def formatException(self, ei: object) -> str:  # noqa: N802 - logging's name for it
        """Return type and text of an exception."""
        error = ei[1] if isinstance(ei, tuple) else None
        return f"{type(error).__name__}: {error}"


def app_entry() -> None:
    """Run the command line; errors become one message on stderr and an exit code."""
    logger, handler = logging.getLogger("vgg_viz"), logging.StreamHandler()
    handler.setFormatter(_OneLine("%(levelname)s: %(message)s"))
    logger.addHandler(handler)
    try:
        app(prog_name="vgg-viz")
    except VggVizError as error:
        typer.echo(f"Error: {error}", err=True)
        sys.exit(2 if isinstance(error, InputError) else 1)
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        logger.removeHandler(handler)
