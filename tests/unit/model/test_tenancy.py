"""API.md "Tenancy", SAFETY.md G4: who may use what, and the refusal that names the rule to ask for."""

from collections.abc import Callable
from typing import Concatenate, ParamSpec

import pytest
import yaml

from rotated_rds.model.errors import Reason, Refused
from rotated_rds.model.tenancy import LISTS, Allow, Mode, Permit, Tenancy, TenancyError, parse

HOME, OTHER = "111111111111", "999999999999"
Check = Callable[[Permit], None]
P = ParamSpec("P")


def arn(name: str, account: str = HOME, region: str = "eu-west-1") -> str:
    return f"arn:aws:secretsmanager:{region}:{account}:secret:{name}-AbC1dE"


def permit(text: str = "", namespace: str = "team-a", prefix: str = "prod/") -> Permit:
    return parse(yaml.safe_load(text)).permit(namespace, prefix, HOME, "eu-west-1")


def asking(check: Callable[Concatenate[Permit, P], None], *args: P.args, **named: P.kwargs) -> Check:
    return lambda given: check(given, *args, **named)


def refusal(check: Check, given: Permit) -> str:
    with pytest.raises(Refused) as refused:
        check(given)
    assert refused.value.reason is Reason.NOT_ALLOWED
    return refused.value.message


def allowed(check: Check, given: Permit) -> bool:
    try:
        check(given)
    except Refused as refused:
        return refused.reason is not Reason.NOT_ALLOWED
    return True


@pytest.mark.parametrize(
    ("check", "fine"),
    [
        pytest.param(asking(Permit.check_secret, "prod/team-a/db"), True, id="a new secret under its own name"),
        pytest.param(asking(Permit.check_secret, arn("prod/team-a/db")), True, id="its own secret"),
        pytest.param(asking(Permit.check_secret, arn("prod/team-b/db")), False, id="a neighbour's secret"),
        pytest.param(asking(Permit.check_secret, arn("team-a/db")), False, id="a secret without the cluster's prefix"),
        pytest.param(asking(Permit.check_secret, arn("prod/team-a/db", OTHER)), False, id="its own name in another account"),
        pytest.param(asking(Permit.check_secret, arn("prod/team-a/db", HOME, "us-east-1")), False, id="its own name in another Region"),
        pytest.param(asking(Permit.check_secret, arn("prod/rotated-rds-admin/team-a/x")), False, id="its administrator as a secret"),
        pytest.param(asking(Permit.check_admin_secret, arn("prod/rotated-rds-admin/team-a/x")), True, id="its administrator"),
        pytest.param(asking(Permit.check_admin_secret, arn("prod/rotated-rds-admin/team-b/x")), False, id="a neighbour's administrator"),
        pytest.param(asking(Permit.check_admin_secret, arn("prod/team-a/db")), False, id="its own secret as administrator"),
        pytest.param(asking(Permit.check_user, "anyone"), True, id="any database user"),
        pytest.param(asking(Permit.check_region, "eu-west-1"), True, id="the operator's Region"),
        pytest.param(asking(Permit.check_region, "us-east-1"), False, id="another Region"),
        pytest.param(asking(Permit.check_host, "db.example"), False, id="a typed host"),
        pytest.param(asking(Permit.check_managed_database, "orders"), False, id="a master password of RDS's"),
        pytest.param(asking(Permit.check_role, "arn:aws:iam::1:role/x"), False, id="a role"),
        pytest.param(asking(Permit.check_function, "arn:aws:lambda:x"), False, id="a function"),
        pytest.param(asking(Permit.check_kms_key, "alias/x"), False, id="a KMS key"),
        *(pytest.param(asking(Permit.check_word, word, "spec.x"), False, id=f"the word {word}") for word in Allow),
    ],
)
def test_namespaced_without_rules_allows_the_namespaces_own_and_nothing_else(check: Check, fine: bool) -> None:
    assert allowed(check, permit()) is fine
    assert allowed(check, permit("mode: Open")) is True


