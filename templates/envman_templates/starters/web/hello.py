"""A web application that greets."""

import os

from flask import Flask

app = Flask(__name__)


@app.get("/")
def greet() -> str:
    return f"{os.environ.get('GREETING', 'Hello')}, world!\n"


if __name__ == "__main__":
    app.run(host=os.environ["HOST"], port=int(os.environ["PORT"]))
