variable "name" {
  description = "What the names of all resources begin with: easel-ENVIRONMENT."
  type        = string
}

variable "vpc_id" {
  description = "Id of the VPC that the targets are in."
  type        = string
}

variable "subnet_ids" {
  description = "Ids of the public subnets."
  type        = list(string)
}

variable "security_group_id" {
  description = "Id of the load balancer's security group."
  type        = string
}

variable "certificate_arn" {
  description = "ARN of a certificate of the domain, `admin.` and `origin.` before it, in this region."
  type        = string
}

variable "domain" {
  description = "The name that users reach Easel by."
  type        = string
}

variable "zone_id" {
  description = "Id of the hosted zone of the domain."
  type        = string
}

variable "origin_header" {
  description = "What CloudFront shows in `X-Easel-Origin`: who does not, is not let through to the pages."
  type        = string
  sensitive   = true

  validation {
    condition     = length(var.origin_header) >= 32 && length(var.origin_header) <= 128 && !can(regex("[*?]", var.origin_header))
    error_message = "Take 32 to 128 characters without * and ?, which the load balancer reads as wildcards."
  }
}

variable "previous_origin_header" {
  description = "While the header is being changed, the former one: CloudFront needs minutes to send the new one everywhere."
  type        = string
  default     = null
  sensitive   = true
}

variable "web_acl_arn" {
  description = "ARN of the regional web ACL."
  type        = string
}

variable "logs_bucket" {
  description = "Name of the bucket of the access logs."
  type        = string
}

variable "deletion_protection" {
  description = "Whether AWS refuses to delete the load balancer."
  type        = bool
}
