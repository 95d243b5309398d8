"""What somebody tries who may run what they like in CI: prints what they got, as JSON.

It runs in the runner itself, as a step of a workflow or by hand, so it imports nothing of ours.
Arguments: addresses (host:port) where something of the cluster or of the host may answer.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

SEARCHED = ("/etc", "/home", "/root", "/run", "/srv", "/tmp", "/var", "/mnt", "/opt")
MARKS = (b"client-key" + b"-data", b"certificate-authority" + b"-data", b"RSA PRIVATE" + b" KEY")
"""In two halves each, or the script would find itself."""


def cluster_keys() -> list[str]:
    """Return the files that hold a kubeconfig's or a service account's key."""
    found = [name for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST") if name in os.environ]
    for top in SEARCHED:
        for folder, _, files in os.walk(top):
            if folder.startswith("/srv/ci/storage"):  # layers of the app's image
                continue
            for name in files:
                path = Path(folder) / name
                try:
                    if path.is_file() and path.stat().st_size < 1_000_000:
                        text = path.read_bytes()
                        if any(mark in text for mark in MARKS):
                            found.append(str(path))
                except OSError:
                    continue
    return found + [str(p) for p in Path("/var/run/secrets").glob("kubernetes.io/*")]


def engine_sockets() -> list[str]:
    """Return what leads to a container engine: sockets in files, and answers on known paths."""
    known = ["/var/run/docker.sock", "/run/docker.sock", "/run/containerd/containerd.sock"]
    found = [path for path in known if Path(path).exists()]
    for top in ("/run", "/var", "/srv", "/tmp"):
        found += [str(path) for path in Path(top).rglob("*") if path.is_socket()]
    return found + [name for name in ("DOCKER_HOST", "CONTAINER_HOST") if name in os.environ]


def capabilities() -> dict[str, str]:
    """Return the sets of capabilities of this process, in hexadecimal."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return {line.split(":")[0]: line.split()[1] for line in lines if line.startswith("Cap")}


def more_rights() -> list[str]:
    """Return which things that need more capabilities went through."""
    done: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        tried = (
            ["mount", "-t", "tmpfs", "none", folder],
            ["mount", "-t", "cgroup", "-o", "memory", "none", folder],
            ["mknod", f"{folder}/disk", "b", "8", "0"],
            ["sh", "-c", "echo x > /proc/sys/kernel/core_pattern"],
        )
        done += [
            " ".join(words)
            for words in tried
            if subprocess.run(words, check=False, capture_output=True).returncode == 0
        ]
    try:
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close()
        done.append("raw packets")
    except PermissionError:
        pass
    return done


def reached(addresses: list[str]) -> list[str]:
    """Return the addresses that answer."""
    answered = []
    for address in addresses:
        host, _, port = address.rpartition(":")
        try:
            socket.create_connection((host, int(port)), timeout=3).close()
        except OSError:
            continue
        answered.append(address)
    return answered


def pushed_to_config() -> dict[str, str]:
    """Return what Git said to pushes to the config repo: as anybody, and as the user `ci`."""
    said = {}
    user, password = os.environ.get("REGISTRY_USER", ""), os.environ.get("REGISTRY_PASSWORD", "")
    for who, url in (("nobody", "http://git"), ("ci", f"http://{user}:{password}@git")):
        with tempfile.TemporaryDirectory() as folder:
            mail = ["-c", "user.name=CI", "-c", "user.email=ci@hackfest.local"]
            for words in (
                ["clone", "--quiet", "http://git/config.git", "."],
                [*mail, "commit", "--quiet", "--allow-empty", "-m", "Deploy what I like"],
                ["push", f"{url}/config.git", "HEAD:main"],
            ):
                done = subprocess.run(
                    ["git", *words],
                    cwd=folder,
                    env={**os.environ, "GIT_TERMINAL_PROMPT": "0"},
                    check=False,
                    capture_output=True,
                    text=True,
                )
        told = (done.stdout + done.stderr).replace(password or "\0", "***")
        said[who] = f"{done.returncode} {told}"
    return said


def main() -> None:
    """Try everything."""
    got = {
        "cluster_keys": cluster_keys(),
        "engine_sockets": engine_sockets(),
        "capabilities": capabilities(),
        "more_rights": more_rights(),
        "reached": reached(sys.argv[1:]),
        "pushed_to_config": pushed_to_config(),
    }
    print("ATTACK", json.dumps(got))


if __name__ == "__main__":
    main()
