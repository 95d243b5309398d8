"""The lab as the console reaches it: with a kubeconfig that may read, and a clone of its own."""

from __future__ import annotations

from pathlib import Path

from labs.instance import Instance


class Seat(Instance):
    """An Instance for which every function of the engine acts as the console, not as the reader.

    Ports, records and tools are the lab's own; the kubeconfig is that of a service account which
    may read, and what is committed is committed in a clone in which nobody works.
    """

    @property
    def kubeconfig(self) -> Path:
        return self.home / "kubeconfig"

    @property
    def work(self) -> Path:
        return self.home

    @property
    def home(self) -> Path:
        """The folder of all that the console keeps."""
        return self.root / "console"

    @property
    def reader(self) -> Instance:
        """The lab as its reader has it: their clones, their kubeconfig."""
        return Instance(self.name, self.root)


def seat(instance: Instance) -> Seat:
    """Return the console's seat in a lab."""
    return Seat(instance.name, instance.root)
