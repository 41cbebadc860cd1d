"""Parameters as people write them: presets in YAML, and NAME=VALUE on the command line."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from segnb.errors import DataError
from segnb.parameters import PARAMETERS, check_parameters
from segnb.paths import find_file


@dataclass
class Line:
    """One parameter of a preset: its value and a comment that says why; a mapping has entries, each with its own."""

    name: str
    value: object
    comment: str = ""
    entries: Mapping[str, tuple[object, str]] = field(default_factory=dict)

    def text(self) -> str:
        """Return the line as YAML; a mapping stands on lines of its own, each with its reason."""
        if not self.entries:
            return f"{self.name}: {_yaml(self.value)}{comment(self.comment)}"
        inside = [f"  {name}: {_yaml(value)}{comment(why)}" for name, (value, why) in self.entries.items()]
        return "\n".join([f"{self.name}:{comment(self.comment)}", *inside])


def read_preset(source: str) -> dict[str, Any]:
    """Return the parameters in a YAML file.

    Raises
    ------
    DataError
        If the file is missing or holds no mapping of parameter names to values.

    >>> read_preset("data/shop.yaml")["run"]
    'shop'
    """
    try:
        values = _joined(yaml.safe_load(find_file(source).read_text(encoding="utf-8")))
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: no day of the calendar
        raise DataError(f"{source}: no YAML: {' '.join(str(error).split())}") from None
    if not isinstance(values, dict):
        raise DataError(f"{source}: is no preset, which holds lines of NAME: VALUE; for a table, segnb init writes one")
    return {str(name): _as_text(str(name), value) for name, value in values.items()}


def _joined(value: Any) -> Any:
    """Return a value in which characters that JSON writes in two halves are whole: JSON is YAML, but for these."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
    if isinstance(value, dict):
        return {_joined(name): _joined(each) for name, each in value.items()}
    return [_joined(each) for each in value] if isinstance(value, list) else value


def read_values(pairs: Iterable[str]) -> dict[str, Any]:
    """Return the parameters given as NAME=VALUE.

    A parameter that is a text is taken as it stands, so 007 stays 007; the others are read as YAML.

    Raises
    ------
    DataError
        If there is no "=", or the value is no YAML.

    >>> read_values(["k=5", "run=007", "features=[age, spend]"])
    {'k': 5, 'run': '007', 'features': ['age', 'spend']}
    """
    values: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals:
            raise DataError(f"-p {pair}: write it as NAME=VALUE, for instance -p k=5")
        values[name] = text if _is_text(name) else _from_yaml(name, text)
    check_parameters({name: values[name] for name in values if name not in PARAMETERS})
    return values


def _is_text(name: str) -> bool:
    return name not in PARAMETERS or isinstance(PARAMETERS[name].default, str)


def _from_yaml(name: str, text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        raise DataError(
            f"-p {name}={text}: the value is no YAML; lists are written [a, b], mappings {{a: b}}"
        ) from None


def _as_text(name: str, value: Any) -> Any:
    """Return a value, as text where YAML made a date or a number of what is meant as text."""
    from datetime import date

    return str(value) if name in PARAMETERS and _is_text(name) and isinstance(value, date | int) else value


def _yaml(value: object) -> str:
    return (
        yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10_000).removesuffix("\n...\n").strip()
    )


def comment(words: str) -> str:
    """Return words as a comment at the end of a line."""
    return f"  # {' '.join(words.split())}" if words else ""
