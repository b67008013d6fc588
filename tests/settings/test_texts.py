"""Texts as people write them, and what the parsers below the stack make of them.

The tables in `texts/` hold the answers of those parsers: Argo's and CloudNativePG's robfig/cron, Kubernetes'
quantities, CloudNativePG's moments. `local/go/parsers` asks them again after texts were added.
"""

import json
import re
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from settings.values.cron import BackupCron, Cron, with_seconds, zoned
from settings.values.duration import Duration
from settings.values.moment import Moment
from settings.values.network import AddressBlock
from settings.values.quantity import Cpu, Size, amount
from settings.values.uri import DataUri

TEXTS = Path(__file__).parent / "texts"


def table(name: str) -> dict[str, Any]:
    return json.loads((TEXTS / f"{name}.json").read_text(encoding="utf-8"))


def read(kind: Any, text: str) -> Any:
    """What a setting of this kind becomes; None where it is refused."""
    try:
        return TypeAdapter[Any](kind).validate_python(text)
    except ValidationError:
        return None


@pytest.mark.parametrize(("text", "answers"), table("cron").items())
def test_a_schedule_is_taken_where_its_reader_will_run_it(text: str, answers: dict[str, str]) -> None:
    runs = {reader: answer not in {"refused", "never"} for reader, answer in answers.items()}
    assert {"argo": read(Cron, text) is not None, "cloudnativepg": read(BackupCron, text) is not None} == runs


@pytest.mark.parametrize(
    ("written", "zone", "rest"),
    [
        ("0 3 * * 1", "Etc/UTC", "0 3 * * 1"),
        ("@every 5m", "Etc/UTC", "@every 5m"),
        ("CRON_TZ=Europe/Berlin 0 3 * * 1", "Europe/Berlin", "0 3 * * 1"),
        ("TZ=Asia/Kathmandu  @daily", "Asia/Kathmandu", "@daily"),
    ],
)
def test_the_zone_in_front_of_a_schedule_is_argo_s_time_zone(written: str, zone: str, rest: str) -> None:
    assert zoned(written) == (zone, rest)


@pytest.mark.parametrize(
    ("written", "handed_on"),
    [("0 3 * * *", "0 0 3 * * *"), ("30 0 3 * * *", "30 0 3 * * *"), ("@daily", "@daily"), ("@every 6h", "@every 6h")],
)
def test_a_backup_s_schedule_gets_a_field_for_seconds_only_where_it_has_none(written: str, handed_on: str) -> None:
    assert with_seconds(written) == handed_on


MEANT_OTHERWISE = {
    Size: {"0.0001", "0.1", "0.1m", "0.25", "0.5m", "007", "1", "1.5", "1.5m", "100n", "100u", "1E-3", "1e-3", "1m"}
    | {"2", "20", "5.", ".5", "500m", "64"},  # a unit was forgotten: no container starts with twenty bytes
    Cpu: {"+1Gi", ".5Gi", "0.1Gi", "0.5Gi", "0.75Pi", "00.50Gi", "1.5Gi", "123Mi", "1Ki", "1Mi", "2.5Ti", "20Gi"}
    | {"5.Gi", "5Ei"},  # bytes
}
WITHOUT_EFFECT = {"0", "0Gi", ".", ".Gi", "Gi", "e3", "-1", "-1Gi"}
CUT_OFF = {"10E", "8Ei", "9223372036854775808", "1e1000"}


@pytest.mark.parametrize("kind", [Size, Cpu], ids=["size", "cpu"])
@pytest.mark.parametrize(("text", "canonical"), table("quantity").items())
def test_a_quantity_is_taken_where_kubernetes_takes_it_for_what_was_meant(
    kind: Any, text: str, canonical: str | None
) -> None:
    meant = text not in MEANT_OTHERWISE[kind] | WITHOUT_EFFECT | CUT_OFF
    assert (read(kind, text) is not None) == (canonical is not None and meant)
    if read(kind, text) is not None:
        assert canonical is not None
        assert amount(text) == amount(canonical)


@pytest.mark.parametrize(
    ("quantity", "number"),
    [
        ("500m", "0.5"),
        ("2", "2"),
        ("0.25", "0.25"),
        ("1Ki", "1024"),
        ("1.5Gi", "1610612736"),
        ("2G", "2000000000"),
        ("129e6", "129000000"),
        ("2E3", "2000"),
        ("2E", "2000000000000000000"),
        ("1Ei", "1152921504606846976"),
        ("100u", "0.0001"),
    ],
)
def test_a_quantity_is_a_number_of_cpus_or_bytes(quantity: str, number: str) -> None:
    assert amount(quantity) == Decimal(number)


# Postgres counts microseconds.
OUTSIDE = {"2027-01-31T12:00:00.1234567Z", "0000-01-01T00:00:00Z", "0001-01-01T00:00:00+01:00"}


@pytest.mark.parametrize(("text", "utc"), table("moment").items())
def test_a_moment_is_the_one_that_cloudnativepg_reads(text: str, utc: str | None) -> None:
    assert read(Moment, text) == (None if text in OUTSIDE else utc)


