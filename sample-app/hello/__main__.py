"""`python3 -m hello`: serve on PORT (8080) until told to end."""

from __future__ import annotations

import sys

from hello.server import serve
from hello.settings import SettingError, Settings


def main() -> int:
    """Return the exit code: 0 after a clean end, 2 when a setting is wrong."""
    try:
        settings = Settings.read()
    except SettingError as wrong:
        print(f"hello cannot start: {wrong}", file=sys.stderr)
        return 2
    serve(settings)
    return 0


if __name__ == "__main__":
    sys.exit(main())
