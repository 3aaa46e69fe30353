"""A problem as a value: what is wrong, where, and what to type next."""

from __future__ import annotations

from envman.frozen import as_dict, frozen


@frozen
class Problem:
    """One thing that the user has to know, in the words that the console and `--json` both use."""

    message: str
    hint: str | None = None
    file: str | None = None
    line: int | None = None
    column: int | None = None
    key: str | None = None

    @property
    def place(self) -> str:
        """`file:line:column`, as far as it is known, in the form that terminals and editors link."""
        parts = [self.file, self.line, self.column]
        return ":".join(str(part) for part in parts if part is not None)

    def as_json(self) -> dict[str, object]:
        """The six keys of the JSON envelope, present even when empty."""
        return as_dict(self)
