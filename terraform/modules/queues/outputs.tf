output "queues" {
  description = "By tier: `name`, `url`, `arn`, and `dead_letter_name`, `dead_letter_arn` of the queue that takes what was received too often."
  value = {
    for tier, queue in aws_sqs_queue.tier : tier => {
      name             = queue.name
      url              = queue.url
      arn              = queue.arn
      dead_letter_name = aws_sqs_queue.dead_letter[tier].name
      dead_letter_arn  = aws_sqs_queue.dead_letter[tier].arn
    }
  }
}

output "url_prefix" {
  description = "What the URLs of all queues begin with, for EASEL_SQS_QUEUE_URL_PREFIX."
  value       = "https://sqs.${data.aws_region.current.region}.amazonaws.com/${data.aws_caller_identity.current.account_id}/"
}
