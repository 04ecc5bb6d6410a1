"""What the pages show works: their files are valid, and their commands run.

A page is walked from top to bottom in an empty folder: a block with a title is saved under it, a console block is run.
Three things differ from what a reader would do. The network is a tiny one, so that nothing is fetched; runs last two
seconds; and pages are served on a free port. A block under `<!-- not run: REASON -->` is not run, but the camslice and make
commands in it must exist with the options shown.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from camslice.fleet.spec import load_fleet
from camslice.measure.machine import nvidia_devices
from tests.docs_blocks import ROOT, Block, blocks, pages
from tests.docs_stage import set_the_stage

PAGES = [page for page in pages() if any(block.commands or block.file for block in blocks(page))]
SECRETS = {"CAM_USER": "viewer", "CAM_PASSWORD": "open-sesame", "DB_PASSWORD": "open-sesame"}
NOT_ALL_IS_WELL = 1
"""What `run` answers when the objective was not met: no mistake of the page."""
BIN = Path(sys.executable).parent


def _name(page: object) -> str:
    return str(page.relative_to(ROOT)) if isinstance(page, Path) else str(page)


@pytest.fixture
def reader(tmp_path: Path) -> Callable[[str], subprocess.CompletedProcess[str]]:
    """Somebody who types commands into a shell in a folder that has the clip, the picture and the weights the pages name."""
    set_the_stage(tmp_path)
    environment = os.environ | SECRETS | {"PATH": f"{BIN}:{os.environ['PATH']}", "HOME": str(tmp_path), "NO_COLOR": "1"}
    environment.pop("CAMSLICE_TOKEN", None)

    def types(command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", command], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False
        )

    return types


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_command_shown_in_a_page_works(
    page: Path, reader: Callable[[str], subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    for block in blocks(page):
        if block.file:
            (tmp_path / block.file).write_text(with_tiny_network(block.text))
        for command in block.commands:
            if block.not_run:
                check_that_it_exists(command, block.where)
                continue
            done = reader(as_typed_in_a_hurry(command))
            assert done.returncode in allowed(command), f"{block.where}: {command}\n{done.stdout}\n{done.stderr}"
            assert "Traceback" not in done.stderr, f"{block.where}: {command}\n{done.stderr}"


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_fleet_file_shown_in_a_page_is_valid(page: Path, tmp_path: Path) -> None:
    set_the_stage(tmp_path)
    for block in blocks(page):
        if block.language == "yaml" and "cameras:" in block.text:
            file = tmp_path / (block.file or "fleet.yaml")
            file.write_text(with_tiny_network(block.text))
            assert load_fleet(file, SECRETS).cameras, block.where


def test_blocks_that_are_not_run_are_few_and_say_why() -> None:
    shown = [block for page in PAGES for block in blocks(page) if block.commands]
    not_run = [block for block in shown if block.not_run]
    assert len(shown) - len(not_run) >= len(shown) / 3, "most of what the pages show is not run"
    assert all(block.not_run and len(block.not_run.split()) > 2 for block in not_run)


@pytest.mark.parametrize("name", ["benchmarks.md", "cli.md", "fleet-yaml.md", "helm-values.md", "kinds.md"])
def test_the_reference_says_what_the_code_says(name: str) -> None:
    code = "import sys; sys.path.insert(0, 'tools'); import reference; sys.stdout.write(reference.pages()[sys.argv[1]])"
    expected = subprocess.run([sys.executable, "-c", code, name], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert (ROOT / "docs" / "reference" / name).read_text() == expected, "run `make reference` and commit what it wrote"


def test_links_between_the_readme_and_the_repository_lead_somewhere() -> None:
    """mkdocs checks the links inside docs/; these two files lie outside."""
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md"):
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def with_tiny_network(text: str) -> str:
    """The network of a model list's entry is replaced by one that needs no download and takes no time."""
    return re.sub(r"weights: [a-z0-9-]+(?=[,}\s])", "weights: tiny.onnx", text)


def allowed(command: str) -> set[int]:
    """How the command may end. `doctor` is content with a fleet whose weights are here, unless a GPU waits for its library;
    `plan` shows plans that cost more than is allowed, too."""
    may_complain = any(f"camslice {name}" in command for name in ("run", "plan"))
    may_complain |= "camslice doctor" in command and bool(nvidia_devices())
    return {0, NOT_ALL_IS_WELL} if may_complain else {0}


def as_typed_in_a_hurry(command: str) -> str:
    """The same command for two seconds, on a free port, with the tiny network."""
    command = re.sub(r"--(duration|seconds) \d+", r"--\1 2", command)
    command = re.sub(r"--model yolox-nano\b", "--model tiny.onnx", command)
    command = re.sub(r"\b(detect|eval) yolox-nano\b", r"\1 tiny.onnx", command)
    if "camslice run" in command and not re.search(r"--no-page|--listen", command):
        command += " --listen 127.0.0.1:0"
    return command


def check_that_it_exists(command: str, where: str) -> None:
    """What cannot be run here must at least be something that camslice or the Makefile knows."""
    words = shlex.split(command)
    program = Path(words[0]).name
    if program == "make":
        plan = subprocess.run(["make", "--dry-run", *words[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
        assert plan.returncode == 0, f"{where}: {command}\n{plan.stderr}"
    if program == "camslice":
        names = [word for word in words[1:3] if re.fullmatch(r"[a-z]+", word)]
        subcommand = names if words[1] in {"models", "catalogue"} else names[:1]
        shown = subprocess.run(
            [BIN / "camslice", *subcommand, "--help"],
            env=os.environ | {"NO_COLOR": "1", "COLUMNS": "200", "TERM": "dumb"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert shown.returncode == 0, f"{where}: {command}\n{shown.stderr}"
        for option in (word for word in words if word.startswith("--")):
            assert option.split("=")[0] in shown.stdout, f"{where}: {command}: no option {option}"


def _commands_of(text: str) -> list[str]:
    return Block(ROOT / "README.md", 1, "console", None, None, text).commands


def test_commands_are_told_from_prompts_comments_and_output() -> None:
    assert _commands_of("$ make demo    # a comment\nwhat it prints\n$ a \\\n  b\n") == ["make demo", "a    b"]
