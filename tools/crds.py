"""Write the custom resource definitions into the chart that installs them. A test compares."""

from __future__ import annotations

from pathlib import Path

import yaml

from camslice.cluster.crds.definitions import definitions

FOLDER = Path(__file__).parents[1] / "deploy" / "helm" / "camslice-crds" / "templates"
_HEAD = "# written by tools/crds.py from the classes that validate fleet.yaml: change those, then `make crds`\n"


def files() -> dict[str, str]:
    """The text of each file by its name."""
    return {
        f"{plural}.yaml": _HEAD + yaml.safe_dump(definition, sort_keys=False, allow_unicode=True, width=120)
        for plural, definition in definitions().items()
    }


def main() -> None:
    """Write them."""
    for name, text in files().items():
        (FOLDER / name).write_text(text)


if __name__ == "__main__":
    main()
