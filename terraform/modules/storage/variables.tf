variable "name" {
  description = "What the names of all resources begin with: easel-ENVIRONMENT."
  type        = string
}

variable "kms_key_arn" {
  description = "ARN of the key that pictures and models are encrypted with."
  type        = string
}
