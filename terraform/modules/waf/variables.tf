variable "name" {
  description = "What the names of all resources begin with: easel-ENVIRONMENT."
  type        = string
}

variable "scope" {
  description = "REGIONAL for a load balancer; CLOUDFRONT, with a provider of us-east-1, for a distribution."
  type        = string

  validation {
    condition     = contains(["REGIONAL", "CLOUDFRONT"], var.scope)
    error_message = "The scope is REGIONAL or CLOUDFRONT."
  }
}

variable "rate_limit" {
  description = "Requests that one address may make in five minutes, pictures and static files not counted."
  type        = number
}

variable "log_retention_days" {
  description = "Days that the log of refused requests is kept."
  type        = number
  default     = 90
}
