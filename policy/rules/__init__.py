"""The rules, one a module: an exported constant over a pure function. The order is the report's."""

from policy.rule import Rule
from policy.rules.advisories import NO_KNOWN_ADVISORIES
from policy.rules.alias import PRODUCTION_ALIAS
from policy.rules.buckets import PRIVATE_BUCKETS
from policy.rules.charts import VISIBLE_CHARTS
from policy.rules.deletion import DELETION_PROTECTION
from policy.rules.filesystem import READ_ONLY_FILESYSTEM
from policy.rules.iam import NO_WILDCARD_IAM
from policy.rules.images import EXACT_IMAGES, TAGGED_IMAGES
from policy.rules.isolation import DENIED_BY_DEFAULT
from policy.rules.namespaces import RESTRICTED_NAMESPACES
from policy.rules.pins import EXACT_PINS
from policy.rules.rbac import CHART_RBAC, NO_WILDCARD_RBAC
from policy.rules.restricted import RESTRICTED_OPERATED_PODS, RESTRICTED_PODS
from policy.rules.secrets import NO_PLAIN_SECRETS
from policy.rules.tokens import EARNED_TOKENS
from policy.rules.users import NAMED_USERS

RULES: tuple[Rule, ...] = (
    RESTRICTED_PODS,
    RESTRICTED_OPERATED_PODS,
    NAMED_USERS,
    READ_ONLY_FILESYSTEM,
    EARNED_TOKENS,
    RESTRICTED_NAMESPACES,
    DENIED_BY_DEFAULT,
    EXACT_IMAGES,
    TAGGED_IMAGES,
    VISIBLE_CHARTS,
    NO_KNOWN_ADVISORIES,
    EXACT_PINS,
    NO_PLAIN_SECRETS,
    NO_WILDCARD_RBAC,
    CHART_RBAC,
    NO_WILDCARD_IAM,
    PRODUCTION_ALIAS,
    PRIVATE_BUCKETS,
    DELETION_PROTECTION,
)
