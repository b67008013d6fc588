"""An `up` that was killed heals by `up` alone, whatever it was doing.

The engine and the stand-in provider before a real API server, without nodes. A trial of minutes, so no part of `make
e2e`: `make trial-killed` runs it.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.e2e.control_plane import CACHE, ROOT, ControlPlane, control_plane
from tests.e2e.cutting_proxy import Cut, cutting
from tests.e2e.empty_stack import Apart
from tests.e2e.interrupted_program import NAMESPACE

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

CYCLE: Final = ("made", "changed", "nothing")
CUTS: Final = [(after, after % 2 == 1, CYCLE[after % 3]) for after in range(9)] + [
    (after, after % 2 == 0, CYCLE[after % 3]) for after in range(11)
]
"""(changes before the cut, whether the change at the cut is made, what the `up` was to make)."""


@dataclass
class Interrupted:
    """A stack, and the proxy through which its `up` is cut off."""

    folder: Path
    kubeconfig: Path
    plane: ControlPlane
    cut: Cut

    def up(self, state: str, cut: tuple[int, bool] | None = None) -> str:
        """What `up` printed; with a cut it is killed there."""
        argv = [sys.executable, "-m", "tests.e2e.interrupted_program", self.folder, self.kubeconfig, state]
        with (self.folder / "log").open("w+") as log:
            child = subprocess.Popen(argv, cwd=ROOT, env=self.environment(), stdout=log, stderr=log)
            if cut is not None:
                self.cut.done, self.cut.after, self.cut.told = False, *cut
            self.cut.pid = child.pid if cut is not None else 0
            code = child.wait(300)
            log.seek(0)
            printed = log.read()
        assert code == (-9 if cut is not None else 0), printed[-3000:]
        return printed

    def environment(self) -> dict[str, str]:
        return os.environ | {
            "PULUMI_BACKEND_URL": Apart(CACHE, self.folder).backend,
            "PATH": f"{ROOT / 'local/plugins'}:{CACHE / 'bin'}:{os.environ['PATH']}",
            "ML_LOOP_PYTHON": sys.executable,
            "PULUMI_CONFIG_PASSPHRASE": "test",
            "PULUMI_HOME": str(self.folder / "home"),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        }

    def objects(self) -> dict[str, str]:
        """What is in the namespace, beside what the cluster puts there, and what tells its states apart."""
        kinds = "configmap,deployment,secret,serviceaccount"
        listed = json.loads(self.plane.kubectl("get", kinds, "-n", NAMESPACE, "-o", "json"))["items"]
        return {
            f"{each['kind']}/{each['metadata']['name'].rpartition('-')[0] or each['metadata']['name']}"
            if each["kind"] == "ServiceAccount"
            else f"{each['kind']}/{each['metadata']['name']}": json.dumps(
                [each.get("data"), each.get("spec", {}).get("replicas"), each.get("spec", {}).get("selector")]
            )
            for each in listed
            if each["metadata"]["name"] not in ("default", "kube-root-ca.crt")
        }


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Interrupted]:
    folder = tmp_path_factory.mktemp("stack")
    with control_plane(tmp_path_factory.mktemp("plane")) as plane:
        known = json.loads(plane.kubeconfig.read_text())
        cluster, cut = known["clusters"][0]["cluster"], Cut()
        with cutting(cluster["server"], Path(cluster["certificate-authority"]), cut) as address:
            known["clusters"][0]["cluster"] = {"server": address}
            file = folder / "kubeconfig"
            file.write_text(json.dumps(known))
            yield Interrupted(folder, file, plane, cut)


@pytest.fixture(scope="module")
def right(interrupted: Interrupted) -> dict[str, dict[str, str]]:
    """What each state is, made without a cut."""
    found: dict[str, dict[str, str]] = {}
    for state in CYCLE:
        interrupted.up(state)
        found[state] = interrupted.objects()
    return found


@pytest.mark.parametrize(("after", "told", "state"), CUTS)
def test_an_up_that_was_killed_heals_by_up_alone(
    interrupted: Interrupted, right: dict[str, dict[str, str]], after: int, told: bool, state: str
) -> None:
    interrupted.up(state, cut=(after, told))
    assert interrupted.cut.done
    interrupted.up(state)
    assert interrupted.objects() == right[state]
    again = interrupted.up(state)
    assert "created" not in again
    assert "updated" not in again
    assert "pending operations" not in again
