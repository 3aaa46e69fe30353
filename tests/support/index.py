"""A password-protected package index of this machine, for tests that need a real one."""

from __future__ import annotations

import base64
import hashlib
import re
import ssl
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote, unquote


@dataclass(frozen=True, slots=True)
class Request:
    """One request as the index saw it."""

    method: str
    path: str
    authorised: bool


class Index:
    """Serves the wheels and sdists of a folder; files added while it runs are served too. No user: open to all."""

    def __init__(
        self, folder: Path, *, user: str = "", password: str = "", address: str = "127.0.0.1", tls: Path | None = None
    ) -> None:
        self.folder, self.user, self.password, self.tls = folder, user, password, tls
        self.requests: list[Request] = []
        self._server = ThreadingHTTPServer((address, 0), self._handler())
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Index:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def host(self) -> str:
        """The host and port, for settings that want no scheme."""
        address, port = self._server.server_address[:2]
        return f"{address!s}:{port}"

    @property
    def url(self) -> str:
        """The address of the index, without credentials."""
        return f"{'https' if self.tls else 'http'}://{self.host}/simple/"

    @property
    def url_with_credentials(self) -> str:
        """The address of the index with the user and password in it."""
        return f"http://{quote(self.user, safe='')}:{quote(self.password, safe='')}@{self.host}/simple/"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        index = self
        expected = "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                authorised = not index.user or self.headers.get("Authorization") == expected
                index.requests.append(Request(self.command, self.path, authorised))
                body = index._body(unquote(self.path)) if authorised else b""
                self.send_response(401 if not authorised else 404 if body is None else 200)
                if not authorised:
                    self.send_header("WWW-Authenticate", 'Basic realm="packages"')
                self.send_header("Content-Type", "text/html" if "/simple" in self.path else "application/octet-stream")
                if authorised and self.path.startswith("/files/"):
                    self.send_header("Cache-Control", "max-age=365000000, immutable, public")  # as PyPI does
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(body or b"")

            do_HEAD = do_GET

            def log_message(self, *_: object) -> None:
                """Say nothing: requests are recorded instead."""

        return Handler

    def _body(self, path: str) -> bytes | None:
        """What is served under a path; None if nothing is."""
        files = {file.name: file for file in sorted(self.folder.iterdir()) if file.suffix in {".whl", ".gz"}}
        projects = {name: re.sub(r"[-_.]+", "-", re.split(r"-\d", name)[0]).lower() for name in files}
        match path.strip("/").split("/"):
            case ["files", name] if name in files:
                return files[name].read_bytes()
            case ["simple"]:
                links = [f'<a href="{project}/">{project}</a>' for project in sorted(set(projects.values()))]
            case ["simple", project] if project in projects.values():
                hashes = {name: hashlib.sha256(files[name].read_bytes()) for name in files if projects[name] == project}
                links = [
                    f'<a href="/files/{quote(name)}#sha256={digest.hexdigest()}">{name}</a>'
                    for name, digest in hashes.items()
                ]
            case _:
                return None
        return "\n".join(["<!DOCTYPE html>", *links, ""]).encode()
