"""What every section of the settings shares: frozen, no unknown key, camelCase in YAML, errors that name the remedy."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    ModelWrapValidatorHandler,
    ValidationError,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails, InitErrorDetails

from settings.problem import EXPLAINED, NOT_SHOWN, Allowed, Problem, line_error, refused, shown, unknown_key

K = TypeVar("K")
V = TypeVar("V")

FrozenMap = Annotated[
    Mapping[K, V], AfterValidator(MappingProxyType), Allowed("a mapping", "Indent its keys and values below it")
]
"""A mapping that cannot be changed after it was read."""


def kind_of(default: str = "") -> Discriminator:
    """Chooses the member of a union by its key `kind`."""

    def kind(value: object) -> str:
        if isinstance(value, Mapping):
            return str(value.get("kind", default))
        return str(getattr(value, "kind", ""))

    return Discriminator(kind)


class Section(BaseModel):
    """A mapping in the stack file with a closed set of keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, use_attribute_docstrings=True)

    SECRET: ClassVar[bool] = False
    """Whether what stands in its place may be a secret, and is never shown."""

    def contradictions(self) -> Iterator[Problem]:
        """Settings that are fine alone and wrong together. Sections override this; it runs once each value is valid."""
        yield from ()

    @model_validator(mode="wrap")
    @classmethod
    def _explain(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            section = handler(value)
        except ValidationError as error:
            lines = [cls._explained(details) for details in error.errors()]
            raise ValidationError.from_exception_data(cls.__name__, lines) from None
        if lines := [line_error(problem.path, problem.text, None) for problem in section.contradictions()]:
            raise ValidationError.from_exception_data(cls.__name__, lines)
        return section

    @classmethod
    def _explained(cls, details: ErrorDetails) -> InitErrorDetails:
        """Rewords the errors that only the section can explain: it knows its keys and what they mean."""
        path, value = details["loc"], details["input"]
        context = details.get("ctx", {})
        keys = [field.alias or name for name, field in cls.model_fields.items()]
        match details["type"]:
            case "missing":
                text = cls._missing(str(path[-1]))
            case "extra_forbidden":
                text = unknown_key(path[-1], keys)
            case "model_type":
                text = refused(
                    NOT_SHOWN if cls.SECRET else shown(value),
                    f"a mapping of {', '.join(keys)}",
                    "Indent its keys below it",
                )
            case "union_tag_invalid":
                path = (*path, "kind")
                text = cls._unknown_kind(context["tag"], context["expected_tags"].replace("'", ""))
            case other:
                text = details["msg"] if other == EXPLAINED else refused(shown(value), other, "Correct it")
        return line_error(path, text, value)

    @staticmethod
    def _unknown_kind(kind: str, legal: str) -> str:
        if not kind:
            return f"is missing; expected one of {legal}. Add it to the stack file."
        return refused(shown(kind), f"one of {legal}", "Correct the kind")

    @classmethod
    def _missing(cls, key: str) -> str:
        field = next(field for name, field in cls.model_fields.items() if key in {field.alias, name})
        rule = next((item for item in field.metadata if isinstance(item, Allowed)), None)
        if rule:
            return f"is missing; expected {rule.expected}. {rule.remedy}."
        meaning = (field.description or key).split(".")[0]
        return f"is missing; expected {meaning[0].lower()}{meaning[1:]}. Add it to the stack file."
