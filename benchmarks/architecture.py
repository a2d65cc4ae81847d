"""How long the tables of a network take: rows, sums, receptive fields, memory; nothing is run."""

from benchmarks.measure import Timing, in_turns, machine, table, verdict
from vgg_viz.architecture import describe_network, memory_of, moved_bytes
from vgg_viz.models.configs import NETWORKS

BAR = 50.0  # ms, for any network


def tables(network: str) -> object:
    """Everything that the page "Parameters and computation" asks of one network."""
    described = describe_network(network)
    return described.macs, memory_of(described, 8).training, moved_bytes(described, 8)


def measure(rounds: int = 20) -> dict[str, Timing]:
    """Every network of the registry, in turns."""
    return in_turns({name: lambda name=name: tables(name) for name in NETWORKS}, rounds)


def describe(timings: dict[str, Timing]) -> str:
    """The table, and whether the slowest network keeps the bar."""
    rows = [
        (name, f"{1000 * t.best:.2f}", f"{1000 * t.median:.2f}", f"{1000 * max(t.seconds):.2f}")
        for name, t in timings.items()
    ]
    slowest = max(1000 * timing.median for timing in timings.values())
    header = ("tables of", "best ms", "median ms", "worst ms")
    return f"{table(header, rows)}\nslowest median {slowest:.2f} ms, {verdict(slowest, BAR)}"


def main() -> None:
    """Measure and print."""
    print("Rows, sums, receptive fields, memory and traffic of every registered network")
    print(machine())
    print(describe(measure()))
