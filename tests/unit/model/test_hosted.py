"""AWS's own function in a stack of ours: what the template says, and the next step from what CloudFormation shows."""

import json
from dataclasses import replace
from typing import Any

import pytest

from rotated_rds.model.database import Engine
from rotated_rds.model.errors import Reason, Refused
from rotated_rds.model.hosted import (
    MAKER_TAG,
    ChangeSeen,
    StackSeen,
    Step,
    Wanted,
    elsewhere,
    function_arn,
    next_step,
    parameters,
    stack_name,
    template,
)
from rotated_rds.model.spec import HostedLambdaSpec, Strategy

OURS, ANOTHER = "prod/shop/orders", "prod/shop/reports"
SAID = {"endpoint": "https://secretsmanager.eu-west-1.amazonaws.com", "functionName": "rotate"}
WANTED = Wanted("rotated-rds-rotate", template("aws", Engine.POSTGRES, Strategy.SINGLE_USER, SAID), SAID, OURS)
MADE = StackSeen("CREATE_COMPLETE", SAID, WANTED.tags)


def step(seen: StackSeen | None, *, again: bool = False, makers: frozenset[str] = frozenset({OURS})) -> Step:
    return next_step(seen, WANTED, again=again, makers=makers)


def made(**changed: Any) -> StackSeen:
    return replace(MADE, **changed)


def change(status: str, execution: str = "") -> ChangeSeen:
    return ChangeSeen(status, execution)


@pytest.mark.parametrize(
    ("seen", "again", "expected"),
    [
        (None, False, Step.CREATE),
        (made(status="REVIEW_IN_PROGRESS"), False, Step.CREATE),
        (made(status="REVIEW_IN_PROGRESS", change=change("CREATE_IN_PROGRESS")), False, Step.WAIT),
        (made(status="REVIEW_IN_PROGRESS", change=change("CREATE_COMPLETE", "AVAILABLE")), False, Step.EXECUTE),
        (made(status="REVIEW_IN_PROGRESS", change=change("FAILED", "UNAVAILABLE")), False, Step.FAILED),
        (made(status="REVIEW_IN_PROGRESS", change=change("FAILED", "UNAVAILABLE")), True, Step.DROP_CHANGE),
        (made(status="CREATE_IN_PROGRESS"), False, Step.WAIT),
        (made(status="DELETE_IN_PROGRESS"), False, Step.WAIT),
        (made(), False, Step.READY),
        (made(status="UPDATE_COMPLETE"), False, Step.READY),
        (made(parameters={**SAID, "vpcSubnetIds": "subnet-1"}), False, Step.UPDATE),
        (made(tags={MAKER_TAG: OURS}), False, Step.UPDATE),
        (made(parameters={}, change=change("CREATE_COMPLETE", "AVAILABLE")), False, Step.EXECUTE),
        (made(parameters={}, change=change("CREATE_COMPLETE", "EXECUTE_IN_PROGRESS")), False, Step.WAIT),
        (made(parameters={}, change=change("CREATE_COMPLETE", "EXECUTE_COMPLETE")), False, Step.DROP_CHANGE),
        (made(status="ROLLBACK_COMPLETE"), False, Step.FAILED),
        (made(status="ROLLBACK_COMPLETE"), True, Step.REMOVE),
        (made(status="UPDATE_ROLLBACK_COMPLETE", parameters={}), False, Step.FAILED),
        (made(status="UPDATE_ROLLBACK_COMPLETE", parameters={}), True, Step.UPDATE),
        (made(status="UPDATE_ROLLBACK_FAILED", parameters={}), True, Step.FAILED),
        (made(tags={MAKER_TAG: ANOTHER}), False, Step.READY),
        (made(tags={MAKER_TAG: ANOTHER}, status="CREATE_IN_PROGRESS"), False, Step.WAIT),
        (made(tags={MAKER_TAG: ANOTHER}, parameters={}), True, Step.SHARED),
        (made(tags={}), True, Step.READY),
        (made(tags={}, parameters={}), False, Step.SHARED),
        (made(tags={MAKER_TAG: ANOTHER}, status="ROLLBACK_COMPLETE"), True, Step.SHARED),
    ],
)
def test_the_next_step(seen: StackSeen | None, expected: Step, *, again: bool) -> None:
    assert step(seen, again=again) is expected


def test_a_stack_whose_maker_is_gone_goes_over_to_who_uses_it() -> None:
    theirs = made(tags={**WANTED.tags, MAKER_TAG: ANOTHER})
    changed = made(tags=theirs.tags, parameters={})
    assert (step(theirs), step(changed)) == (Step.READY, Step.SHARED)
    both = frozenset({OURS, ANOTHER})
    assert (step(theirs, makers=both), step(changed, makers=both)) == (Step.READY, Step.UPDATE)


