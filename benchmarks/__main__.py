"""`python -m benchmarks`: all parts, or those named."""

import sys

PARTS = (
    "architecture",
    "inspection",
    "attribution",
    "attribution_perturbation",
    "detection",
    "feature_vis",
    "style",
    "top_patches",
    "recorder",
    "startup",
    "browser",
)


def main(names: list[str]) -> int:
    """Run the parts called `names`, all when there are none; the exit code."""
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        print(f"There is no part {unknown[0]!r}; choose from {', '.join(PARTS)}.", file=sys.stderr)
        return 2
    for name in names or PARTS:
        print(f"== {name}")
        _run(name)
        print(flush=True)
    return 0


def _run(name: str) -> None:
    from benchmarks import (
        architecture,
        attribution,
        attribution_perturbation,
        browser,
        detection,
        feature_vis,
        inspection,
        recorder,
        startup,
        style,
        top_patches,
    )

    parts = {
        "architecture": architecture,
        "inspection": inspection,
        "attribution": attribution,
        "attribution_perturbation": attribution_perturbation,
        "detection": detection,
        "feature_vis": feature_vis,
        "style": style,
        "top_patches": top_patches,
        "recorder": recorder,
        "startup": startup,
        "browser": browser,
    }
    parts[name].main()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
