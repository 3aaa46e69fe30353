"""The backend of `box_backend` a second time, under another name: two levels that hold the same kind of data."""

from __future__ import annotations

import importlib.util
import sys

_spec = importlib.util.find_spec("tests.support.box_backend")
assert _spec is not None
assert _spec.loader is not None
_crate = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_crate)
vars(_crate).update(NAME="crate", SUMMARY="a crate", RANK=81, ENTER=__name__)
sys.modules[__name__] = _crate
