"""`camslice schema`: the JSON Schema of fleet.yaml, for editors."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer


def schema(
    as_json: Annotated[bool, typer.Option("--json", help="print it on one line")] = False,
) -> None:
    """Print the JSON Schema of fleet.yaml.

    Editors that know JSON Schema complete and check a fleet file whose first line is
    `# yaml-language-server: $schema=fleet.schema.json`.
    """
    from camslice.cli.output import print_json
    from camslice.fleet.schema import fleet_schema

    if as_json:
        print_json(fleet_schema())
    else:
        sys.stdout.write(json.dumps(fleet_schema(), indent=2) + "\n")
