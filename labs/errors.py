"""One shape for every message that tells a person something went wrong."""


class LabError(Exception):
    """What was found, what was expected, and what to do next: three lines, no traceback."""

    def __init__(self, found: str, *, expected: str, todo: str) -> None:
        super().__init__(found)
        self.found = found
        self.expected = expected
        self.todo = todo

    def __str__(self) -> str:
        return f"found:    {self.found}\nexpected: {self.expected}\nnext:     {self.todo}"

    def _render_traceback_(self) -> list[str]:
        """Return what Jupyter shows in place of a traceback; the cell fails all the same."""
        return str(self).splitlines()
