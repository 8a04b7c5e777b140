# What rotated-rds needs in AWS: a queue that hears of changed secrets, and a role for the operator with its least policy. One command:
#
#   terraform apply -var secret_prefix=prod/ -var cluster_name=prod -var eks_cluster_name=prod
#
# The same as ../cloudformation.yaml; use one of the two. See docs/aws.md.
terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.31"
    }
  }
}

data "aws_partition" "current" {}

data "aws_region" "current" {}

data "aws_caller_identity" "current" {}

locals {
  irsa  = var.oidc_issuer != ""
  rules = concat([aws_cloudwatch_event_rule.label_updated.arn], aws_cloudwatch_event_rule.trail[*].arn)
}

# One queue a cluster: two operators on one queue take each other's messages.
resource "aws_sqs_queue" "events" {
  name_prefix                = "rotated-rds-"
  sqs_managed_sse_enabled    = true
  message_retention_seconds  = 3600 # the sweep finds what is older
  visibility_timeout_seconds = 90
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letters.arn
    maxReceiveCount     = 10
  })
}

resource "aws_sqs_queue" "dead_letters" {
  name_prefix               = "rotated-rds-dead-"
  sqs_managed_sse_enabled   = true
  message_retention_seconds = 1209600
}

resource "aws_sqs_queue_policy" "events" {
  queue_url = aws_sqs_queue.events.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "Events"
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = aws_sqs_queue.events.arn
      Condition = {
        ArnEquals    = { "aws:SourceArn" = local.rules }
        StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id }
      }
    }]
  })
}

# Secrets Manager's own event: every new AWSCURRENT, whoever made it. No trail is needed.
resource "aws_cloudwatch_event_rule" "label_updated" {
  name_prefix = "rotated-rds-"
  description = "New AWSCURRENT of this cluster's secrets, for rotated-rds"
  event_pattern = jsonencode({
    source        = ["aws.secretsmanager"]
    "detail-type" = ["Secret Label Updated"]
    detail = {
      labelUpdated = ["AWSCURRENT"]
      name         = [{ prefix = var.secret_prefix }]
    }
  })
}

resource "aws_cloudwatch_event_target" "label_updated" {
  rule = aws_cloudwatch_event_rule.label_updated.name
  arn  = aws_sqs_queue.events.arn
}

# CloudTrail tells a call's secret by name or by ARN, so this one cannot be narrowed to the prefix: the operator drops what is not its own.
resource "aws_cloudwatch_event_rule" "trail" {
  count       = var.cloudtrail_events ? 1 : 0
  name_prefix = "rotated-rds-trail-"
  description = "Changes of secrets as CloudTrail tells them, for rotated-rds"
  event_pattern = jsonencode({
    source        = ["aws.secretsmanager"]
    "detail-type" = ["AWS API Call via CloudTrail", "AWS Service Event via CloudTrail"]
    detail = {
      eventSource = ["secretsmanager.amazonaws.com"]
      eventName = [
        "PutSecretValue", "UpdateSecret", "UpdateSecretVersionStage", "RotationSucceeded", "RotationFailed", "DeleteSecret", "RestoreSecret",
      ]
    }
  })
}

resource "aws_cloudwatch_event_target" "trail" {
  count = var.cloudtrail_events ? 1 : 0
  rule  = aws_cloudwatch_event_rule.trail[0].name
  arn   = aws_sqs_queue.events.arn
}

resource "aws_iam_role" "operator" {
  name_prefix        = "rotated-rds-"
  description        = "The rotated-rds operator"
  assume_role_policy = local.irsa ? local.trust_irsa : local.trust_pod_identity
}

locals {
  trust_irsa = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid    = "Irsa"
      Effect = "Allow"
      Principal = {
        Federated = "arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:oidc-provider/${var.oidc_issuer}"
      }
      Action = "sts:AssumeRoleWithWebIdentity"
      Condition = {
        StringEquals = {
          "${var.oidc_issuer}:sub" = "system:serviceaccount:${var.namespace}:${var.service_account}"
          "${var.oidc_issuer}:aud" = "sts.amazonaws.com"
        }
      }
    }]
  })
  trust_pod_identity = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "PodIdentity"
      Effect    = "Allow"
      Principal = { Service = "pods.eks.amazonaws.com" }
      Action    = ["sts:AssumeRole", "sts:TagSession"]
      Condition = {
        StringEquals = {
          "aws:RequestTag/kubernetes-namespace"       = var.namespace
          "aws:RequestTag/kubernetes-service-account" = var.service_account
        }
      }
    }]
  })
}

resource "aws_eks_pod_identity_association" "operator" {
  count           = var.eks_cluster_name != "" && !local.irsa ? 1 : 0
  cluster_name    = var.eks_cluster_name
  namespace       = var.namespace
  service_account = var.service_account
  role_arn        = aws_iam_role.operator.arn
}
