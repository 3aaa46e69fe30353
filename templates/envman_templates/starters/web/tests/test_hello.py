from hello import app


def test_greets() -> None:
    assert app.test_client().get("/").text == "Hello, world!\n"
