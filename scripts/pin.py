"""`make requirements`: pins and hashes requirements*.in, for every platform and Python >= 3.11.

No address of a package index is written down: where packages come from is the machine's own affair.
"""

from __future__ import annotations

import sys
from pathlib import Path

from labs.instance import PROJECT
from labs.run import run

OPTIONS = (
    "--universal",
    "--python-version=3.11",
    "--generate-hashes",
    "--no-emit-index-url",
    "--no-emit-find-links",
    "--no-annotate",
    "--custom-compile-command=make requirements",
)


def main() -> None:
    """Rewrite both files; what is pinned already stays unless its .in file asks otherwise."""
    uv = Path(sys.executable).with_name("uv")
    for name in ("requirements", "requirements-dev"):
        output = f"{name}.txt"
        run(uv, "pip", "compile", f"{name}.in", "--output-file", output, *OPTIONS, cwd=PROJECT)
        print(f"{output}: {(PROJECT / output).read_text().count('==')} packages")


if __name__ == "__main__":
    main()
