"""What is left out of Go tools: by patterns that must still fit, never by accident."""

from pathlib import Path

import pytest

from local.operators.coredns import COREFILE
from local.steps import StepError
from local.toolchain.cuts import CUTS, Cut, apply, cut, imports
from local.toolchain.gotools import MODULES
from local.toolchain.tools import TOOLS

SOURCE = """\
package artifacts

import (
	"fmt"

	alias "example.org/azure"
	"example.org/gcs"
	"example.org/gcs/other"
)

func driver(a Artifact) Driver {
	if a.Azure != nil {
		if a.Azure.Key == "" {

			return nil
		}
		return alias.New(a)
	}
	if a.S3 != nil {
		return s3.New(a)
	}
	switch a.Kind {
	case gcs.Kind:
		return gcs.New(a)
	default:
		return nil
	}
}
"""
LEFT = """\
package artifacts

import (
	"fmt"

	"example.org/gcs/other"
)

func driver(a Artifact) Driver {
	if a.S3 != nil {
		return s3.New(a)
	}
	switch a.Kind {
	default:
		return nil
	}
}
"""
GONE = (*imports("example.org/azure", "example.org/gcs"), r"if a\.Azure != nil {", r"case gcs\.Kind:")


def test_a_line_goes_with_what_is_below_it_and_the_bracket_that_closes_it() -> None:
    assert cut(SOURCE, Cut(file="artifacts.go", gone=GONE)) == LEFT


def test_a_pattern_that_nothing_matches_is_told_as_after_a_change_of_version() -> None:
    with pytest.raises(StepError, match=r"artifacts\.go has no 'if a\\\\.Git' in this version; look how it is said"):
        cut(SOURCE, Cut(file="artifacts.go", gone=(*GONE, r"if a\.Git")))


def test_a_file_that_is_gone_from_the_module_is_told(tmp_path: Path) -> None:
    (tmp_path / "git.go").write_text("package git\n")
    apply([Cut(file="git.go")], tmp_path)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(StepError, match=r"git\.go is not in this version"):
        apply([Cut(file="git.go")], tmp_path)


def test_only_tools_that_are_built_are_cut() -> None:
    assert set(CUTS) <= {name for name, tool in TOOLS.items() if tool.commands}


def test_the_cluster_s_dns_has_the_plugins_that_its_configuration_names() -> None:
    """The first word of each line below the server's; options of plugins stand deeper."""
    named = {line.split()[0] for line in COREFILE.splitlines() if line.startswith("    ") and line[4] not in " }"}
    imported = (MODULES / "coredns" / "main.go").read_text()
    assert [plugin for plugin in sorted(named) if f'"github.com/coredns/coredns/plugin/{plugin}"' not in imported] == []
