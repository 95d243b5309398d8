"""The kubeconfig is hidden and comes back, whatever happens in between."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from labs.errors import LabError
from labs.instance import Instance
from labs.platform import keys
from labs.platform.api_errors import ClusterUnreachable
from labs.platform.kubernetes import api


@pytest.fixture
def instance(tmp_path: Path) -> Instance:
    found = Instance("keys", tmp_path)
    found.kubeconfig.write_text("the key\n")
    return found


def test_it_is_hidden_and_put_back_as_it_was(instance: Instance) -> None:
    assert not keys.was_hidden(instance)
    assert keys.hide(instance)
    assert keys.hidden(instance)
    assert not keys.hide(instance), "hidden already"
    during = time.time()
    with pytest.raises(ClusterUnreachable) as away:
        api(instance)
    assert "lab keys back" in away.value.todo
    assert keys.put_back(instance)
    assert instance.kubeconfig.read_text() == "the key\n"
    assert not keys.hidden(instance)
    assert not keys.put_back(instance)
    assert keys.was_hidden(instance, during)
    assert not keys.was_hidden(instance, time.time() + 1)


def test_a_new_kubeconfig_wins_over_the_hidden_one(instance: Instance) -> None:
    keys.hide(instance)
    instance.kubeconfig.write_text("a new key\n")
    assert not keys.hidden(instance)
    keys.put_back(instance)
    assert instance.kubeconfig.read_text() == "a new key\n"
    assert keys.hide(instance), "it can be hidden again"
    keys.put_back(instance)
    assert instance.kubeconfig.read_text() == "a new key\n"


def test_where_there_is_no_key_nothing_is_hidden(instance: Instance) -> None:
    instance.kubeconfig.unlink()
    with pytest.raises(LabError, match="no kubeconfig"):
        keys.hide(instance)
