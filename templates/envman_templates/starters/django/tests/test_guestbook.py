import pytest
from django.core.cache import cache
from django.test import Client

pytestmark = pytest.mark.django_db


def test_keeps_names(client: Client) -> None:
    client.post("/", {"name": "Ann"})
    assert "<li>Ann," in client.get("/").text


def test_counts_views(client: Client) -> None:
    client.get("/")
    before = cache.get("views")
    client.get("/")
    assert cache.get("views") > before
