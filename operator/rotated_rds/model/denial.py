"""AWS's refusals → the action and resource that are missing, and the mend. Of AWS's own text nothing else is passed on."""

import re
from enum import Enum

from rotated_rds.model.iam import RIGHTS

# AWS's words: "User: … is not authorized to perform: ACTION on resource: ARN because no identity-based policy allows the ACTION action".
_WORDS = re.compile(r"[Nn]ot authorized to perform:? (?P<action>[a-z0-9-]+:\w+)(?: on resource: (?P<resource>\S+))?")
_ELSEWHERE = re.compile(r"because no (?P<where>permissions boundary|service control policy|session policy|resource-based policy) allows")
_EXPLICIT = re.compile(r"explicit deny in an? (?P<where>[a-z -]+)")
_KMS = "Access to KMS is not allowed"
_CREDENTIALS = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "SignatureDoesNotMatch", "UnrecognizedClientException"}
)
_SPELLED = {right.action.lower(): right.action for right in RIGHTS}  # SQS writes its actions in small letters
_TRUST = {
    "sts:AssumeRole": "allow it in the operator's IAM policy and in that role's trust policy (spec.aws.roleArn, .externalId)",
    "sts:TagSession": "allow it in the operator's IAM policy and in that role's trust policy",
    "sts:AssumeRoleWithWebIdentity": "name its ServiceAccount in the operator's role's trust policy (`rotated-rds policy --trust irsa`)",
}


class Caller(Enum):
    """Whose rights are missing: its name, where it has its role from, and what prints what it needs."""

    OPERATOR = ("the operator", "its ServiceAccount's role", "`rotated-rds policy` prints all that the operator needs")
    FUNCTION = ("the function", "its role", "`rotated-rds policy --method Function` prints all that it needs")

    def __init__(self, called: str, role: str, prints: str) -> None:
        self.credentials = f"{called}'s credentials"
        self.policy = f"{called}'s IAM policy"
        self.role = role
        self.prints = prints


def explain(operation: str, code: str, message: str, caller: Caller = Caller.OPERATOR) -> str:
    """What AWS denies and what mends it. operation: what was called; code, message: AWS's answer."""
    if code in _CREDENTIALS:
        return f"AWS does not accept {caller.credentials} at {operation} ({code}): look at {caller.role}, and the clock"
    if message.startswith(_KMS):
        return (
            f"AWS denies {operation} the secret's KMS key ({code}): allow kms:Decrypt, and to write kms:GenerateDataKey, "
            f"in {caller.policy} and in the key's own; {caller.prints} (--kms-key)"
        )
    found = _WORDS.search(message)
    if found is None:
        return f"AWS denies {operation} ({code}): allow it in {caller.policy}; {caller.prints}"
    action = _SPELLED.get(found["action"].lower(), found["action"])
    on = f" on {found['resource']}" if found["resource"] else ""
    return f"AWS denies {action}{on} ({code}): {_mend(action, message, caller)}"


def _mend(action: str, message: str, caller: Caller) -> str:
    if (explicit := _EXPLICIT.search(message)) is not None:
        return f"a Deny in {_a(explicit['where'].strip())} forbids it; narrow that"
    if (elsewhere := _ELSEWHERE.search(message)) is not None:
        return f"no {elsewhere['where']} allows it; allow it there"
    return _TRUST.get(action, f"allow it in {caller.policy}; {caller.prints}")


def _a(what: str) -> str:
    return f"an {what}" if what[:1] in "aeiou" else f"a {what}"
