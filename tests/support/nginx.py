"""A real nginx on loopback that serves one folder, and a wire in front of it that can be cut."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

MISSING = "nginx is not on PATH"


def is_here() -> bool:
    return shutil.which("nginx") is not None


class Nginx:
    """Serves `root` from its making until the end of the with block.

    /         the files as they are
    /no-etag/ without ETag
    /no-range/ without ranges
    /slow/    at 1 MB/s after the first 64 KiB
    /private/ with a password (fox:hen)
    /moved/   answers 302 to the same below /
    """

    def __init__(self, root: Path, folder: Path) -> None:
        self.root = root
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        # openssl passwd -apr1 -salt saltsalt hen
        (folder / "users").write_text("fox:$apr1$saltsalt$" + _apr1("hen", "saltsalt") + "\n")
        for _ in range(5):
            # Between finding a free port and nginx's taking it, somebody else may take it.
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                self.port = int(probe.getsockname()[1])
            (folder / "nginx.conf").write_text(self._configuration())
            self._process = subprocess.Popen(
                ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            if self._answers():
                return
        raise RuntimeError("nginx did not start:\n" + (folder / "error.log").read_text())

    def sent(self) -> list[tuple[str, int]]:
        """(path, bytes handed to the system for the client) of each request that has ended."""
        lines = (line.split() for line in (self._folder / "access.log").read_text().splitlines())
        return [(path, int(size)) for path, _, size in lines]

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def _answers(self) -> bool:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return self._process.poll() is None
            try:
                self._process.wait(0.1)
                return False
            except subprocess.TimeoutExpired:
                continue
        return False

    def _configuration(self) -> str:
        temporary = "".join(
            f"{kind}_temp_path {self._folder}/{kind};\n"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        root = self.root
        return f"""
            {"user root;" if os.geteuid() == 0 else ""}
            daemon off;
            worker_processes 1;
            pid {self._folder}/nginx.pid;
            events {{ worker_connections 64; }}
            http {{
                log_format sent '$uri $status $body_bytes_sent';
                access_log {self._folder}/access.log sent;
                sendfile on;
                default_type application/octet-stream;
                gzip on;
                gzip_types *;
                absolute_redirect off;
                {temporary}
                server {{
                    listen 127.0.0.1:{self.port};
                    location / {{ root {root}; }}
                    location /no-etag/ {{ alias {root}/; etag off; }}
                    location /no-range/ {{ alias {root}/; max_ranges 0; }}
                    location /slow/ {{ alias {root}/; limit_rate_after 64k; limit_rate 1m; }}
                    location /private/ {{ alias {root}/; auth_basic x; auth_basic_user_file {self._folder}/users; }}
                    location /moved/ {{ rewrite ^/moved/(.*)$ /$1 redirect; }}
                }}
            }}
        """

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait(30)


def _apr1(password: str, salt: str) -> str:
    """The digest part of Apache's MD5 scheme, by the tool that made it famous."""
    made = subprocess.run(
        ["openssl", "passwd", "-apr1", "-salt", salt, password], check=True, capture_output=True, text=True
    )
    return made.stdout.strip().rpartition("$")[2]


class Wire:
    """Passes connections on to a port of this machine. The n-th one is cut after `cuts[n]` bytes towards the client;
    None and those beyond the list are not."""

    def __init__(self, port: int, cuts: list[int | None]) -> None:
        self._target = port
        self._cuts = cuts
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.connections = 0
        self._threads: list[threading.Thread] = []
        self._run(self._accept)

    def _run(self, target: object, *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            number, self.connections = self.connections, self.connections + 1
            cut = self._cuts[number] if number < len(self._cuts) else None
            server = socket.create_connection(("127.0.0.1", self._target))
            self._run(self._copy, client, server, None)
            self._run(self._copy, server, client, cut)

    def _copy(self, source: socket.socket, sink: socket.socket, left: int | None) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if left is not None:
                    data, left = data[:left], left - len(data[:left])
                sink.sendall(data)
                if left == 0:
                    break
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        # The other direction's thread has its recv ended by the shutdown; closing twice does no harm.
        source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in list(self._threads):
            thread.join(30)