def test_a_namespace_named_like_the_administrators_space_gets_no_administrator() -> None:
    given = permit(namespace="rotated-rds-admin")
    assert not allowed(asking(Permit.check_secret, arn("prod/rotated-rds-admin/team-a/x")), given)
    assert not allowed(asking(Permit.check_admin_secret, arn("prod/rotated-rds-admin/team-a/x")), given)


@pytest.mark.parametrize(
    ("rules", "secret", "fine"),
    [
        pytest.param('[{namespaces: ["*"], secrets: ["*"]}]', arn("shared/db"), True, id="a star covers every name at home"),
        pytest.param('[{namespaces: ["*"], secrets: ["*"]}]', arn("shared/db", OTHER), False, id="a name never covers another account"),
        pytest.param('[{namespaces: ["*"], secrets: ["*"]}]', arn("x", HOME, "us-east-1"), False, id="nor another Region"),
        pytest.param(
            '[{namespaces: ["*"], secrets: ["*"], regions: ["us-*"]}]', arn("x", HOME, "us-east-1"), True, id="but an allowed Region"
        ),
        pytest.param(
            f'[{{namespaces: ["*"], secrets: ["arn:aws:secretsmanager:*:{OTHER}:secret:shared/*"]}}]',
            arn("shared/db", OTHER, "us-east-1"),
            True,
            id="an ARN covers another account and Region",
        ),
        pytest.param(
            f'[{{namespaces: ["*"], secrets: ["arn:aws:secretsmanager:eu-west-1:{OTHER}:secret:shared/db"]}}]',
            arn("shared/db", OTHER),
            True,
            id="an ARN may be written without AWS's random end",
        ),
        pytest.param('[{namespaces: ["team-*"], secrets: ["shared/*"]}]', arn("shared/db"), True, id="namespaces are globs"),
        pytest.param('[{namespaces: ["team-b"], secrets: ["shared/*"]}]', arn("shared/db"), False, id="another namespace's rule"),
        pytest.param(
            '[{namespaces: ["*"], secrets: ["*"]}]',
            arn("prod/rotated-rds-admin/team-b/x"),
            False,
            id="a star does not cover the administrators' space",
        ),
        pytest.param(
            '[{namespaces: ["*"], secrets: ["*"]}, {namespaces: [dba], adminSecrets: ["dba/*"]}]',
            arn("dba/master"),
            False,
            id="a star does not cover what a rule calls an administrator's",
        ),
        pytest.param(
            '[{namespaces: ["*"], secrets: ["arn:aws:secretsmanager:*"]}, {namespaces: [dba], adminSecrets: ["dba/*"]}]',
            arn("dba/master"),
            False,
            id="nor does a star in an ARN",
        ),
        pytest.param(
            '[{namespaces: ["*"], secrets: ["dba/master"]}, {namespaces: [dba], adminSecrets: ["dba/*"]}]',
            arn("dba/master"),
            True,
            id="an administrator's secret may be named outright",
        ),
        pytest.param(
            '[{namespaces: [dba], adminSecrets: ["*"]}]',
            arn("prod/team-a/db"),
            True,
            id="who may use any secret as administrator takes none from its owner",
        ),
    ],
)
def test_which_secrets_a_rule_covers(rules: str, secret: str, fine: bool) -> None:
    assert allowed(asking(Permit.check_secret, secret), permit(rules)) is fine


