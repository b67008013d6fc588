"""Settings of the unit tests."""

import pytest


def pytest_configure(config: pytest.Config) -> None:
    # Importing pulumi_aws.s3 defines its own deprecated classes, each with a warning.
    config.addinivalue_line("filterwarnings", "ignore:.*has been deprecated in favor of:DeprecationWarning:pulumi_aws")
