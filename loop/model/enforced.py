"""The signature as MLflow's own enforcement should read it."""

from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, Schema


def widened(signature: ModelSignature) -> ModelSignature:
    """The signature with optional integers as doubles, which is what pandas makes of integers with missing values.

    MLflow refuses them: https://mlflow.org/docs/latest/ml/model/signatures/#handling-integers-with-missing-values
    """
    inputs = signature.inputs
    if inputs is None or not any(_optional_integer(spec) for spec in inputs.inputs):
        return signature
    specs = [
        ColSpec(DataType.double, spec.name, required=False) if _optional_integer(spec) else spec
        for spec in inputs.inputs
    ]
    copy = ModelSignature(inputs=Schema(specs), outputs=signature.outputs, params=signature.params)
    for mark in ("_is_signature_from_type_hint", "_is_type_hint_from_example"):
        setattr(copy, mark, getattr(signature, mark))
    return copy


def params_only(signature: ModelSignature) -> ModelSignature | None:
    """The signature's params alone, for inputs that MLflow's enforcement does not know."""
    return ModelSignature(params=signature.params) if signature.params else None


def _optional_integer(spec: object) -> bool:
    return isinstance(spec, ColSpec) and spec.required is False and spec.type in (DataType.integer, DataType.long)
