variable "kms_key_arn" {
  description = "ARN of the key that images are encrypted with."
  type        = string
}

variable "kept_images" {
  description = "How many images of each kind are kept, the newest first: so far back a release can be rolled back."
  type        = number
  default     = 30
}
