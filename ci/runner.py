"""The runner: asks the dispatcher for a run, runs its workflow with act, tells how it goes.

Whatever a workflow does, it does here: in a container on a network of its own, with credentials
for pushing images and for nothing else.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path
from types import FrameType
from typing import Any

from ci import act, secrets_file
from ci.link import Gone, Link, Reporter, Unreachable

LONGEST = 900
"""Seconds that a run may take."""


class Stopped(Exception):
    """The runner was told to end."""


class Job:
    """One run of the workflow."""

    def __init__(self, job: dict[str, Any], link: Link, home: Path) -> None:
        self.job, self.link, self.home = job, link, home
        self.work = home / "work"
        self.failed = ""
        self._process: subprocess.Popen[str] | None = None

    def run(self) -> None:
        """Do all of it, and tell the dispatcher how it ended."""
        number = int(self.job["number"])
        reporter = Reporter(self.link, number, stop=lambda why: self._kill())
        result, why = "interrupted", "the runner was stopped"
        try:
            result, why = self._result(reporter)
        finally:
            end_what_runs()
            reporter.finish()
            if reporter.lost:
                print(f"run {number}: {reporter.lost}", file=sys.stderr)
            else:
                self._end(number, result, why)
            self._clean()

    def _result(self, reporter: Reporter) -> tuple[str, str]:
        try:
            self._fetch(reporter)
        except subprocess.CalledProcessError as failure:
            why = f"the commit could not be fetched: {failure.stderr.strip()}"
            reporter.tell({"log": why})
            return "failure", why
        file = self.work / "secrets"
        file.touch(mode=0o600)
        secrets = secrets_file.of_workflows()
        file.write_text("".join(f"{name}={value}\n" for name, value in secrets.items()))
        names = ("REGISTRY", "REGISTRY_USER", "BASE")
        variables = {name: os.environ[f"CI_{name}"] for name in names}
        self._process = act.start(act.command(self.work, self.job, file, variables), self.work)
        late = threading.Timer(LONGEST, self._late)
        late.start()
        try:
            assert self._process.stdout is not None
            for event in act.events(self._process.stdout, self.work):
                reporter.tell(event)
                stage = event.get("stage")
                if isinstance(stage, dict) and stage["result"] == "failure":
                    self.failed = self.failed or f"{stage['name']} failed"
            code = self._process.wait()
        finally:
            late.cancel()
        if code == 0:
            return "success", ""
        return "failure", self.failed or f"act ended with {code}; its last lines say why"

    def _fetch(self, reporter: Reporter) -> None:
        """Put the commit into `code`, on its branch, and the event beside it."""
        start = time.monotonic()
        reporter.tell({"stage": {"name": "Fetch", "result": "running", "seconds": None}})
        for name in ("code", "tmp", "act"):
            (self.work / name).mkdir(parents=True)
        url, ref, commit = f"{os.environ['CI_GIT']}/{self.job['repo']}.git", *self._what()
        for words in (
            ["clone", "--quiet", "--no-checkout", url, "."],
            ["checkout", "--quiet", "-B", ref.removeprefix("refs/heads/"), commit],
        ):
            subprocess.run(
                ["git", *words],
                cwd=self.work / "code",
                check=True,
                capture_output=True,
                text=True,
                timeout=120,
            )
        event = {
            "ref": ref,
            "after": commit,
            "repository": {"name": self.job["repo"], "full_name": self.job["repo"]},
            "pusher": {"name": self.job["pusher"]},
            "head_commit": {"id": commit, "message": self.job["subject"]},
        }
        (self.work / "event.json").write_text(json.dumps(event))
        seconds = time.monotonic() - start
        done = {"name": "Fetch", "result": "success", "seconds": round(seconds, 3)}
        reporter.tell({"stage": done})
        reporter.tell({"log": f"== Fetch\n{commit} of {url}\n   Fetch: success, {seconds:.1f} s"})

    def _what(self) -> tuple[str, str]:
        return str(self.job["ref"]), str(self.job["commit"])

    def _late(self) -> None:
        self.failed = f"it took longer than {LONGEST} s"
        self._kill()

    def _kill(self) -> None:
        if self._process is not None:
            self._process.kill()
        end_what_runs()

    def _end(self, number: int, result: str, why: str) -> None:
        """Tell the dispatcher; if it has gone, it finds out itself what became of the run."""
        try:
            self.link.ask(f"/runner/runs/{number}/end", result=result, why=why)
        except (Gone, Unreachable) as trouble:
            print(f"run {number} ended ({result}), unheard: {trouble}", file=sys.stderr)

    def _clean(self) -> None:
        """Leave nothing to the next run but the base image, which takes a while to get."""
        keep = os.environ["CI_BASE"]
        storage = ["buildah", "images", "--format", "{{.ID}} {{.Name}}:{{.Tag}}"]
        subprocess.run(["buildah", "rm", "--all"], check=False, stdout=subprocess.DEVNULL)
        listing = subprocess.run(storage, check=True, capture_output=True, text=True).stdout
        others = {line.split()[0] for line in listing.splitlines() if line.split()[1] != keep}
        if others:
            words = ["buildah", "rmi", "--force", *sorted(others)]
            subprocess.run(words, check=False, stdout=subprocess.DEVNULL)
        shutil.rmtree(self.work, ignore_errors=True)


def end_what_runs() -> None:
    """Kill every other process of this container: a run leaves nothing running behind it."""
    mine = {1, os.getpid()}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) not in mine:
            try:
                os.kill(int(entry.name), signal.SIGKILL)
            except ProcessLookupError:
                continue


def fetch_base() -> None:
    """Have the base image at hand before the first run; a run that lacks it gets it itself."""
    words = ["buildah", "pull", "--quiet", os.environ["CI_BASE"]]
    subprocess.run(words, check=False, stdout=subprocess.DEVNULL)


def stop(number: int, frame: FrameType | None) -> None:
    """End as soon as the run in hand has been given back."""
    raise Stopped


def main() -> None:
    """Work until told to end."""
    home = Path(os.environ["CI_HOME"])
    shutil.rmtree(home / "work", ignore_errors=True)
    (home / "containers").mkdir(exist_ok=True)  # what buildah knows of the registry's layers
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    link = Link(os.environ["CI_DISPATCHER"], uuid.uuid4().hex)
    pause = threading.Event()
    greeted, said = False, ""
    try:
        while not secrets_file.read():  # `lab up` brings them in a moment
            pause.wait(0.2)
        while True:
            try:
                if not greeted:
                    link.ask("/runner/hello")
                    greeted = True
                    fetch_base()
                    print("ready", file=sys.stderr)
                job = link.ask("/runner/next")["run"]
            except Unreachable as trouble:
                if str(trouble) != said:
                    said = str(trouble)
                    print(f"the dispatcher does not answer: {said}", file=sys.stderr)
                pause.wait(1)
                continue
            if job is not None:
                Job(job, link, home).run()
    except Stopped:
        print("stopped", file=sys.stderr)


if __name__ == "__main__":
    main()
