"""A shop whose only goods are visits: every request is one, and the database counts them."""

import os
import sys
from pathlib import Path

import psycopg
from flask import Flask

app = Flask(__name__)


def connect() -> psycopg.Connection:
    return psycopg.connect(os.environ["DATABASE_URL"])


def create() -> None:
    with connect() as database:
        database.execute(Path(__file__).with_name("schema.sql").read_text())


@app.get("/")
def visit() -> str:
    with connect() as database:
        row = database.execute("INSERT INTO visits DEFAULT VALUES RETURNING id").fetchone()
    return f"You are visitor {row[0]}.\n"


@app.get("/health")
def health() -> str:
    return "fine\n"


if __name__ == "__main__":
    if sys.argv[1:] == ["create"]:
        create()
    else:
        app.run(host=os.environ["HOST"], port=int(os.environ["PORT"]))
