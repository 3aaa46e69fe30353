"""A queue of jobs: declared once, filled by whoever has work, emptied by the worker."""

import os
import sys

import pika
from pika.adapters.blocking_connection import BlockingChannel

QUEUE = "jobs"
# Written to disk: a job that is in the queue survives a restart of the server.
KEPT = pika.BasicProperties(delivery_mode=pika.DeliveryMode.Persistent)


def connect() -> pika.BlockingConnection:
    return pika.BlockingConnection(pika.URLParameters(os.environ["QUEUE_URL"]))


def declare(channel: BlockingChannel, queue: str = QUEUE) -> None:
    channel.queue_declare(queue, durable=True)


def send(channel: BlockingChannel, job: str, queue: str = QUEUE) -> None:
    channel.confirm_delivery()
    channel.basic_publish("", queue, job.encode(), KEPT, mandatory=True)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["declare"]:
            with connect() as connection:
                declare(connection.channel())
        case ["send", *words] if words:
            with connect() as connection:
                send(connection.channel(), " ".join(words))
        case _:
            sys.exit("usage: jobs.py declare | send JOB")
