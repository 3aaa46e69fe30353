"""[vagrant]: what is taken, and why the rest is refused."""

from __future__ import annotations

from typing import Any

import pytest

from envman.frozen import fields
from envman.spec.model import Spec
from envman_vagrant import options, providers
from envman_vagrant.options import Options, Provision
from tests.vagrant.described import asked, parsed


def test_everything_that_can_be_said() -> None:
    found = asked(
        provider="libvirt",
        box="debian/bookworm64",
        box_version=">= 12",
        cpus=2,
        memory="2 GB",
        disk="20 GB",
        gui=True,
        folder="rsync",
        network="192.168.56.10",
        stop="suspend",
        provision=[{"shell": "a.sh", "args": ["--fast", "two words"]}, {"ansible_local": "play.yml"}],
        raw="vagrant.rb",
        ssh_agent=True,
        git_identity=True,
    )
    assert (found.cpus, found.memory, found.disk) == (2, 2048, 20)
    assert [(one.kind, one.path) for one in found.provision] == [("shell", "a.sh"), ("ansible_local", "play.yml")]


def test_nothing_said_is_the_box_s_own_word() -> None:
    found = options.of(Spec())
    assert (found.provider, found.box, found.cpus, found.memory, found.disk) == (None,) * 5
    assert found.stop == "halt"


@pytest.mark.parametrize(("text", "megabytes"), [("2 GB", 2048), ("1.5GB", 1536), ("512M", 512), ("1 tb", 1024**2)])
def test_sizes_of_memory(text: str, megabytes: int) -> None:
    assert asked(memory=text).memory == megabytes


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"provider": "virtualbux"}, 'did you mean "virtualbox"?'),
        ({"cpus": 0}, "is not a number of processors"),
        ({"cpus": True}, "should be a number of processors"),
        ({"memory": "2 potatoes"}, "is not a size"),
        ({"memory": "2 MB"}, "too little"),
        ({"disk": "1.5 GB"}, "is not a size for a disk"),
        ({"folder": "dropbox"}, "is not one of"),
        ({"network": "dhcp"}, "is not an IPv4 address"),
        ({"network": "8.8.8.8"}, "no address of a private network"),
        ({"network": "127.0.0.1"}, "no address of a private network"),
        ({"network": "192.168.56.1"}, "belongs to the network itself"),
        ({"stop": "kill"}, "is not one of halt, suspend"),
        ({"provision": [{}]}, "says nothing to provision with"),
        ({"provision": [{"shell": "a", "puppet": "b"}]}, "says shell and puppet"),
        ({"provision": [{"puppet": "b", "args": ["x"]}]}, "puppet takes no arguments"),
        ({"box": "a\nb"}, "visible characters"),
        ({"ram": "2 GB"}, 'unknown key "ram"'),
    ],
)
def test_refused(table: dict[str, Any], said: str) -> None:
    _, faults = parsed(**table)
    assert len(faults) == 1
    assert said in f"{faults[0].message} {faults[0].hint}"


def test_every_key_is_explained_and_has_an_example() -> None:
    for kind in (Options, Provision):
        for one in fields(kind):
            assert one.metadata["doc"].endswith(".")
            assert one.metadata["example"]


def test_the_words_are_those_of_the_table() -> None:
    assert set(options.PROVIDERS) == set(providers.table())
    assert set(options.FOLDERS) == set(providers.folders())
