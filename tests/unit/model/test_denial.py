"""What AWS denies, told with the action, the resource and the mend."""

import pytest

from rotated_rds.model.denial import Caller, explain

ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:shop/db-AbCdEf"
QUEUE = "arn:aws:sqs:eu-west-1:123456789012:q"
WHO = "User: arn:aws:sts::123456789012:assumed-role/rotated-rds/botocore-session-1"


def because(action: str, resource: str, why: str = "") -> str:
    return f"{WHO} is not authorized to perform: {action} on resource: {resource} {why}".strip()


PRINT = "allow it in the operator's IAM policy; `rotated-rds policy` prints all that the operator needs"
CASES = {
    because("secretsmanager:PutSecretValue", ARN, "because no identity-based policy allows the secretsmanager:PutSecretValue action"): (
        f"AWS denies secretsmanager:PutSecretValue on {ARN} (AccessDeniedException): {PRINT}"
    ),
    f"{WHO} is not authorized to perform: secretsmanager:ListSecrets because no identity-based policy allows it": (
        f"AWS denies secretsmanager:ListSecrets (AccessDeniedException): {PRINT}"
    ),
    because("sqs:receivemessage", QUEUE, "because no identity-based policy allows the sqs:receivemessage action"): (
        f"AWS denies sqs:ReceiveMessage on {QUEUE} (AccessDeniedException): {PRINT}"
    ),
    because("secretsmanager:CreateSecret", ARN, "because no permissions boundary allows the secretsmanager:CreateSecret action"): (
        f"AWS denies secretsmanager:CreateSecret on {ARN} (AccessDeniedException): no permissions boundary allows it; allow it there"
    ),
    because("secretsmanager:RotateSecret", ARN, "with an explicit deny in a service control policy"): (
        f"AWS denies secretsmanager:RotateSecret on {ARN} (AccessDeniedException): "
        "a Deny in a service control policy forbids it; narrow that"
    ),
    because("sts:AssumeRole", "arn:aws:iam::1:role/db"): (
        "AWS denies sts:AssumeRole on arn:aws:iam::1:role/db (AccessDeniedException): "
        "allow it in the operator's IAM policy and in that role's trust policy (spec.aws.roleArn, .externalId)"
    ),
    "Not authorized to perform sts:AssumeRoleWithWebIdentity": (
        "AWS denies sts:AssumeRoleWithWebIdentity (AccessDeniedException): "
        "name its ServiceAccount in the operator's role's trust policy (`rotated-rds policy --trust irsa`)"
    ),
    "Access to KMS is not allowed": (
        "AWS denies get_secret_value the secret's KMS key (AccessDeniedException): "
        "allow kms:Decrypt, and to write kms:GenerateDataKey, in the operator's IAM policy and in the key's own; "
        "`rotated-rds policy` prints all that the operator needs (--kms-key)"
    ),
    "No.": f"AWS denies get_secret_value (AccessDeniedException): {PRINT}",
}


@pytest.mark.parametrize(("message", "said"), CASES.items())
def test_a_denial_names_what_is_missing_and_the_mend(message: str, said: str) -> None:
    assert explain("get_secret_value", "AccessDeniedException", message) == said


@pytest.mark.parametrize("code", ["ExpiredToken", "InvalidClientTokenId", "SignatureDoesNotMatch", "UnrecognizedClientException"])
def test_credentials_that_aws_does_not_know_are_no_matter_of_a_policy(code: str) -> None:
    said = explain("describe_secret", code, "The security token included in the request is invalid")
    assert "IAM policy" not in said
    assert f"credentials at describe_secret ({code})" in said


def test_who_was_denied_is_not_passed_on() -> None:
    assert "assumed-role" not in explain("x", "AccessDenied", because("sts:TagSession", "arn:aws:iam::1:role/db"))


def test_our_function_is_told_of_its_own_role() -> None:
    said = explain("put_secret_value", "AccessDenied", because("secretsmanager:PutSecretValue", ARN), Caller.FUNCTION)
    assert said.endswith("allow it in the function's IAM policy; `rotated-rds policy --method Function` prints all that it needs")
    assert explain("x", "ExpiredToken", "", Caller.FUNCTION).startswith(
        "AWS does not accept the function's credentials at x (ExpiredToken): look at its role"
    )
