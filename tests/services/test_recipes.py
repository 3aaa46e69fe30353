"""Every recipe of the catalogue, on its real server, through the client that people use."""

from __future__ import annotations

import pytest

from envman.services import catalogue
from tests.support.scratch import Scratch

pytestmark = pytest.mark.engine

_SPEC = """\
[env]
AWS_RESPONSE_CHECKSUM_VALIDATION = "when_required"
URL = "{services.it.url}"
HOST = "{services.it.host}"
PORT = "{services.it.port}"
WORD = "{services.it.password}"
[services.it]
use = "RECIPE"
VERSION
"""
# What the client needs, and two halves of a program: it writes or reads a value, and has to fail with a wrong password.
CLIENTS = {
    "postgres": (
        "psycopg[binary]",
        "import psycopg; c = psycopg.connect(url, autocommit=True)",
        "c.execute('create table t(v text)'); c.execute('insert into t values (%s)', ['kept'])",
        "print(c.execute('select v from t').fetchone()[0])",
    ),
    "redis": (
        "redis",
        "import redis; c = redis.from_url(url, decode_responses=True); c.ping()",
        "c.set('v', 'kept')",
        "print(c.get('v'))",
    ),
    "mariadb": (
        "pymysql",
        (
            "import pymysql; c = pymysql.connect(host=u.hostname, port=u.port, user=u.username, password=u.password, "
            "database=u.path[1:], autocommit=True).cursor()"
        ),
        "c.execute('create table t(v text)'); c.execute('insert into t values (%s)', ['kept'])",
        "c.execute('select v from t'); print(c.fetchone()[0])",
    ),
    "rabbitmq": (
        "pika",
        "import pika; c = pika.BlockingConnection(pika.URLParameters(url)).channel()",
        (
            "c.queue_declare('v', durable=True); c.confirm_delivery(); "
            "c.basic_publish('', 'v', b'kept', pika.BasicProperties(delivery_mode=2))"
        ),
        "m = c.basic_get('v'); print(m[2].decode()); c.basic_nack(m[0].delivery_tag)",
    ),
    "memcached": (
        "pymemcache",
        "from pymemcache.client.base import Client; c = Client(url)",
        "c.set('v', 'here'); assert c.get('v') == b'here'",
        "assert c.get('v') is None; print('kept')",  # it keeps nothing, and says nothing else
    ),
    "nats": (
        "nats-py",
        (
            "import asyncio, nats\n"
            "async def main(what):\n"
            "    c = await nats.connect(url, allow_reconnect=False, max_reconnect_attempts=0, connect_timeout=2)\n"
            "    j = c.jetstream()\n"
            "    await what(j)\n"
            "    await c.close()\n"
            "async def nothing(j): pass\n"
            "asyncio.run(main(nothing))"
        ),
        (
            "async def put(j):\n"
            "    await j.add_stream(name='s', subjects=['v'])\n"
            "    await j.publish('v', b'kept')\n"
            "asyncio.run(main(put))"
        ),
        "async def get(j):\n    print((await j.get_last_msg('s', 'v')).data.decode())\nasyncio.run(main(get))",
    ),
    "mosquitto": (
        "paho-mqtt",
        (
            "import paho.mqtt.publish as pub, paho.mqtt.subscribe as sub\n"
            "to = dict(hostname=u.hostname, port=u.port, auth={'username': u.username, 'password': u.password})\n"
            "pub.single('other', 'x', **to)"
        ),
        "pub.single('v', 'kept', retain=True, qos=1, **to)",
        "print(sub.simple('v', **to).payload.decode())",
    ),
    "s3": (
        "boto3",
        (
            "import boto3; c = boto3.client('s3', endpoint_url=url, region_name='us-east-1', "
            "aws_access_key_id='app', aws_secret_access_key=word); c.list_objects_v2(Bucket='app')"
        ),
        "c.put_object(Bucket='app', Key='a/v', Body=b'kept')",
        "print(c.get_object(Bucket='app', Key='a/v', Range='bytes=0-3')['Body'].read().decode())",
    ),
    "smtp": (
        "",
        (
            "import glob, mailbox, smtplib\n"
            "c = smtplib.SMTP(u.hostname, u.port)\n"
            "c.login(u.username, u.password)\n"
            "(folder,) = glob.glob(os.environ['ENVMAN_DATA'] + '/projects/*/data/it/Maildir')\n"
            "box = mailbox.Maildir(folder, create=False)"
        ),
        (
            "c.sendmail('a@b.c', ['d@e.f'], 'Subject: v\\n\\nkept')\n"
            "n = smtplib.SMTP(u.hostname, u.port); n.sendmail('a@b.c', ['d@e.f'], 'Subject: w\\n\\nwithout a login')"
        ),
        "print(*[m.get_payload().strip() for m in box if m['subject'] == 'v'])",
    ),
}
_HEAD = (
    "import os\nfrom urllib.parse import urlsplit\n"
    "url, word = os.environ['URL'], os.environ['WORD']\nu = urlsplit(url)\n"
)
_WRONG = "url, word = url.replace(word, 'x' * len(word)), 'x' * len(word)\nu = urlsplit(url)\n"


@pytest.mark.parametrize("name", catalogue.names())
def test_a_recipe_brings_a_real_server_that_keeps_its_data_and_asks_for_its_password(shop: Scratch, name: str) -> None:
    assert name in CLIENTS, f"the recipe {name} has no client here that proves it"
    package, connect, write, read = CLIENTS[name]
    shop.write({"envman.toml": _SPEC.replace("RECIPE", name).replace("VERSION\n", ""), "requirements.txt": package})
    served = shop.up()["services"]["it"]
    assert (served["state"], served["host"]["port"]) == ("running", served["inside"]["port"])
    assert shop.up()["steps"] == []

    def client(*parts: str) -> tuple[int, str]:
        said = shop.envman("run", "python", "-c", "\n".join((_HEAD, *parts)))
        return said.code, said.out.strip() or said.err

    assert client(connect, write)[0] == 0, client(connect, write)
    assert shop.envman("down").code == 0
    assert client(connect, read) == (0, "kept")  # run has brought it up again
    if catalogue.find(name).password:
        assert client(_WRONG, connect)[0] != 0
