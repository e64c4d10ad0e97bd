"""Configurations of layers in models that were saved under earlier names of their arguments."""

from typing import Any


def with_units(config: dict[str, Any]) -> dict[str, Any]:
    """Copy a configuration; `units` takes the place of `hidden_units`, as models saved before 0.2 call it."""
    units = {"units": config["hidden_units"]} if "hidden_units" in config else {}
    return {name: value for name, value in config.items() if name != "hidden_units"} | units
