variable "environment" {
  description = "Which environment this is: names are easel/ENVIRONMENT/NAME."
  type        = string
}

variable "kms_key_arn" {
  description = "ARN of the key that secrets are encrypted with."
  type        = string
}

variable "generation" {
  description = "Raise a number to have that secret made anew: `logins`, `metrics-token`, `origin-header`, `redis-token`, `secret-key`, `worker-key`."
  type        = map(number)
}

variable "recovery_days" {
  description = "Days in which a deleted secret can be brought back."
  type        = number
  default     = 30
}
