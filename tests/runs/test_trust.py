"""A yes is for one content, of this user, and survives what happens to files."""

import hashlib
import json
import stat
import threading

import pytest

from stn_viz.runs import RunError
from stn_viz.runs.trust import data_folder, is_trusted, trust

ONE, TWO = (hashlib.sha256(word).hexdigest() for word in (b"one", b"two"))


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("STN_VIZ_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_a_yes_is_remembered_for_that_content_alone(home):
    assert not is_trusted(ONE)
    trust(ONE, "a network")
    assert is_trusted(ONE)
    assert not is_trusted(TWO)
    assert json.loads((home / "trusted.json").read_text())[ONE]["what"] == "a network"


def test_the_list_is_the_users_own(home):
    trust(ONE, "a network")
    assert stat.S_IMODE((home / "trusted.json").stat().st_mode) == 0o600
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert [path.name for path in home.iterdir() if path.suffix == ".tmp"] == []


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"null", b"\xff\xfe", b"[" * 100_000])
def test_a_list_that_cannot_be_read_trusts_nothing_and_is_begun_anew(home, content):
    home.mkdir()
    (home / "trusted.json").write_bytes(content)
    assert not is_trusted(ONE)
    trust(ONE, "a network")
    assert is_trusted(ONE)


@pytest.mark.parametrize("word", ["", "what", ONE.upper(), ONE[:-1], ONE + "0", "../" + ONE])
def test_what_is_no_digest_is_never_trusted(word):
    with pytest.raises(RunError, match="is not a SHA-256 in hex"):
        trust(word, "x")
    assert not is_trusted(word)


def test_where_the_list_lies(monkeypatch, tmp_path):
    assert data_folder() == tmp_path / "home"
    monkeypatch.delenv("STN_VIZ_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert data_folder() == tmp_path / "data" / "stn-viz"
    monkeypatch.setenv("XDG_DATA_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert data_folder() == tmp_path / ".local" / "share" / "stn-viz"


def test_a_folder_that_cannot_be_written_is_said(home):
    home.write_text("a file where the folder would be")
    with pytest.raises(RunError, match=r"cannot be remembered in .*home .*STN_VIZ_HOME"):
        trust(ONE, "x")
    assert not is_trusted(ONE)


def test_two_writers_lose_no_yes():
    digests = [hashlib.sha256(bytes([n])).hexdigest() for n in range(24)]
    threads = [threading.Thread(target=trust, args=(digest, "x")) for digest in digests]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(is_trusted(digest) for digest in digests)
