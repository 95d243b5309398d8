"""The commands of the GitOps labs; labs/cli.py mounts them."""

from __future__ import annotations

import typer

app = typer.Typer()
