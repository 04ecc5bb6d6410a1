"""A real PostgreSQL server for one test module: Debian's binaries, a folder of its own, a free port, a password.

PostgreSQL refuses to run as root, so root starts it as the user `postgres` or `nobody`.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg

from tests.needs import need

USER = "keeper"
PASSWORD = "s3cret-of-the-store"
_PATIENCE_S = 30.0


class PostgresServer:
    """Runs from `start` to `stop`, as often as a test likes; `remove` at the end deletes its folder."""

    def __init__(self) -> None:
        self._bin = _binaries()
        self._owner = _owner()
        self.folder = Path(tempfile.mkdtemp(prefix="camslice-postgres-"))
        self._data = self.folder / "data"
        self.port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        if self._owner:
            os.chown(self.folder, self._owner.pw_uid, self._owner.pw_gid)
        password_file = self.folder / "password"
        password_file.write_text(PASSWORD)
        password_file.chmod(0o644)
        self._run("initdb", "-D", str(self._data), "-U", USER, "-A", "scram-sha-256", f"--pwfile={password_file}", "-E", "UTF8")

    @property
    def url(self) -> str:
        return self.url_of(USER, PASSWORD)

    def url_of(self, user: str, password: str) -> str:
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        settings = [
            f"port={self.port}",
            "listen_addresses=127.0.0.1",
            f"unix_socket_directories={self.folder}",
            "fsync=off",
            "track_commit_timestamp=on",
        ]
        options = [part for setting in settings for part in ("-c", setting)]
        log = (self.folder / "log").open("ab")
        self._process = subprocess.Popen(
            [self._bin / "postgres", "-D", self._data, *options], stdout=log, stderr=log, **self._as_owner()
        )
        log.close()
        self._wait_until_ready()

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(_PATIENCE_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def query(self, sql: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(sql)
            return cursor.fetchall() if cursor.description else []

    def _wait_until_ready(self) -> None:
        deadline_s = time.monotonic() + _PATIENCE_S
        while True:
            try:
                psycopg.connect(self.url, connect_timeout=2).close()
            except psycopg.OperationalError:
                assert self._process is not None
                assert self._process.poll() is None, (self.folder / "log").read_text()
                assert time.monotonic() < deadline_s, "PostgreSQL does not come up"
                time.sleep(0.05)
            else:
                return

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [self._bin / program, *arguments], capture_output=True, text=True, check=False, cwd=self.folder, **self._as_owner()
        )
        assert done.returncode == 0, done.stderr

    def _as_owner(self) -> dict[str, object]:
        if self._owner is None:
            return {}
        return {"user": self._owner.pw_uid, "group": self._owner.pw_gid, "extra_groups": []}


def _binaries() -> Path:
    def version(folder: Path) -> float:
        return float(folder.parent.name)

    installed = sorted((p.parent for p in Path("/usr/lib/postgresql").glob("*/bin/initdb")), key=version)
    on_path = shutil.which("initdb")
    found = installed[-1] if installed else Path(on_path).resolve().parent if on_path else None
    need(found, "the PostgreSQL server's programs", "apt-get install postgresql")
    assert found is not None
    return found


def _owner() -> pwd.struct_passwd | None:
    """Whom the server runs as; None for whoever runs the tests."""
    if os.geteuid() != 0:
        return None
    users = {entry.pw_name: entry for entry in pwd.getpwall()}
    owner = users.get("postgres") or users.get("nobody")
    need(owner, "a user postgres or nobody", "create one: PostgreSQL does not run as root")
    return owner


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
