"""`make demo`: a new project comes up, passes its tests, serves a request and goes, as a newcomer would see it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

_PATIENCE = 20.0


def _answer(port: str) -> str:
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=2) as response:
                text: bytes = response.read()
                return text.decode()
        except (urllib.error.URLError, ConnectionError):
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


def main(folder: Path, envman: Path) -> None:
    """Do it, showing each command."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    # Nothing of the demo stays behind in the user's own list of environments.
    environ = {**os.environ, "ENVMAN_DATA": str(folder.with_name(f"{folder.name}-data"))}

    def run(*words: str) -> None:
        print(f"\n$ {' '.join(['envman', *words])}", flush=True)
        subprocess.run([str(envman), *words], cwd=folder, env=environ, check=True)

    run("init", "--starter", "web")
    run("up")
    run("run", "test")
    print("\n$ envman run serve &", flush=True)
    server = subprocess.Popen([str(envman), "run", "serve"], cwd=folder, env=environ, stderr=subprocess.DEVNULL)
    try:
        port = subprocess.run(
            [str(envman), "run", "--", "python", "-c", "import os; print(os.environ['PORT'])"],
            cwd=folder,
            env=environ,
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
        print(f"$ curl http://127.0.0.1:{port}/\n{_answer(port)}", end="", flush=True)
    finally:
        server.terminate()
        server.wait()
    run("status")
    run("down")
    run("destroy", "--yes")
    shutil.rmtree(folder)
    shutil.rmtree(environ["ENVMAN_DATA"], ignore_errors=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute(), Path(sys.argv[2]).absolute())
