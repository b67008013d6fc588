"""A build inside an image asks the same index as this machine, and keeps no password of it."""

from pathlib import Path

from local.starter.pip_settings import AUTHORITIES, secrets


def test_the_files_and_the_shell_become_one_secret(tmp_path: Path) -> None:
    files = [tmp_path / "etc", tmp_path / "own"]
    files[0].write_text("[global]\nindex-url = https://one.example.com/%41\nfind-links = /opt/wheels\n")
    files[1].write_text("[global]\ntimeout = 60\n[install]\nuser = yes\n")
    options = secrets(tmp_path, {"PIP_INDEX_URL": "https://u:p@two.example.com", "PIP_FIND_LINKS": "/x"}, files)
    written = (tmp_path / "pip.conf").read_text()
    assert "index-url = https://u:p@two.example.com\n" in written
    assert "timeout = 60\n" in written
    assert "find-links" not in written
    assert "user" not in written
    assert (tmp_path / "pip.conf").stat().st_mode & 0o077 == 0
    assert options[-2:] == ["--secret", f"id=pip,src={tmp_path / 'pip.conf'}"]
    assert not [word for word in options if "u:p" in word]
    assert ("cert = /run/certificates.crt" in written) == AUTHORITIES.exists()


def test_without_settings_the_index_is_the_usual_one(tmp_path: Path) -> None:
    secrets(tmp_path, {}, [tmp_path / "none"])
    assert "index-url" not in (tmp_path / "pip.conf").read_text()
