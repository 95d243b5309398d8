"""Image automation for the demo: brought in by a commit where it is not there, and at rest."""

from __future__ import annotations

from labs.demo.scene import Scene
from labs.gitops import image_automation, instances
from labs.gitops.commits import Message
from labs.gitops.draft import Draft
from labs.gitops.image_automation import connection, status
from labs.gitops.loan import AUTOMATION, pinned
from labs.gitops.own_clone import own_clone


def install_resting(scene: Scene) -> None:
    """Bring image automation in unless it is there; wait until its programs run."""
    instance, folder = scene.instance, instances.folder(scene.instance)

    def change(draft: Draft) -> None:
        image_automation.install(draft, folder)
        pinned(draft)

    with own_clone(instance) as repo:
        if AUTOMATION not in repo.files():
            trailers = {"Lab-Event": "commit", "Lab-By": "attendee", "Lab-Reason": "the demo"}
            repo.write(Message("Bring image automation in, at rest", "", trailers), change)
            scene.say("Meanwhile image automation comes into the config repo; it rests for now.")
    connection.connect(instance)
    scene.live(scene.repo.fetch())
    scene.wait(lambda: status.all_running(instance), "image automation's programs to run")
