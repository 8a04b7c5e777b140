variable "secret_prefix" {
  description = "Begins the name of each AWS secret of this cluster, such as prod/. The same as the operator's --secret-prefix."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9/_+=.@-]{1,200}$", var.secret_prefix))
    error_message = "Write what a secret's name may hold: letters, digits and /_+=.@-"
  }
}

variable "cluster_name" {
  description = "First part of the owner tag. The same as the operator's --cluster-name. An asterisk stands for any cluster."
  type        = string
  default     = "*"

  validation {
    condition     = can(regex("^(\\*|[A-Za-z0-9._-]{1,63})$", var.cluster_name))
    error_message = "Write letters, digits and . _ -, at most 63, or an asterisk."
  }
}

variable "namespace" {
  description = "Kubernetes namespace of the operator."
  type        = string
  default     = "rotated-rds"
}

variable "service_account" {
  description = "The operator's ServiceAccount."
  type        = string
  default     = "rotated-rds"
}

variable "eks_cluster_name" {
  description = "With EKS Pod Identity, the EKS cluster whose ServiceAccount gets the role. Empty, no association is made."
  type        = string
  default     = ""
}

variable "oidc_issuer" {
  description = "With IRSA, the cluster's OIDC issuer without https://. Empty, the role is for EKS Pod Identity."
  type        = string
  default     = ""
}

variable "function_arn" {
  description = "With method Lambda, the rotation function's ARN, or a pattern of ARNs. Empty, no function may be used."
  type        = string
  default     = ""
}

variable "kms_key_arn" {
  description = "The key of your own that secrets are encrypted with. Empty, AWS's own key is used."
  type        = string
  default     = ""
}

variable "admin_secret_arn" {
  description = "Administrators' secrets outside the prefix, an ARN or a pattern of ARNs. Empty, there are none."
  type        = string
  default     = ""
}

variable "assume_role_arn" {
  description = "Roles that resources name in spec.aws.roleArn, an ARN or a pattern of ARNs. Empty, none may be assumed."
  type        = string
  default     = ""
}

variable "cloudtrail_events" {
  description = "Listen to CloudTrail's events too, for a Region without Secrets Manager's own. It needs a trail."
  type        = bool
  default     = false
}
