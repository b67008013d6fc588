"""The stack: a table of contents. Runs under `pulumi up` and, hosted by the Automation API, under `make up`."""

import pulumi

import checks
import settings
from checks.identity import identity
from checks.trainings import templates_in_use
from components.events.bus import event_bus
from components.kit.namespace import RestrictedNamespace, RestrictedNamespaceArgs
from components.models import log_writers, model_loops
from components.observability.showing import loop_page
from components.observability.targets import watch
from components.platform.cluster import providers
from components.platform.operators import operators
from components.serving.gateway import gateway
from components.streaming.brokers import brokers
from components.tracking.host import external_url
from components.tracking.station import database, tracking_server
from components.tracking.store import artifact_store
from policy.production import is_production

stack = settings.load()
checks.run(stack)
running = templates_in_use(stack)
protect = is_production(pulumi.get_stack(), stack.protect)
here = providers(stack, identity(stack))

# Namespaces, operators
loop = RestrictedNamespace("loop", RestrictedNamespaceArgs(namespace=stack.namespace), here)
station = RestrictedNamespace("tracking", RestrictedNamespaceArgs(namespace=stack.tracking.namespace), here)
installed = operators(stack, loop.name, here)

# From outside: one address for all models and for MLflow
address = gateway(stack, loop.name, here)

# Tracking: artifact store, database, MLflow, and its host name at the gateway
artifacts = artifact_store(stack, station.name, loop.name, log_writers(stack), protect=protect, opts=here)
records = database(stack, station.name, store=artifacts, operators=installed, protect=protect, opts=here)
mlflow = tracking_server(stack, station.name, loop.name, database=records, store=artifacts, gateway=address, opts=here)
public_url = external_url(stack, address, mlflow, here)

# Kafka, which carries predictions and drift, and the bus between drift and training
kafka = brokers(stack, loop.name, here)
bus = event_bus(stack, loop.name, installed, here)

# Models: each model's loop
models = model_loops(
    stack,
    loop.name,
    operators=installed,
    mlflow=mlflow,
    gateway=address,
    kafka=kafka,
    bus=bus,
    logs=artifacts.logs,
    record=artifacts.record,
    templates_in_use=running,
    opts=here,
)

# Who watches all of it, and what people see of it
watch(stack, loop=loop.name, tracking=station.name, installed=installed, opts=here)
page = loop_page(stack, loop.name, mlflow=mlflow, tracking_url=public_url, gateway=address, models=models, opts=here)

pulumi.export("mlflow", {"url": mlflow.url, "externalUrl": public_url})
pulumi.export("platform", installed.versions)
pulumi.export("models", models)
pulumi.export("page", page)
