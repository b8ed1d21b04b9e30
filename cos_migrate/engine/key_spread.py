"""How far keys are spread: whether refusals concern one folder or the whole bucket."""

from __future__ import annotations


class KeySpread:
    """How widely a set of keys is spread: in one folder or several, and their common folder."""

    def __init__(self) -> None:
        self.keys = 0
        self.several = False
        self.common = ""
        """The deepest folder that holds all keys, ending in `/`."""
        self._first = ""

    def add(self, cos_path: str) -> bool:
        """Add a key; return whether the set is spread more widely now.

        `cos_path` has its leading `/`.
        """
        before = (self.several, self.common)
        folder = cos_path[: cos_path.rfind("/") + 1]
        self.keys += 1
        if not self._first:
            self._first = self.common = folder
        elif folder != self._first:
            self.several = True
            while not folder.startswith(self.common):
                self.common = self.common[: self.common.rfind("/", 0, -1) + 1]
        return before != (self.several, self.common)

    def are_everywhere(self, others: KeySpread) -> bool:
        """Return whether these keys are spread as widely as `others`, which include them."""
        if not self.several:
            return not others.several
        return self.common == others.common
