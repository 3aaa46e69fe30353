"""Takes jobs from the queue, one at a time; a job that it does not finish goes back there."""

from pika.adapters.blocking_connection import BlockingChannel
from pika.spec import Basic, BasicProperties

from jobs import QUEUE, connect


def work(job: str) -> str:
    return job.upper()


def on_job(channel: BlockingChannel, method: Basic.Deliver, properties: BasicProperties, body: bytes) -> None:
    print(f"done: {work(body.decode())}", flush=True)
    channel.basic_ack(method.delivery_tag)


if __name__ == "__main__":
    with connect() as connection:
        channel = connection.channel()
        channel.basic_qos(prefetch_count=1)
        channel.basic_consume(QUEUE, on_job)
        print("waiting for jobs", flush=True)
        channel.start_consuming()
