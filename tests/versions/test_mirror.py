"""The list of everything that an air-gapped cluster must have."""

import json
import sys
from pathlib import Path

import pytest

import versions
from versions import Chart, Image, mirror

HELM = """#!{python}
import sys
arguments = sys.argv[1:]
name = arguments[1].rpartition("/")[2]
version = arguments[arguments.index("--version") + 1]
folder = arguments[arguments.index("--destination") + 1]
if version == "9.9.9":
    sys.exit("no such version")
open(f"{{folder}}/{{name}}-{{version}}.tgz", "w").write(" ".join(arguments))
"""


SKOPEO = """#!{python}
import sys
arguments = sys.argv[1:]
if arguments[-1].endswith(":9.9.9"):
    sys.exit("no such tag")
print("sha256:{digest}" if arguments[0] == "inspect" else "skopeo " + " ".join(arguments))
"""


def chart(version: str = "1.2.3", repository: str = "https://charts.example.com") -> Chart:
    return Chart(name="server", version=version, repository=repository, license="MIT", why="")


def image(tag: str = "1.0.0", digest: str | None = None) -> Image:
    return Image(repository="r.example/team/app", tag=tag, license="MIT", why="", digest=digest)


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, program in (("helm", HELM), ("skopeo", SKOPEO)):
        (folder / name).write_text(program.format(python=sys.executable, digest=64 * "b"), encoding="utf-8")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


def test_every_pin_is_listed_with_its_license(capsys: pytest.CaptureFixture[str]) -> None:
    assert mirror.main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert f"image  {versions.MLFLOW.reference}  Apache-2.0" in lines
    assert "chart  oci://ghcr.io/kserve/charts/kserve-crd:v0.20.0  Apache-2.0" in lines
    assert len(lines) == len([pin for pin in vars(versions).values() if isinstance(pin, Chart | Image)])


def test_the_license_report_names_each_pin_once(capsys: pytest.CaptureFixture[str]) -> None:
    mirror.main(["--licenses"])
    report = capsys.readouterr().out
    assert report.splitlines()[-1].startswith("PostgreSQL: ghcr.io/cloudnative-pg/postgresql:")
    assert all(report.count(mirror.reference(pin)) == 1 for pin in mirror.pins())


def test_the_bill_of_materials_has_a_component_for_each_pin(capsys: pytest.CaptureFixture[str]) -> None:
    mirror.main(["--sbom"])
    document = json.loads(capsys.readouterr().out)
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")
    assert [each["bom-ref"] for each in document["components"]] == [mirror.reference(pin) for pin in mirror.pins()]


def test_a_known_digest_is_the_component_s_hash_and_an_unknown_one_is_not_made_up() -> None:
    components = mirror.bill_of_materials([image(digest=f"sha256:{64 * 'a'}"), image()])["components"]
    assert components[0]["hashes"] == [{"alg": "SHA-256", "content": 64 * "a"}]
    assert "hashes" not in components[1]


@pytest.mark.usefixtures("clients")
@pytest.mark.parametrize(
    ("repository", "source"),
    [
        ("https://charts.example.com", "pull server --repo https://charts.example.com --version 1.2.3"),
        ("oci://registry.example/charts", "pull oci://registry.example/charts/server --version 1.2.3"),
    ],
)
def test_charts_are_pulled_at_their_version_into_the_folder(tmp_path: Path, repository: str, source: str) -> None:
    mirror.pull_charts([chart(repository=repository)], tmp_path / "charts")
    assert (tmp_path / "charts/server-1.2.3.tgz").read_text().startswith(source)


@pytest.mark.usefixtures("clients")
def test_a_chart_that_cannot_be_pulled_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(mirror, "pins", lambda: [chart("9.9.9")])
    assert mirror.main(["--charts", str(tmp_path / "charts")]) == 1
    assert "no such version" in capfd.readouterr().err


def test_without_helm_it_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert mirror.main(["--charts", str(tmp_path / "charts")]) == 1
    assert capsys.readouterr().err == (
        "mirror: helm is not on PATH; install it, or pull the charts of `make mirror` by hand\n"
    )


@pytest.mark.usefixtures("clients")
@pytest.mark.parametrize(
    ("digest", "source"), [(None, "r.example/team/app:1.0.0"), ("sha256:aa", "r.example/team/app@sha256:aa")]
)
def test_an_image_is_copied_unchanged_and_named_by_its_digest(
    capfd: pytest.CaptureFixture[str], digest: str | None, source: str
) -> None:
    mirror.copy_images([image(digest=digest)], "mirror.example:5000/all")
    told = capfd.readouterr()
    target = "mirror.example:5000/all/team/app:1.0.0"
    assert told.out == f"{target}@sha256:{64 * 'b'}\n"
    assert told.err == f"skopeo copy --all --preserve-digests docker://{source} docker://{target}\n"


@pytest.mark.usefixtures("clients")
def test_an_image_that_cannot_be_copied_ends_it(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(mirror, "pins", lambda: [image("9.9.9"), image()])
    assert mirror.main(["--images", "mirror.example"]) == 1
    told = capfd.readouterr()
    assert (told.out, "no such tag" in told.err) == ("", True)


def test_without_skopeo_it_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert mirror.main(["--images", "mirror.example"]) == 1
    assert capsys.readouterr().err == (
        "mirror: skopeo is not on PATH; install it, or copy the images of `make mirror` by hand\n"
    )