DURATIONS = {
    "90s": 90,
    "30m": 1800,
    "6h": 21600,
    "1h30m": 5400,
    "1h0m0s": 3600,
    "0h30m": 1800,
    "1.5h": 5400,
    "0.5h": 1800,
    "2.25m": 135,
    "7d": 604800,
    "2w": 1209600,
    "1d12h": 129600,
    "1w1d1h1m1s": 694861,
    "168h": 604800,
    "86400s": 86400,
    "999999s": 999999,
    "010m": 600,
}
NO_DURATIONS = """
h | 0h | 0s | 6 h | 30m1h | PT6H | -6h | +6h | 6 | 6.h | .5h | 0.5s | 1.0001s | 6H | 6hours | 6h30 | 1h1h | 500ms | 1y
| 1e3s | ٦h | inf | 6,5h | 1_000s | 1000000000s
""".strip()


@pytest.mark.parametrize(("text", "seconds"), DURATIONS.items())
def test_a_duration_is_whole_seconds(text: str, seconds: int) -> None:
    assert read(Duration, text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", " 6h", "6h\n", *re.split(r"\s+\|\s", NO_DURATIONS)])
def test_what_is_no_duration_is_refused(text: str) -> None:
    assert read(Duration, text) is None


TAKEN = """
s3://bucket/path
s3://bucket
s3://bucket/a path/with spaces.csv
s3://bucket/date=2026-01-31T12:00:00/part@2.parquet
s3a://bucket/path
S3://bucket/path
gs://bucket/path#1700000000
abfss://container@account.dfs.core.windows.net/data/train
abfs://container@account.dfs.core.windows.net/
wasbs://container@account.blob.core.windows.net/data
wasb://container@account.blob.core.windows.net/data
dbfs:/FileStore/tables/train.csv
dbfs:///mnt/data
runs:/0123456789abcdef0123456789abcdef/data
runs://profile@databricks/0123/data
models:/recommender/3
models:/recommender@production
mlflow-artifacts:/1/0123/artifacts
file:///data/train.csv
file:/data/train.csv
hdfs://namenode:8020/data
hdfs:///data
https://data.example.com/train.csv
https://data.example.com:8443/train.csv?version=2&format=csv
http://[fd00::1]:9000/data
postgresql://reader@db.example.com:5432/sales
postgresql+psycopg://reader@db/sales
jdbc:postgresql://db:5432/sales
bigquery://project/dataset/table
delta-sharing://share/schema/table
kafka://broker:9092/topic
sftp://reader@host/path
lakefs://repo/main/data
s3://bücket/größe.csv
""".strip().split("\n")
REFUSED = [
    "",
    "s3",
    "s3://",
    "s3:///path",
    "s3:/bucket/path",
    "s3:bucket/path",
    "https:/host/path",
    "abfss:///path",
    "bucket/path",
    "/data/train.csv",
    "./train.csv",
    "//host/path",
    "://host",
    "3s://bucket",
    " s3://bucket/path",
    "s3://bucket/path ",
    "s3://bucket/path\n",
    "s3://bucket/\tpath",
    "https://admin:hunter2@data.example.com/x",
    "https://admin:hunter2/@data.example.com/x",
    "https://:hunter2@data.example.com/x",
    "https://admin:@data.example.com/x",
    "postgresql://reader:pass@db/sales",
    "jdbc:postgresql://reader:pass@db/sales",
    "jdbc:postgresql://db/sales?user=reader&password=pass",
    "jdbc:sqlserver://db:1433;user=reader;password=pass",
    "s3://key:secret@bucket/path",
    "wasbs://container:key@account.blob.core.windows.net/data",
    "https://account.blob.core.windows.net/c/x?sv=2024&sig=abc%3D",
    "https://bucket.s3.amazonaws.com/x?X-Amz-Signature=abc",
    "https://storage.googleapis.com/b/x?X-Goog-Signature=abc",
    "https://host/x?access_token=abc",
    "https://host/x?api_key=abc",
    "https://host/x#token=abc",
    "http://host:99999/x",
    "http://[fd00::1/x",
]


@pytest.mark.parametrize("uri", TAKEN)
def test_data_may_be_anywhere_that_a_uri_can_name(uri: str) -> None:
    assert read(DataUri, uri) == uri


@pytest.mark.parametrize("uri", REFUSED)
def test_what_names_no_place_or_a_secret_is_no_uri_of_data(uri: str) -> None:
    assert read(DataUri, uri) is None


def test_no_table_is_short() -> None:
    assert all(len(table(name)) >= 30 for name in ("cron", "quantity", "moment"))
    assert min(len(TAKEN), len(REFUSED), len(DURATIONS) + NO_DURATIONS.count("|")) >= 30


BLOCKS = {
    "10.0.0.10": "10.0.0.10/32",
    "10.96.0.0/12": "10.96.0.0/12",
    "10.96.0.10/12": "10.96.0.0/12",
    "169.254.20.10/32": "169.254.20.10/32",
    "0.0.0.0/0": "0.0.0.0/0",
    "fd00::a": "fd00::a/128",
    "FD00::/8": "fd00::/8",
    "2001:db8::/32": "2001:db8::/32",
    **dict.fromkeys(["", "10.0.0", "10.0.0.256", "10.0.0.0/33", "010.0.0.1", "kube-dns", "10.0.0.10:53", "[fd00::a]"]),
    **dict.fromkeys(["10.0.0.1-10.0.0.9", "10.0.0.1,10.0.0.2", "fd00::/129", "10.0.0.0/-1", " 10.0.0.1", "*"]),
}


@pytest.mark.parametrize(("text", "block"), BLOCKS.items())
def test_an_address_is_a_block_as_policies_name_it(text: str, block: str | None) -> None:
    assert read(AddressBlock, text) == block
