"""The two values that shells deal in: what an environment changes, and how a shell with that change is started."""

from __future__ import annotations

# A prompt would interpret these, and which of them depends on the shell and on the user's options.
_ACTIVE_IN_PROMPTS = '\\$`%!"'


class Change:
    """What entering an environment does to a shell."""

    __slots__ = ("identity", "label", "path", "unset", "variables")

    def __init__(
        self,
        *,
        variables: dict[str, str],
        label: str,
        identity: str,
        unset: tuple[str, ...] = (),
        path: tuple[str, ...] = (),
    ) -> None:
        self.variables = variables
        self.label = label
        self.identity = identity
        # A variable that the project sets is not a leftover, and `run` sets it as well.
        self.unset = tuple(name for name in unset if name not in variables)
        self.path = path

    def settings(self) -> dict[str, str]:
        """Every variable to set, the one that says which environment is active among them."""
        return {**self.variables, "ENVMAN_ACTIVE": self.identity}

    def names(self) -> str:
        """Every variable touched besides PATH, separated by spaces."""
        return " ".join((*self.settings(), *self.unset))

    def mark(self) -> str:
        """The text in front of the prompt, without anything that a prompt would interpret."""
        return f"({''.join(c for c in self.label if c.isprintable() and c not in _ACTIVE_IN_PROMPTS)}) "


class Launch:
    """How a shell is started: the command, more variables for it, and files to write (0600) into its private folder."""

    __slots__ = ("argv", "files", "variables")

    def __init__(self, *, argv: list[str], variables: dict[str, str], files: dict[str, str]) -> None:
        self.argv = argv
        self.variables = variables
        self.files = files