@pytest.mark.parametrize(
    ("rule", "check"),
    [
        pytest.param('users: ["app_*"]', asking(Permit.check_user, "app_x"), id="users"),
        pytest.param('managedDatabases: ["orders-*"]', asking(Permit.check_managed_database, "orders-1"), id="managedDatabases"),
        pytest.param('hosts: ["*.db.internal"]', asking(Permit.check_host, "A.DB.internal."), id="hosts"),
        pytest.param('roles: ["arn:aws:iam::1:role/{namespace}-*"]', asking(Permit.check_role, "arn:aws:iam::1:role/team-a-x"), id="roles"),
        pytest.param(
            'functions: ["*:function:rotate"]', asking(Permit.check_function, "arn:aws:lambda:e:1:function:rotate"), id="functions"
        ),
        pytest.param('kmsKeys: ["alias/{namespace}"]', asking(Permit.check_kms_key, "alias/team-a"), id="kmsKeys"),
        pytest.param('regions: ["us-*"]', asking(Permit.check_region, "us-east-1"), id="regions"),
        pytest.param('adminSecrets: ["dba/*"]', asking(Permit.check_admin_secret, arn("dba/x")), id="adminSecrets"),
        pytest.param("allow: [Deletion]", asking(Permit.check_word, Allow.DELETION, "spec.x"), id="a word"),
    ],
)
def test_a_rule_adds_what_it_names(rule: str, check: Check) -> None:
    assert allowed(check, permit(f'[{{namespaces: ["team-a"], {rule}}}]'))


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize(
    ("hosts", "host", "addresses", "fine"),
    [
        pytest.param("[]", "db.example", ["10.0.0.1", "fd12::1"], True, id="private addresses need no entry"),
        pytest.param("[]", "db.example", ["127.0.0.1"], False, id="loopback needs one"),
        pytest.param("[]", "x.rds.amazonaws.com", ["10.0.0.1", "169.254.169.254"], False, id="one bad address is enough"),
        pytest.param('["*"]', "db.example", ["127.0.0.1"], False, id="a wildcard is no entry"),
        pytest.param('["127.*"]', "db.example", ["127.0.0.1"], False, id="nor is a wildcard of addresses"),
        pytest.param('["DB.example."]', "db.example", ["127.0.0.1"], True, id="an entry equal to the name"),
        pytest.param('["127.0.0.1"]', "db.example", ["127.0.0.1"], True, id="an entry equal to the address"),
        pytest.param('["127.0.0.1"]', "db.example", ["::ffff:127.0.0.1"], True, id="the same address wrapped in IPv6"),
        pytest.param('["127.0.0.1"]', "db.example", ["127.0.0.1", "::1"], False, id="each address needs its entry"),
        pytest.param('["other.example"]', "db.example", ["fe80::1%eth0"], False, id="an entry for another name"),
    ],
)
def test_G4_a_guarded_address_needs_an_exact_entry_in_either_mode(
    mode: Mode, hosts: str, host: str, addresses: list[str], fine: bool
) -> None:
    given = permit(f'{{mode: {mode}, rules: [{{namespaces: ["*"], hosts: {hosts}}}]}}')
    assert allowed(asking(Permit.check_addresses, host, addresses), given) is fine


def test_another_namespaces_entry_opens_no_guarded_address() -> None:
    given = permit('{mode: Open, rules: [{namespaces: [team-b], hosts: ["127.0.0.1"]}]}')
    assert not allowed(asking(Permit.check_addresses, "db", ["127.0.0.1"]), given)


@pytest.mark.parametrize(
    ("check", "starts"),
    [
        pytest.param(
            asking(Permit.check_secret, arn("team-b/db")), "spec.secret.name: namespace team-a may not use team-b/db: ", id="secret"
        ),
        pytest.param(asking(Permit.check_secret, arn("x", OTHER)), "spec.secret.name: ", id="a secret elsewhere"),
        pytest.param(asking(Permit.check_admin_secret, arn("dba/x")), "spec.user.adminSecretId: ", id="admin"),
        pytest.param(
            asking(Permit.check_region, "us-east-1", "spec.secret.replicaRegions[0]"), "spec.secret.replicaRegions[0]: ", id="region"
        ),
        pytest.param(asking(Permit.check_host, "db.example"), "spec.database.host: ", id="host"),
        pytest.param(asking(Permit.check_addresses, "db.example", ["127.0.0.1"], "spec.database"), "spec.database: ", id="address"),
        pytest.param(asking(Permit.check_managed_database, "orders"), "spec.database: ", id="managed database"),
        pytest.param(asking(Permit.check_role, "arn:aws:iam::1:role/x"), "spec.aws.roleArn: ", id="role"),
        pytest.param(asking(Permit.check_function, "arn:aws:lambda:x"), "spec.rotation.functionArn: ", id="function"),
        pytest.param(asking(Permit.check_kms_key, 'a"b: c'), "spec.secret.kmsKeyId: ", id="a value that YAML must quote"),
        pytest.param(
            asking(Permit.check_word, Allow.FORCE_DELETION, "spec.secret.recoveryWindowDays"), "spec.secret.recoveryWindowDays: ", id="word"
        ),
    ],
)
def test_a_refusal_names_the_field_and_the_very_rule_that_would_allow_it(check: Check, starts: str) -> None:
    message = refusal(check, permit())
    assert message.startswith(starts)
    rule = message.split("ask for the tenancy rule ")[1]
    assert allowed(check, permit(f"- {rule}"))
    assert not allowed(check, permit(f"- {rule}", namespace="team-b"))


