variable "environment" {
  description = "Which environment this is: names are easel/ENVIRONMENT/NAME."
  type        = string
}

variable "kms_key_arn" {
  description = "ARN of the key that secrets are encrypted with."
  type        = string
}

variable "generation" {
  description = "Raise a number, 1 by default, to have that secret made anew: `login/web` and so on, `metrics-token`, `origin-header`, `redis-token`, `secret-key`, `worker-key`."
  type        = map(number)
}

variable "spare_logins" {
  description = "Those of web, ops and worker that have a second login, easel_web_b and so on, by which a password is changed without a gap."
  type        = set(string)
}

variable "recovery_days" {
  description = "Days in which a deleted secret can be brought back."
  type        = number
  default     = 30
}
