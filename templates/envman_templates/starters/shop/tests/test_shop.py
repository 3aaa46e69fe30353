from shop import app


def test_counts_visits() -> None:
    first, second = (app.test_client().get("/").text for _ in range(2))
    assert first.startswith("You are visitor ")
    assert first != second
