# What the operator may do: written from the operator's own table of rights (docs/aws.md says what each is for).
locals {
  rights = [
    # The table of rights begins (python -m tests.contract.aws_setup --write).
    {
      when = true
      statement = {
        Sid      = "List"
        Effect   = "Allow"
        Action   = ["secretsmanager:ListSecrets"]
        Resource = "*"
      }
    },
    {
      when = true
      statement = {
        Sid      = "Read"
        Effect   = "Allow"
        Action   = ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue", "secretsmanager:ListSecretVersionIds"]
        Resource = "arn:${data.aws_partition.current.partition}:secretsmanager:${data.aws_region.current.id}:${data.aws_caller_identity.current.account_id}:secret:${var.secret_prefix}*"
      }
    },
    {
      when = var.admin_secret_arn != ""
      statement = {
        Sid      = "ReadAdmins"
        Effect   = "Allow"
        Action   = ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"]
        Resource = var.admin_secret_arn
      }
    },
    {
      when = true
      statement = {
        Sid      = "Create"
        Effect   = "Allow"
        Action   = ["secretsmanager:CreateSecret"]
        Resource = "arn:${data.aws_partition.current.partition}:secretsmanager:${data.aws_region.current.id}:${data.aws_caller_identity.current.account_id}:secret:${var.secret_prefix}*"
        Condition = {
          StringLike = {
            "aws:RequestTag/rotated-rds.io/owner" = "${var.cluster_name}/*"
          }
        }
      }
    },
    {
      when = true
      statement = {
        Sid      = "Claim"
        Effect   = "Allow"
        Action   = ["secretsmanager:TagResource"]
        Resource = "arn:${data.aws_partition.current.partition}:secretsmanager:${data.aws_region.current.id}:${data.aws_caller_identity.current.account_id}:secret:${var.secret_prefix}*"
        Condition = {
          StringLike = {
            "aws:RequestTag/rotated-rds.io/owner" = "${var.cluster_name}/*"
          }
          Null = {
            "aws:ResourceTag/rotated-rds.io/owner" = "true"
          }
        }
      }
    },
    {
      when = true
      statement = {
        Sid      = "Adopt"
        Effect   = "Allow"
        Action   = ["secretsmanager:TagResource"]
        Resource = "arn:${data.aws_partition.current.partition}:secretsmanager:${data.aws_region.current.id}:${data.aws_caller_identity.current.account_id}:secret:${var.secret_prefix}*"
        Condition = {
          StringLike = {
            "aws:RequestTag/rotated-rds.io/owner"  = "${var.cluster_name}/*"
            "aws:ResourceTag/rotated-rds.io/adopt" = "${var.cluster_name}/*"
          }
        }
      }
    },
    {
      when = true
      statement = {
        Sid      = "Change"
        Effect   = "Allow"
        Action   = ["secretsmanager:TagResource", "secretsmanager:UntagResource", "secretsmanager:UpdateSecret", "secretsmanager:RestoreSecret", "secretsmanager:PutSecretValue", "secretsmanager:UpdateSecretVersionStage", "secretsmanager:CancelRotateSecret"]
        Resource = "arn:${data.aws_partition.current.partition}:secretsmanager:${data.aws_region.current.id}:${data.aws_caller_identity.current.account_id}:secret:${var.secret_prefix}*"
        Condition = {
          StringLike = {
            "aws:ResourceTag/rotated-rds.io/owner" = "${var.cluster_name}/*"
          }
        }
      }
    },
    {
      when = var.function_arn != ""
      statement = {
        Sid      = "Rotate"
        Effect   = "Allow"
        Action   = ["secretsmanager:RotateSecret"]
        Resource = "arn:${data.aws_partition.current.partition}:secretsmanager:${data.aws_region.current.id}:${data.aws_caller_identity.current.account_id}:secret:${var.secret_prefix}*"
        Condition = {
          StringLike = {
            "aws:ResourceTag/rotated-rds.io/owner" = "${var.cluster_name}/*"
          }
          ArnLike = {
            "secretsmanager:RotationLambdaARN" = var.function_arn
          }
        }
      }
    },
    {
      when = var.function_arn != ""
      statement = {
        Sid      = "Invoke"
        Effect   = "Allow"
        Action   = ["lambda:InvokeFunction"]
        Resource = var.function_arn
      }
    },
    {
      when = var.function_arn != ""
      statement = {
        Sid      = "Preflight"
        Effect   = "Allow"
        Action   = ["lambda:GetFunctionConfiguration", "lambda:GetPolicy"]
        Resource = var.function_arn
      }
    },
    {
      when = true
      statement = {
        Sid      = "Instances"
        Effect   = "Allow"
        Action   = ["rds:DescribeDBInstances"]
        Resource = "arn:${data.aws_partition.current.partition}:rds:${data.aws_region.current.id}:${data.aws_caller_identity.current.account_id}:db:*"
      }
    },
    {
      when = true
      statement = {
        Sid      = "Clusters"
        Effect   = "Allow"
        Action   = ["rds:DescribeDBClusters"]
        Resource = "arn:${data.aws_partition.current.partition}:rds:${data.aws_region.current.id}:${data.aws_caller_identity.current.account_id}:cluster:*"
      }
    },
    {
      when = var.kms_key_arn != ""
      statement = {
        Sid      = "Keys"
        Effect   = "Allow"
        Action   = ["kms:Decrypt", "kms:GenerateDataKey", "kms:Encrypt"]
        Resource = var.kms_key_arn
        Condition = {
          StringLike = {
            "kms:ViaService" = "secretsmanager.${data.aws_region.current.id}.${data.aws_partition.current.dns_suffix}"
          }
        }
      }
    },
    {
      when = true
      statement = {
        Sid      = "Queue"
        Effect   = "Allow"
        Action   = ["sqs:ReceiveMessage", "sqs:DeleteMessage"]
        Resource = aws_sqs_queue.events.arn
      }
    },
    {
      when = var.assume_role_arn != ""
      statement = {
        Sid      = "Assume"
        Effect   = "Allow"
        Action   = ["sts:AssumeRole", "sts:TagSession"]
        Resource = var.assume_role_arn
      }
    },
    # The table of rights ends.
  ]
}

resource "aws_iam_role_policy" "operator" {
  name = "rotated-rds"
  role = aws_iam_role.operator.id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [for one in local.rights : one.statement if one.when]
  })
}
