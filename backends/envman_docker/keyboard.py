"""The terminal in front of the user, while a program inside has it. On the hot path where there is one."""

from __future__ import annotations

import os
import termios
import tty

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Keyboard:
    """Standard input, where that is a terminal."""

    def __init__(self, *, raw: bool) -> None:
        self._raw = raw  # whether every key is for the program inside
        self._before: list[Any] | None = None

    def is_ours(self) -> bool:
        """Whether it may be read: a process in the background would be stopped. Makes it raw where that is wanted."""
        try:
            if os.tcgetpgrp(0) != os.getpgrp():
                return False
        except OSError:
            pass  # it is not the terminal that could stop us
        if self._raw and self._before is None:
            self.take()
        return True

    def take(self) -> None:
        """Every key comes as it is, those included that were typed before."""
        try:
            before = termios.tcgetattr(0)
            tty.setraw(0, termios.TCSANOW)
        except termios.error:
            return  # it was closed
        self._before = self._before or before

    def again(self) -> None:
        """After a stop: the shell has had it in between."""
        if self._before is not None and self.is_ours():
            self.take()

    def give_back(self) -> None:
        """As it was."""
        if self._before is None or not self.is_ours():
            return
        try:
            termios.tcsetattr(0, termios.TCSADRAIN, self._before)
        except termios.error:
            pass  # it was closed
