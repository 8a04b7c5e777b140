"""Correction 9: who may do what. Roles have IAM's own policies (put there by its API, or by a stack), plain keys are given theirs here.

A key without a policy may do anything, as before. What was asked of a key with one is kept, for reports.
"""

import base64
import json
from collections import Counter
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from moto.iam.models import Role, iam_backends
from moto.sts.models import AssumedRole, sts_backends

from tests.bed.aws import ACCOUNT
from tests.bed.aws.calls import Call
from tests.bed.aws.iam import Check, Rule, Verdict, decide, read, trusts
from tests.bed.aws.needs import Needed, asked_of, assume_context, needs_of
from tests.bed.aws.refusals import refusal_of
from tests.bed.aws.web import Answer

KMS_DENIED = "Access to KMS is not allowed"
POD_IDENTITY = "pods.eks.amazonaws.com"


class Denied(Exception):
    """AWS says no. text: in AWS's words, as far as they are known."""

    def __init__(self, text: str, code: str = "AccessDenied") -> None:
        super().__init__(text)
        self.text = text
        self.code = code


@dataclass(frozen=True)
class Principal:
    """Who asks. rules: None where no policy binds it. inherited: tags of its session that no further session may set again."""

    arn: str
    account: str
    role: str | None = None
    rules: tuple[Rule, ...] | None = None
    inherited: frozenset[str] = frozenset()


_Asked = tuple[str, str, tuple[tuple[str, str], ...], bool, tuple[str, ...]]


