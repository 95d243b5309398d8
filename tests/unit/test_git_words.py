"""What Git says of a push that failed, in the lab's words."""

from __future__ import annotations

from labs.gitops.git_words import GitServerAway, PushRefused, explained

FULL = """\
remote: found: the disk of the Git server is full (12 KiB are left)
remote: expected: room for what you push; your commit stays in your clone
remote: next: free some, then `git push` again
fatal: unable to access 'http://127.0.0.1:8300/config.git/': The requested URL returned error: 507
"""
AWAY = """\
fatal: unable to access 'http://127.0.0.1:8300/config.git/': Failed to connect to 127.0.0.1
"""


def test_a_server_that_says_why_it_takes_no_push_is_not_away() -> None:
    told = explained("pushing", FULL)
    assert isinstance(told, PushRefused)
    assert told.found == "the disk of the Git server is full (12 KiB are left)"
    assert told.todo == "free some, then `git push` again"


def test_one_that_says_nothing_is_away() -> None:
    assert isinstance(explained("pushing", AWAY), GitServerAway)
