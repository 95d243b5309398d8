"""Who may write to the lab's Git server and registry: four users, passwords of this lab alone."""

from __future__ import annotations

import base64
import json
import secrets

from labs.instance import Instance
from labs.platform import files

DOMAIN = "hackfest.local"
USERS = {"attendee": "Attendee", "instructor": "Instructor", "ci": "CI", "flux": "Flux"}
"""User to the name that their commits bear."""


def mail(user: str) -> str:
    """Return the address that the user's commits bear; the Git server checks it."""
    return f"{user}@{DOMAIN}"


def credentials(instance: Instance) -> dict[str, str]:
    """Return each user's password; they are made, at random, when first asked for.

    They stand in the lab's folder, in a file that its owner alone can read. Servers know hashes.
    """
    path = instance.root / "credentials.json"
    known: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    missing = [user for user in USERS if user not in known]
    if not missing:
        return known
    known.update({user: secrets.token_urlsafe(18) for user in missing})
    files.write_private(path, json.dumps(known, indent=2) + "\n")
    return known


def basic(instance: Instance, user: str) -> str:
    """Return what follows `Basic ` in the user's Authorization header."""
    return base64.b64encode(f"{user}:{credentials(instance)[user]}".encode()).decode()


def user_lines(instance: Instance) -> str:
    """Return the lines `user:password` that a server's `…-users` command takes on stdin."""
    return "".join(f"{user}:{password}\n" for user, password in credentials(instance).items())