@dataclass
class Guard:
    lock: AbstractContextManager[Any]
    _given: dict[str, tuple[Rule, ...]] = field(default_factory=dict[str, tuple[Rule, ...]])
    _inherited: dict[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    _book: dict[str, Counter[_Asked]] = field(default_factory=dict[str, Counter[_Asked]])

    # what a test says and sees

    def give(self, key: str, document: Mapping[str, Any] | None) -> None:
        """Bind an access key id by a policy; None lets it do anything again. Raises ValueError for what is not evaluated."""
        if document is None:
            self._given.pop(key, None)
        else:
            self._given[key] = read(document)

    def shown(self, caller: str) -> list[dict[str, Any]]:
        """Every right that was asked of a caller (a key's id, or a role's ARN), how often, and which statements allowed it."""
        names = ("action", "resource", "context", "allowed", "by")
        return [{**dict(zip(names, asked, strict=True)), "times": times} for asked, times in self._book.get(caller, Counter()).items()]

    def forget(self, caller: str) -> None:
        self._book.pop(caller, None)

    # the question

    def refusal(self, call: Call, key: str, body: bytes) -> Answer | None:
        """AWS's refusal of a signed call, or None. key: who signed it; call.caller: under whose name it is counted."""
        with self.lock:
            who = self._principal(key)
            try:
                if who.rules is not None:
                    for need in needs_of(call, body, who.account):
                        self._ask(call, who, need)
                if (call.service, call.operation) == ("sts", "AssumeRole"):
                    _let_in(who, call, body)
            except Denied as no:
                return denial(call, no)
        return None

    def _ask(self, call: Call, who: Principal, need: Needed) -> None:
        verdict = decide(who.rules or (), need.check)
        self._note(who.role or call.caller, need.check, verdict)
        if not verdict.allowed and not need.optional:
            raise Denied(_words(who, call, need, verdict))

    def _note(self, caller: str, check: Check, verdict: Verdict) -> None:
        asked = (check.action, check.resource, tuple(sorted(check.context.items())), verdict.allowed, verdict.allowed_by)
        self._book.setdefault(caller, Counter())[asked] += 1

    def _principal(self, key: str) -> Principal:
        session = _session(key)
        if session is None:
            return Principal(f"arn:aws:iam::{ACCOUNT}:user/{key}", ACCOUNT, rules=self._given.get(key))
        role = role_of(session.role_arn)
        rules = None if role is None else rules_of(role)
        return Principal(session.arn, session.account_id, session.role_arn, rules, self._inherited.get(key, frozenset()))

    # sessions that begin without a signature

    def web_identity(self, body: bytes) -> tuple[str, Denied | None] | None:
        """(role ARN, why not) of an AssumeRoleWithWebIdentity; None for another request. The token's signature is not checked."""
        flat = {key: values[0] for key, values in parse_qs(body.decode(errors="replace")).items()}
        if flat.get("Action") != "AssumeRoleWithWebIdentity":
            return None
        arn = flat["RoleArn"]
        with self.lock:
            role = role_of(arn)
        return arn, None if role is None or _token_fits(role, arn, flat["WebIdentityToken"]) else Denied(
            "Not authorized to perform sts:AssumeRoleWithWebIdentity"
        )

    def pod_identity(self, arn: str, tags: Mapping[str, str]) -> AssumedRole:
        """What the Pod Identity agent does for a pod: the role's session, whose tags go on into every session after it. Raises Denied."""
        role = role_of(arn)
        context = {f"aws:RequestTag/{key}": value for key, value in tags.items()}
        actions = ("sts:AssumeRole", *(("sts:TagSession",) if tags else ()))
        rules = read(role.assume_role_policy_document) if role else ()
        if not all(trusts(rules, Check(action, arn, context), "Service", POD_IDENTITY) for action in actions):
            raise Denied(f"{POD_IDENTITY} is not authorized to perform: sts:AssumeRole on resource: {arn}")
        session = sts_backends[arn.split(":")[4]]["aws"].assume_role(
            region_name="us-east-1", role_session_name="eks-bed", role_arn=arn, policy="", duration=3600, external_id=""
        )
        self._inherited[session.access_key_id] = frozenset(tags)
        return session


def _session(key: str) -> AssumedRole | None:
    for backends in list(sts_backends.values()):
        if (found := backends["aws"].get_assumed_role_from_access_key(key)) is not None:
            return found
    return None


def role_of(arn: str) -> Role | None:
    """IAM's role; None where there is none, which moto lets anybody assume all the same."""
    every = iam_backends[arn.split(":")[4]]["aws"].roles.values()
    return next((role for role in every if role.arn == arn), None)


def rules_of(role: Role) -> tuple[Rule, ...]:
    attached = (version.document for one in role.managed_policies.values() for version in one.versions if version.is_default)
    documents: list[str] = [*role.policies.values(), *attached]
    return tuple(rule for document in documents for rule in read(document))


def _let_in(who: Principal, call: Call, body: bytes) -> None:
    """The role's own word: its trust policy. Raises Denied."""
    asked = asked_of(call, body)
    arn, context = str(asked["RoleArn"]), assume_context(asked)
    if again := who.inherited & {one["Key"] for one in asked["Tags"]}:
        raise Denied(f"the session tag {min(again)} is inherited and cannot be set again", "InvalidParameterValue")
    if (role := role_of(arn)) is None:
        return
    rules = read(role.assume_role_policy_document)
    for action in ("sts:AssumeRole", *(("sts:TagSession",) if asked["Tags"] else ())):
        if not trusts(rules, Check(action, arn, context), "AWS", who.role or who.arn):
            raise Denied(f"User: {who.arn} is not authorized to perform: {action} on resource: {arn}")


def _token_fits(role: Role, arn: str, token: str) -> bool:
    payload = token.split(".")[1]
    claims: Any = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    issuer = str(claims["iss"]).removeprefix("https://")
    audience = claims["aud"] if isinstance(claims["aud"], str) else claims["aud"][0]
    context = {f"{issuer}:sub": claims["sub"], f"{issuer}:aud": audience}
    provider = f"arn:aws:iam::{arn.split(':')[4]}:oidc-provider/{issuer}"
    rules = read(role.assume_role_policy_document)
    return trusts(rules, Check("sts:AssumeRoleWithWebIdentity", arn, context), "Federated", provider)


# how AWS says no


def _words(who: Principal, call: Call, need: Needed, verdict: Verdict) -> str:
    """Secrets Manager does not say which of a key's rights is missing."""
    action = need.check.action
    if action.startswith("kms:"):
        return KMS_DENIED
    if call.service == "sqs":
        action = action.lower()
    on = "" if need.check.resource == "*" else f" on resource: {need.shown or need.check.resource}"
    why = "with an explicit deny in an identity-based policy"
    if not verdict.denied:
        why = f"because no identity-based policy allows the {action} action"
    return f"User: {who.arn} is not authorized to perform: {action}{on}" + ("" if call.service == "sts" else f" {why}")


def denial(call: Call, no: Denied) -> Answer:
    """In the protocol of the service: Secrets Manager 400 and AccessDeniedException, the others 403 and AccessDenied."""
    ours = call.service == "secretsmanager"
    code, status = ("AccessDeniedException", 400) if ours else (no.code, 403 if no.code == "AccessDenied" else 400)
    answer = refusal_of(call, code, no.text, status)
    if call.service == "sqs":
        answer.headers.append(("x-amzn-query-error", f"{code};Sender"))
    return answer
