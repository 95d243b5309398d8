#!/usr/bin/python3 -I
"""Makes the key that signs tokens, and beside it the public half as the registry reads it."""

from __future__ import annotations

import json
import subprocess
import sys
from base64 import urlsafe_b64encode
from pathlib import Path


def jwks(modulus: str) -> dict[str, list[dict[str, str]]]:
    """Return the JSON Web Key Set of an RSA key with exponent 65537; `modulus` is hexadecimal."""
    encoded = urlsafe_b64encode(bytes.fromhex(modulus)).rstrip(b"=").decode()
    key = {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "gate", "n": encoded, "e": "AQAB"}
    return {"keys": [key]}


def openssl(*words: str) -> str:
    """Return what openssl wrote to stdout. Raises CalledProcessError."""
    done = subprocess.run(["openssl", *words], check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout.strip()


def main(folder: Path) -> None:
    """Make what is missing in the folder; a file is there whole or not at all."""
    private, public = folder / "token.key", folder / "jwks.json"
    if not private.exists():
        unfinished = folder / "token.key.new"
        openssl("genrsa", "-out", str(unfinished), "2048")
        unfinished.rename(private)
    modulus = openssl("rsa", "-in", str(private), "-noout", "-modulus").partition("=")[2]
    unfinished = folder / "jwks.json.new"
    unfinished.write_text(json.dumps(jwks(modulus)))
    unfinished.rename(public)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
