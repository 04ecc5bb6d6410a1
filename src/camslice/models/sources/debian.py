"""A file inside a Debian package: the package is fetched with apt, never installed, and needs no root."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

from camslice.models.progress import Progress
from camslice.models.sources.downloads import run_download
from camslice.models.sources.protocol import SourceFailedError

_LISTS_BYTES = 20_000_000
"""About what apt's package lists weigh, for the progress bar."""


@dataclass(frozen=True, slots=True)
class DebianSource:
    """The file `member` (without leading slash) inside the newest package `debian` that apt knows of."""

    debian: str
    member: str
    file: str
    download_bytes: int

    @property
    def last_resort(self) -> bool:
        """See `FileSource`: packages are large for the one file."""
        return True

    @property
    def words(self) -> str:
        """See `FileSource`."""
        return f"the Debian package {self.debian}"

    def fetch(self, size_bytes: int, work: Path, progress: Progress) -> Path:
        """See `FileSource`. Uses apt's settings; where apt has no package lists, it fetches some into `work`."""
        if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
            raise SourceFailedError("this machine has no apt-get and dpkg-deb")
        try:
            self._download(work, [], progress)
        except SourceFailedError as error:
            if "unable to locate" not in str(error).lower():
                raise
            self._download(work, _own_lists(work, progress), progress)
        for package in work.glob("*.deb"):
            return self._take_out(package, size_bytes, work / self.file)
        raise SourceFailedError("apt-get fetched no package")

    def _download(self, work: Path, options: list[str], progress: Progress) -> None:
        run_download(
            [*_apt(options), "download", self.debian],
            work,
            what=f"{self.file} (Debian's {self.debian})",
            total_bytes=self.download_bytes,
            env={**os.environ, "LC_ALL": "C"},
            progress=progress,
        )

    def _take_out(self, package: Path, size_bytes: int, target: Path) -> Path:
        """Read the package's files as a stream up to the wanted one: nothing else touches the disk."""
        with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", package], stdout=subprocess.PIPE) as process:
            try:
                with tarfile.open(fileobj=process.stdout, mode="r|") as archive:
                    for member in archive:
                        content = archive.extractfile(member) if member.name.removeprefix("./") == self.member else None
                        if content is None:
                            continue
                        if member.size != size_bytes:
                            raise SourceFailedError(
                                f"{self.member} in it has another size than the {size_bytes:,} bytes expected"
                            )
                        with target.open("wb") as out:
                            shutil.copyfileobj(content, out)
                        return target
            except tarfile.TarError as error:
                raise SourceFailedError(f"the package cannot be read ({error})") from error
            finally:
                process.kill()  # the rest of the package is of no interest
        raise SourceFailedError(f"it has no {self.member}")


def _own_lists(work: Path, progress: Progress) -> list[str]:
    """Fetch package lists into `work` and return the options that make apt use them."""
    for folder in ("state/lists/partial", "apt-cache/archives/partial"):
        (work / folder).mkdir(parents=True, exist_ok=True)
    options = [f"-oDir::State::Lists={work / 'state/lists'}", f"-oDir::Cache={work / 'apt-cache'}"]
    run_download(
        [*_apt(options), "update"],
        work,
        what="Debian's package lists",
        total_bytes=_LISTS_BYTES,
        env={**os.environ, "LC_ALL": "C"},
        progress=progress,
    )
    return options


def _apt(options: list[str]) -> list[str]:
    # As root, apt would hand the download to a user who may not write into our folder.
    return ["apt-get", "-oAPT::Sandbox::User=root", *options]