def test_a_value_with_a_star_is_never_offered_as_a_rule() -> None:
    assert "no rule can name it alone" in refusal(asking(Permit.check_kms_key, "*"), permit())


@pytest.mark.parametrize(
    ("text", "tenancy"),
    [
        pytest.param("", Tenancy(), id="an empty file is Namespaced"),
        pytest.param("mode: Open", Tenancy(Mode.OPEN), id="a mode alone"),
        pytest.param("{mode: Namespaced, rules: }", Tenancy(), id="rules left empty"),
        pytest.param("[]", Tenancy(), id="a bare list is Namespaced"),
    ],
)
def test_a_file_without_rules(text: str, tenancy: Tenancy) -> None:
    assert parse(yaml.safe_load(text)) == tenancy


def test_every_key_of_the_contract_is_known() -> None:
    rule = {"namespaces": ["a"], "allow": [word.value for word in Allow]} | {key: ["x"] for key in LISTS}
    [read] = parse({"mode": "Namespaced", "rules": [rule]}).rules
    assert read.globs == dict.fromkeys(LISTS, ("x",))
    assert read.allow == set(Allow)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("[{namespaces: [a], secret: [x]}]", r"rules\[0\]: unknown key 'secret'; known are namespaces, secrets", id="a typo"),
        pytest.param("{mode: Open, rule: []}", "the file: unknown key 'rule'; known are mode, rules", id="a typo at the top"),
        pytest.param("{mode: open}", "mode: 'open' is neither Namespaced nor Open", id="a mode in small letters"),
        pytest.param("{rules: {namespaces: [a]}}", "rules: write a list", id="one rule without its list"),
        pytest.param("[namespaces]", r"rules\[0\]: write {namespaces", id="a word for a rule"),
        pytest.param("true", "the file: write mode and rules", id="a word for a file"),
        pytest.param("[{secrets: [x]}]", r"rules\[0\]: says no namespaces", id="a rule for nobody or all"),
        pytest.param("[{namespaces: [a], users: app}]", r"rules\[0\]\.users: write a list", id="a text for a list"),
        pytest.param("[{namespaces: [a]}, {namespaces: [1]}]", r"rules\[1\]\.namespaces: 1 is no text", id="a number for a name"),
        pytest.param("[{namespaces: [a], users: ['']}]", r"rules\[0\]\.users: '' is no text", id="an empty glob"),
        pytest.param("[{namespaces: [a], allow: [deletion]}]", r"rules\[0\]\.allow: 'deletion' is none of Adoption", id="an unknown word"),
        pytest.param("[{namespaces: [a], secrets: ['{ns}/*']}]", r"rules\[0\]\.secrets: {ns} stands for nothing", id="a wrong placeholder"),
    ],
)
def test_a_file_that_says_nothing_sensible_is_refused_with_the_place(text: str, says: str) -> None:
    with pytest.raises(TenancyError, match=f"^{says}"):
        parse(yaml.safe_load(text))
