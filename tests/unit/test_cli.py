"""Every `lab` command is in the README."""

from __future__ import annotations

import typer.main

from labs.cli import app
from labs.instance import PROJECT


def test_every_command_is_documented() -> None:
    readme = (PROJECT / "README.md").read_text()
    group = typer.main.get_command(app)
    names = sorted(getattr(group, "commands", {}))
    assert "up" in names
    assert "sync" in names
    missing = [name for name in names if f"`lab {name}" not in readme and f"`{name}`" not in readme]
    assert missing == []
