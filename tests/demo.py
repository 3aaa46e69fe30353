"""`make demo`: a new project with a database comes up, passes its tests, answers a request and goes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path


def main(folder: Path, envman: Path) -> None:
    """Do it, showing each command, as a newcomer would see it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    # Nothing of the demo stays behind in the user's own list of environments.
    environ = {**os.environ, "ENVMAN_DATA": str(folder.with_name(f"{folder.name}-data"))}

    def run(*words: str) -> None:
        print(f"\n$ {' '.join(['envman', *words])}", flush=True)
        subprocess.run([str(envman), *words], cwd=folder, env=environ, check=True)

    def visit() -> None:
        said = subprocess.run(
            [str(envman), "status", "--json"], cwd=folder, env=environ, check=True, capture_output=True
        )
        url = json.loads(said.stdout)["result"]["services"]["web"]["host"]["url"]
        with urllib.request.urlopen(url, timeout=10) as answer:
            print(f"\n$ curl {url}\n{answer.read().decode()}", end="", flush=True)

    run("init", "--starter", "shop")
    try:
        run("up")
        visit()
        run("run", "test")
        run("down")
        run("up")
        visit()
        run("status")
    finally:
        run("destroy", "--yes", "--data")
    shutil.rmtree(folder)
    shutil.rmtree(environ["ENVMAN_DATA"], ignore_errors=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute(), Path(sys.argv[2]).absolute())