@pytest.mark.parametrize(
    ("engine", "strategy", "ending"),
    [
        (Engine.POSTGRES, Strategy.SINGLE_USER, "SecretsManagerRDSPostgreSQLRotationSingleUser"),
        (Engine.POSTGRES, Strategy.ALTERNATING_USERS, "SecretsManagerRDSPostgreSQLRotationMultiUser"),
        (Engine.MYSQL, Strategy.SINGLE_USER, "SecretsManagerRDSMySQLRotationSingleUser"),
        (Engine.MYSQL, Strategy.ALTERNATING_USERS, "SecretsManagerRDSMySQLRotationMultiUser"),
        (Engine.MARIADB, Strategy.SINGLE_USER, "SecretsManagerRDSMariaDBRotationSingleUser"),
        (Engine.MARIADB, Strategy.ALTERNATING_USERS, "SecretsManagerRDSMariaDBRotationMultiUser"),
    ],
)
@pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-us-gov"])
def test_engine_and_strategy_choose_the_application_and_its_version(
    engine: Engine, strategy: Strategy, ending: str, partition: str
) -> None:
    where = json.loads(template(partition, engine, strategy, SAID))["Resources"]["Function"]["Properties"]["Location"]
    assert where["ApplicationId"].startswith(f"arn:{partition}:serverlessrepo:")
    assert where["ApplicationId"].endswith(f":applications/{ending}")
    assert where["SemanticVersion"].startswith("1.1.")


def test_a_template_names_what_is_said_and_no_schedule() -> None:
    whole = json.loads(WANTED.template)
    assert set(whole["Parameters"]) == set(SAID)
    assert whole["Resources"].keys() == {"Function"}, "the operator has the schedule, not the stack"
    assert whole["Resources"]["Function"]["Properties"]["Parameters"] == {name: {"Ref": name} for name in SAID}


def test_where_aws_publishes_no_functions_the_mend_is_named() -> None:
    with pytest.raises(Refused, match="use method Operator") as no:
        template("aws-iso", Engine.MYSQL, Strategy.SINGLE_USER, SAID)
    assert no.value.reason is Reason.STACK_FAILED


def test_what_the_spec_says_becomes_parameters_and_what_it_does_not_say_is_aws_s_default() -> None:
    assert parameters(HostedLambdaSpec(function_name="rotate"), SAID["endpoint"], None, None) == SAID
    whole = HostedLambdaSpec(
        function_name="rotate",
        vpc_subnet_ids=("subnet-1", "subnet-2"),
        vpc_security_group_ids=("sg-1",),
        kms_key_arn="arn:key",
        exclude_characters="/@",
    )
    assert parameters(whole, SAID["endpoint"], "arn:admin", "arn:admin-key") == {
        **SAID,
        "vpcSubnetIds": "subnet-1,subnet-2",
        "vpcSecurityGroupIds": "sg-1",
        "excludeCharacters": "/@",
        "kmsKeyArn": "arn:key",
        "masterSecretArn": "arn:admin",
        "masterSecretKmsKeyArn": "arn:admin-key",
    }


def test_two_functions_never_have_one_stack() -> None:
    names = [stack_name(function) for function in ("rotate-a", "rotate_a", "rotate_-a", "rotate-_a")]
    assert len(set(names)) == 4
    assert all(name.replace("-", "").isalnum() and len(name) <= 128 for name in (*names, stack_name("x" * 64)))


def test_a_change_set_is_named_by_what_it_changes() -> None:
    assert WANTED.change_set == replace(WANTED, maker=ANOTHER).change_set
    assert WANTED.change_set != replace(WANTED, parameters={**SAID, "vpcSubnetIds": "subnet-1"}).change_set


def test_the_function_is_in_the_secret_s_account_and_region() -> None:
    secret = "arn:aws-cn:secretsmanager:cn-north-1:123456789012:secret:shop/db-AbCdEf"
    assert function_arn(secret, "rotate") == "arn:aws-cn:lambda:cn-north-1:123456789012:function:rotate"


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        ({}, {}, False),
        ({}, {"region": "eu-west-1"}, False),  # the operator's own Region may be that one
        ({"region": "eu-west-1"}, {"region": "eu-central-1"}, True),
        ({"roleArn": "arn:aws:iam::111111111111:role/a"}, {"roleArn": "arn:aws:iam::111111111111:role/b"}, False),
        ({"roleArn": "arn:aws:iam::111111111111:role/a"}, {"roleArn": "arn:aws:iam::222222222222:role/a"}, True),
        ({"roleArn": "arn:aws:iam::111111111111:role/a"}, {"roleArn": "nonsense"}, False),
    ],
)
def test_one_function_s_name_is_two_functions_only_where_account_or_region_surely_differ(
    ours: dict[str, str], theirs: dict[str, str], expected: bool
) -> None:
    assert elsewhere({"aws": ours}, {"aws": theirs}) is expected
