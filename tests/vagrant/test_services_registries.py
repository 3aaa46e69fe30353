"""The password of a registry goes along, and no other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from envman_vagrant.services import registries

HUB = "https://index.docker.io/v1/"


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Somebody who has logged in here and there, partly with a helper."""
    auths = {"registry.example.com": {"auth": "b25l"}, HUB: {"auth": "dHdv"}, "other.example.com": {"auth": "bm8="}}
    told = {"auths": auths, "credHelpers": {"cloud.example.com": "cloud", "gone.example.com": "gone"}}
    (tmp_path / "config.json").write_text(json.dumps(told), encoding="utf-8")
    helper = tmp_path / "docker-credential-cloud"
    helper.write_text('#!/bin/sh\nread -r where\necho "{\\"Username\\": \\"ann\\", \\"Secret\\": \\"$where\\"}"\n')
    helper.chmod(0o755)
    return {"DOCKER_CONFIG": str(tmp_path), "PATH": f"{tmp_path}:/usr/bin:/bin"}


@pytest.mark.parametrize(
    ("image", "registry"),
    [
        ("redis:8", HUB),
        ("getmeili/meilisearch:v1.10", HUB),
        ("registry.example.com/team/app", "registry.example.com"),
        ("localhost/app", "localhost"),
        ("127.0.0.1:5000/library/nats:2", "127.0.0.1:5000"),
    ],
)
def test_where_an_image_comes_from(image: str, registry: str) -> None:
    assert registries.registry(image) == registry


@pytest.mark.parametrize(
    ("image", "found"),
    [
        ("registry.example.com/app", {"registry.example.com": {"auth": "b25l"}}),
        ("redis:8", {HUB: {"auth": "dHdv"}}),
        ("open.example.com/app", None),
    ],
)
def test_what_is_written_down(environ: dict[str, str], image: str, found: object) -> None:
    said = registries.login(image, environ)
    assert (json.loads(said)["auths"] if said else None) == found


def test_nobody_has_logged_in(tmp_path: Path) -> None:
    assert registries.login("redis:8", {"DOCKER_CONFIG": str(tmp_path)}) == ""


@pytest.mark.usefixtures("scratch")  # a helper is a process
def test_a_helper_is_asked(environ: dict[str, str]) -> None:
    said = registries.login("cloud.example.com/app", environ)
    assert json.loads(said)["auths"] == {"cloud.example.com": {"auth": "YW5uOmNsb3VkLmV4YW1wbGUuY29t"}}
    assert registries.login("gone.example.com/app", environ) == ""
