"""Layer configurations in models saved with earlier argument names."""

from typing import Any


def with_units(config: dict[str, Any]) -> dict[str, Any]:
    """Copy a configuration with `units` for `hidden_units`, its name in models saved before 0.2."""
    units = {"units": config["hidden_units"]} if "hidden_units" in config else {}
    return {name: value for name, value in config.items() if name != "hidden_units"} | units
