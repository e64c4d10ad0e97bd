"""Layer configurations in models saved with earlier argument names."""

from typing import Any


def renamed(config: dict[str, Any], **names: str) -> dict[str, Any]:
    """Copy a configuration with the present names (values) of its earlier arguments (keys)."""
    earlier = {names[name]: config[name] for name in names if name in config}
    return {name: value for name, value in config.items() if name not in names} | earlier


def with_units(config: dict[str, Any]) -> dict[str, Any]:
    """Copy a configuration with `units` for `hidden_units`, its name in models saved before 0.2."""
    return renamed(config, hidden_units="units")
