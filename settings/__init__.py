"""The typed settings of a stack: every key `ml-loop:*` of `Pulumi.<stack>.yaml` as one frozen, validated model.

Read once by `load()`, before anything is created. Keys are camelCase in YAML and snake_case in Python.
External: the stack file and, for the check of the cluster's context, the kubeconfig. No call to any cluster or cloud.
"""

from settings.artifacts import Artifacts, AwsS3, BundledStore, LogBucket, S3Compatible
from settings.cluster import Cluster, check_context
from settings.gateway import Gateway
from settings.kafka import BundledKafka, ExternalKafka, Kafka, Sasl, SaslMechanism, Tls
from settings.loading import load, parse
from settings.model import (
    Drift,
    DriftReference,
    DriftTest,
    Gate,
    Model,
    Promotion,
    ReplicaRange,
    Retraining,
    Serving,
    Training,
)
from settings.observability import Observability
from settings.platform import KServe, KServeMode, Operator, Platform
from settings.policy import PolicyException
from settings.problem import SettingsError
from settings.resources import Amounts, Resources
from settings.root import ImageName, Settings
from settings.signing import Signing
from settings.tracking import Backup, Delivery, Postgres, Tracking

__all__ = [
    "Amounts",
    "Artifacts",
    "AwsS3",
    "Backup",
    "BundledKafka",
    "BundledStore",
    "Cluster",
    "Delivery",
    "Drift",
    "DriftReference",
    "DriftTest",
    "ExternalKafka",
    "Gate",
    "Gateway",
    "ImageName",
    "KServe",
    "KServeMode",
    "Kafka",
    "LogBucket",
    "Model",
    "Observability",
    "Operator",
    "Platform",
    "PolicyException",
    "Postgres",
    "Promotion",
    "ReplicaRange",
    "Resources",
    "Retraining",
    "S3Compatible",
    "Sasl",
    "SaslMechanism",
    "Serving",
    "Settings",
    "SettingsError",
    "Signing",
    "Tls",
    "Tracking",
    "Training",
    "check_context",
    "load",
    "parse",
]
