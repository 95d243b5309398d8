"""A container that is well inside, and whose published port leads nowhere.

An engine that was killed can leave one: the way from its port is kept for an address that is gone.
"""

from __future__ import annotations

from labs.platform import engine

INTERFACES_DOWN = """
import fcntl, socket, struct
SIOCSIFFLAGS = 0x8914
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_one:
    for _, name in socket.if_nameindex():
        if name != "lo":
            fcntl.ioctl(any_one, SIOCSIFFLAGS, struct.pack("16sh", name.encode(), 0))
"""
"""As `ip link set down` does it (netdevice(7)), where there is no `ip`."""


def cut_off(container: str) -> None:
    """Take a running container's interfaces down, from a second one that shares its network."""
    image = engine.docker("inspect", "--format={{.Config.Image}}", container).strip()
    words = ("run", "--rm", f"--network=container:{container}", "--user=0", "--cap-add=NET_ADMIN")
    engine.docker(*words, "--entrypoint=python3", image, "-c", INTERFACES_DOWN)
