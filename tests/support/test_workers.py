"""What is made once for many tests is made once, however many workers there are."""

from __future__ import annotations

import pytest

from tests.support.workers import group


@pytest.mark.engine
def test_who_shares_something_is_in_a_group(request: pytest.FixtureRequest) -> None:
    shared = [
        item.nodeid
        for item in request.session.items
        if item.get_closest_marker("machine") or "lasting" in getattr(item, "fixturenames", ())
    ]
    assert [nodeid for nodeid in shared if group(nodeid) == nodeid] == []


def test_each_machine_and_each_level_has_one() -> None:
    contract = "tests/contract/test_contract.py::TestRun::test_one"
    assert group(f"{contract}[vagrant]") == group("tests/vagrant/test_virtual_faults.py::test_two")
    assert group(f"{contract}[docker]") == f"{contract}[docker]"
    session = "tests/contract/test_session.py::TestWords::test_one"
    assert group(f"{session}[docker-]") != group(f"{session}[vagrant-]")
    assert group("tests/engine/test_switch.py::test_one") == "tests/engine/test_switch.py"
