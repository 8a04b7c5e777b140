output "queue_url" {
  description = "For --queue-url, Helm value aws.events.queueUrl."
  value       = aws_sqs_queue.events.id
}

output "dead_letters_url" {
  description = "Messages that nobody could deal with; it should stay empty."
  value       = aws_sqs_queue.dead_letters.id
}

output "role_arn" {
  description = "With IRSA, for the ServiceAccount's annotation eks.amazonaws.com/role-arn."
  value       = aws_iam_role.operator.arn
}
