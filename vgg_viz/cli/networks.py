"""`vgg-viz describe`: what a network is and costs, from its table; nothing is loaded."""

from typing import Annotated, Any

import typer

from vgg_viz.architecture import Architecture, LayerRow
from vgg_viz.architecture import describe as architecture_of
from vgg_viz.cli.tables import TableFormat, as_csv, as_json, as_table, grouped, in_words
from vgg_viz.models.configs import NETWORKS, NetworkConfig, build

Width = Annotated[float, typer.Option(help="Channels and fc units, as a factor of the paper's.")]
Classes = Annotated[int, typer.Option(help="Outputs of fc8.")]
InputSize = Annotated[
    int,
    typer.Option(
        "--input", help="Side in px the network is built for: fc6 takes the whole last map."
    ),
]
KeepFc = Annotated[
    bool,
    typer.Option(
        "--keep-fc",
        help="Build for 224 px and show --input to it: the last map is average-pooled to fc6's "
        "grid, as torchvision does; no parameter is added.",
    ),
]


def describe(
    network: Annotated[
        str | None, typer.Argument(help="For example vgg16 or zfnet_b; without it, all networks.")
    ] = None,
    width: Width = 1.0,
    classes: Classes = 1000,
    input_size: InputSize = 224,
    keep_fc: KeepFc = False,
    output: Annotated[TableFormat, typer.Option("--format")] = TableFormat.TABLE,
) -> None:
    """What is a network made of, and what does it cost?

    Layers, parameters, MACs, memory and receptive fields of one, or a list of all.
    """
    names = [network] if network else list(NETWORKS)
    found = [
        described(name, width=width, classes=classes, input_size=input_size, keep_fc=keep_fc)
        for name in names
    ]
    if output is TableFormat.JSON:
        fields = [{**_totals(a), "layers": [_layer(row) for row in a.rows]} for a in found]
        typer.echo(as_json(fields[0] if network else fields))
    elif output is TableFormat.CSV:
        rows = found[0].rows
        typer.echo(as_csv([_layer(row) for row in rows] if network else [*map(_totals, found)]))
    else:
        typer.echo(_one(found[0]) if network else _list(found))


def described(
    network: str, *, width: float, classes: int, input_size: int, keep_fc: bool
) -> Architecture:
    """Return the network built for `input_size` px, or built for 224 px and shown that size."""
    built = 224 if keep_fc else input_size
    return architecture_of(
        build(network, width=width, classes=classes, input_size=built), input_size
    )


def _totals(a: Architecture) -> dict[str, Any]:
    config: NetworkConfig = a.config
    return {
        "network": config.network,
        "title": NETWORKS[config.network].title,
        "paper": NETWORKS[config.network].paper,
        "width": config.width,
        "classes": config.classes,
        "input_size": a.input_size,
        "parameters": a.parameters,
        "conv_parameters": a.conv_parameters,
        "fc_parameters": a.fc_parameters,
        "macs": a.macs,
        "conv_macs": a.conv_macs,
        "parameter_bytes": a.parameter_bytes(),
        "activation_bytes": a.activation_bytes(),
        "last_conv": a.convs[-1].name,
        "last_conv_receptive_field": a.convs[-1].receptive_field.size,
    }


def _layer(row: LayerRow) -> dict[str, Any]:
    return {
        "name": row.name,
        "kind": row.kind,
        "in_channels": row.in_channels,
        "out_channels": row.out_channels,
        "in_side": row.in_side,
        "out_side": row.out_side,
        "kernel": row.kernel,
        "stride": row.stride,
        "padding": row.padding,
        "parameters": row.parameters,
        "macs": row.macs,
        "activations": row.activations,
        "receptive_field": row.receptive_field.size,
        "jump": row.receptive_field.jump,
        "field_padding": row.receptive_field.padding,
    }


def _one(a: Architecture) -> str:
    header = ["layer", "kind", "output", "parameters", "MACs", "field px", "jump px"]
    rows = [
        [
            row.name,
            row.kind,
            f"{row.out_channels} x {row.out_side} x {row.out_side}",
            grouped(row.parameters),
            grouped(row.macs),
            str(row.receptive_field.size),
            str(row.receptive_field.jump),
        ]
        for row in a.rows
    ]
    return "\n".join((heading(a), "", as_table(header, rows, left=(0, 1)), "", _sums(a)))


def heading(a: Architecture) -> str:
    """Return "VGG-16 (D) (arXiv 1409.1556) at 224 px, 1 x width, 1000 classes"."""
    config, spec = a.config, NETWORKS[a.config.network]
    return (
        f"{spec.title} ({spec.paper}) at {a.input_size} px, {config.width:g} x width, "
        f"{config.classes} classes"
    )


def _sums(a: Architecture) -> str:
    return (
        f"Parameters: {grouped(a.parameters)} ({a.fc_parameter_share:.1%} fully-connected), "
        f"{in_words(a.parameter_bytes(), 'B')} in fp32\n"
        f"MACs: {grouped(a.macs)} for one image ({a.conv_mac_share:.1%} convolutions); "
        "FLOPs = 2 x MACs\n"
        f"Maps: {in_words(a.activation_bytes(), 'B')} in fp32 to keep them all, for one image"
    )


def _list(found: list[Architecture]) -> str:
    header = ["network", "title", "layers", "parameters", "fc share", "MACs", "last conv's field"]
    rows = [
        [
            a.config.network,
            NETWORKS[a.config.network].title,
            f"{len(a.convs)} + 3",
            grouped(a.parameters),
            f"{a.fc_parameter_share:.1%}",
            in_words(a.macs, "MACs"),
            f"{a.convs[-1].receptive_field.size} px",
        ]
        for a in found
    ]
    return as_table(header, rows, left=(0, 1))
