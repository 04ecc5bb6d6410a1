"""What the README and the pages under docs/ show as code, in the order in which a reader meets it."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_FENCE = re.compile(r"^(?P<indent>\s*)```(?P<language>\w*)(?P<rest>.*)$")
_NOT_RUN = re.compile(r"^\s*<!-- not run: (?P<reason>.+) -->$")
_TITLE = re.compile(r'title="(?P<title>[^"]+)"')


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block. `file` is the name that a reader should save it under; `not_run` is why no test runs it, or None."""

    page: Path
    line: int
    language: str
    file: str | None
    not_run: str | None
    text: str

    @property
    def where(self) -> str:
        """Page and line."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def commands(self) -> list[str]:
        """The shell commands of the block, without prompts, comments and what they print."""
        if self.language not in {"console", "bash", "sh"}:
            return []
        joined = self.text.replace("\\\n", " ")
        lines = (
            joined.splitlines() if self.language != "console" else [x[2:] for x in joined.splitlines() if x.startswith("$ ")]
        )
        without_comments = (re.sub(r"(^|\s+)# .*$", "", line).strip() for line in lines)
        return [line for line in without_comments if line]


def pages() -> list[Path]:
    """Every page a user reads."""
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(page: Path) -> Iterator[Block]:
    """The fenced blocks of a page, in order; those inside lists too."""
    lines = page.read_text().splitlines()
    before = ""
    i = 0
    while i < len(lines):
        opened = _FENCE.match(lines[i])
        if opened:
            start = i
            i += 1
            while lines[i].strip() != "```":
                i += 1
            body = textwrap.dedent("\n".join(lines[start + 1 : i])) + "\n"
            title = _TITLE.search(opened["rest"])
            reason = _NOT_RUN.match(before)
            yield Block(
                page,
                start + 1,
                opened["language"],
                title["title"] if title else None,
                reason["reason"] if reason else None,
                body,
            )
        if lines[i].strip():
            before = lines[i]
        i += 1
