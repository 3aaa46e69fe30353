from jobs import connect, declare, send
from worker import work


def test_works() -> None:
    assert work("hello") == "HELLO"


def test_a_job_comes_out_of_the_queue() -> None:
    with connect() as connection:
        channel = connection.channel()
        declare(channel, "jobs-test")  # the worker empties the other one
        send(channel, "hello", "jobs-test")
        _, properties, body = channel.basic_get("jobs-test", auto_ack=True)
        channel.queue_delete("jobs-test")
    assert (body, properties.delivery_mode) == (b"hello", 2)
