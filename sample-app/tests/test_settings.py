"""What the environment may decide, and what the app says to what it cannot use."""

from __future__ import annotations

import subprocess
import sys

import pytest
from conftest import APP

from hello import version
from hello.look import COLOURS
from hello.settings import GREETING, SettingError, Settings


def test_without_any_setting_the_version_decides() -> None:
    settings = Settings.read({})
    assert (settings.greeting, settings.colour) == (GREETING, version.COLOUR)
    assert (settings.port, settings.drain) == (8080, 5)
    assert (settings.commit, settings.built) == ("unknown", "unknown")


def test_settings_are_taken() -> None:
    settings = Settings.read({"GREETING": " Servus ", "COLOUR": "red", "DRAIN_SECONDS": "0.5"})
    assert (settings.greeting, settings.colour, settings.drain) == ("Servus", "red", 0.5)


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"COLOUR": "pink"}, f"COLOUR is 'pink'; it can be one of: {', '.join(COLOURS)}"),
        ({"GREETING": "x" * 121}, "GREETING has 121 characters; it can have at most 120"),
        ({"PORT": "tcp://10.0.0.1:80"}, "PORT is 'tcp://10.0.0.1:80'; it can be a whole number"),
        ({"PORT": "65536"}, "PORT is 65536; it can be a whole number from 0 to 65535"),
        ({"DRAIN_SECONDS": "-1"}, "DRAIN_SECONDS is -1; it can be a number from 0 to 600"),
        ({"DRAIN_SECONDS": "nan"}, "DRAIN_SECONDS is nan; it can be a number from 0 to 600"),
    ],
)
def test_what_cannot_be_used_is_told(environ: dict[str, str], words: str) -> None:
    with pytest.raises(SettingError) as told:
        Settings.read(environ)
    assert words in str(told.value)


def test_the_process_ends_with_the_reason() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "hello"],
        cwd=APP,
        env={"COLOUR": "pink"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode == 2
    assert ended.stderr.startswith("hello cannot start: COLOUR is 'pink'")
    assert "Traceback" not in ended.stderr
