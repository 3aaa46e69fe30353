"""What two levels give, compared row by row: what is promised, what may differ, and what nobody is told."""

from __future__ import annotations

from typing import Any

from envman.differences import Given, Row, rows

FACTS = {"Python": "3.12.4", "implementation": "CPython", "system": "Debian 12"}


def found(one: Given, other: Given) -> dict[str, Row]:
    return {row.what: row for row in rows(one, other)}


def given(**more: Any) -> Given:
    values: dict[str, Any] = {"facts": FACTS, "packages": {}, "environ": {}, **more}
    return Given(**values)


def broken(one: Given, other: Given) -> list[str]:
    return [name for name, row in found(one, other).items() if row.promised and not row.same]


def test_the_same_twice() -> None:
    one = given(packages={"alpha": "1.0"}, environ={"A": "1"}, declared={"A": "1"}, services={"db": "17.2"})
    seen = found(one, one)
    assert all(row.same for row in seen.values())
    assert seen["Python series"].values == ("3.12", "3.12")
    assert seen["service db"].values == ("17", "17")
    assert seen["variable A"].values == ("as declared", "as declared")


def test_another_patch_of_python_is_shown_and_another_series_is_broken() -> None:
    patch = given(facts={**FACTS, "Python": "3.12.9"})
    assert broken(given(), patch) == []
    assert not found(given(), patch)["Python"].same
    assert broken(given(), given(facts={**FACTS, "Python": "3.13.4"})) == ["Python series"]
    assert broken(given(), given(facts={**FACTS, "implementation": "PyPy"})) == ["implementation"]


def test_levels_may_differ_in_their_system() -> None:
    row = found(given(), given(facts={**FACTS, "system": "Alpine"}))["system"]
    assert (row.same, row.promised) == (False, False)


def test_a_fact_that_one_does_not_tell() -> None:
    other = given(facts={"Python": "3.12.4", "implementation": "CPython"})
    assert found(given(), other)["system"].values == ("Debian 12", "—")


def test_packages_of_another_version_and_missing_ones_are_broken() -> None:
    one = given(packages={"alpha": "1.0", "beta": "1.0"})
    other = given(packages={"alpha": "2.0"})
    assert broken(one, other) == ["package alpha", "package beta"]
    assert found(one, other)["package beta"].values == ("1.0", "—")


def test_a_package_that_the_lock_does_not_want_there_is_none_that_is_missing() -> None:
    one = given(packages={"greenlet": "3.1"})
    other = given(excluded=frozenset({"greenlet"}))
    assert broken(one, other) == []
    assert found(one, other)["package greenlet"].values == ("3.1", "not for it, says the lock")


def test_services_share_the_major_version_and_no_more() -> None:
    assert broken(given(services={"db": "17.10.0"}), given(services={"db": "17"})) == []
    assert broken(given(services={"db": "17.10.0"}), given(services={"db": "16.3"})) == ["service db"]
    assert found(given(services={"db": "17.1"}), given())["service db"].values == ("17.1", "—")


def test_a_variable_is_right_for_each_viewpoint() -> None:
    one = given(environ={"URL": "http://127.0.0.1:80"}, declared={"URL": "http://127.0.0.1:80"})
    other = given(environ={"URL": "http://db:80"}, declared={"URL": "http://db:80"})
    assert broken(one, other) == []
    assert broken(one, given(environ={"URL": "x"}, declared={"URL": "http://db:80"})) == ["variable URL"]
    assert broken(one, given(declared={"URL": "http://db:80"})) == ["variable URL"]


def test_no_value_of_a_variable_is_in_any_row() -> None:
    one = given(environ={"KEY": "canary", "OTHER": "canary"}, declared={"KEY": "canary"})
    other = given(environ={"KEY": "canary-2"}, declared={"KEY": "canary"})
    seen = found(one, other)
    assert "canary" not in repr(seen)
    assert (seen["variable OTHER"].values, seen["variable OTHER"].beside) == (("set", "—"), True)
