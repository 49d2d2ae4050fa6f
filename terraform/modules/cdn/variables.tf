variable "name" {
  description = "What the names of all resources begin with: easel-ENVIRONMENT."
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

variable "certificate_arn" {
  description = "ARN of a certificate of the domain in us-east-1."
  type        = string
}

variable "web_acl_arn" {
  description = "ARN of the web ACL of scope CLOUDFRONT."
  type        = string
}

variable "origin_domain" {
  description = "The name of the load balancer, which its certificate has."
  type        = string
}

variable "origin_header" {
  description = "What is shown to the load balancer in `X-Easel-Origin`."
  type        = string
  sensitive   = true
}

variable "images_bucket" {
  description = "The bucket of the pictures."
  type = object({
    id          = string
    arn         = string
    domain_name = string
  })
}

variable "static_bucket" {
  description = "The bucket of the static files, whose keys begin with `static/`."
  type = object({
    id          = string
    arn         = string
    domain_name = string
  })
}

variable "public_key_pem" {
  description = "Public half (PEM, RSA of 2048 bits) of the key that the application signs addresses of pictures with."
  type        = string
}

variable "previous_public_key_pem" {
  description = "While the key is being changed, the former one: what it signed stays good until it expires."
  type        = string
  default     = null
}

variable "logs_bucket" {
  description = "Name of the bucket of the access logs."
  type        = string
}
