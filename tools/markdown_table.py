"""Tables of the generated pages."""

from __future__ import annotations


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """Rows under a head; a column `default` that is empty throughout is left out."""
    keep = [i for i, title in enumerate(head) if i in (0, len(head) - 1) or any(row[i] for row in rows) or title != "default"]
    lines = [[head[i] for i in keep], ["---"] * len(keep), *([row[i].replace("|", "\\|") for i in keep] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def plural(kind: str) -> str:
    """Several of what a key may hold: `text` as `texts`, `list of texts` as `lists of texts`."""
    if kind.startswith("list of "):
        return f"lists{kind.removeprefix('list')}"
    return kind.replace("text", "texts").replace("number", "numbers").replace("keys, see", "entries, see")
