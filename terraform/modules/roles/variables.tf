variable "name" {
  description = "What the names of all resources begin with: easel-ENVIRONMENT."
  type        = string
}

variable "environment" {
  description = "Which environment this is: GitHub's environment of that name may take the deploy role."
  type        = string
}

variable "data_key_arn" {
  description = "ARN of the key of files, secrets and images."
  type        = string
}

variable "files_bucket_arn" {
  description = "ARN of the bucket that the application keeps its files in: pictures, uploads, models."
  type        = string
}

variable "install_bucket_arn" {
  description = "ARN of the bucket that administrators put models in, to install them from."
  type        = string
}

variable "static_bucket_arn" {
  description = "ARN of the bucket of static files, which a release fills."
  type        = string
}

variable "queues" {
  description = "By tier: ARNs of its queue (`arn`) and of its dead letters (`dead_letter_arn`)."
  type = map(object({
    arn             = string
    dead_letter_arn = string
  }))
}

variable "repository_arns" {
  description = "ARNs of the repositories `easel-web` and `easel-worker`."
  type        = map(string)
}

variable "secret_arns" {
  description = "ARNs of the secrets that each of web, admin, scheduler, migrate and worker is given."
  type        = map(list(string))
}

variable "log_group_names" {
  description = "Name of the log group of each of web, admin, scheduler, migrate and worker."
  type        = map(string)
}

variable "file_system_arn" {
  description = "ARN of the file system of the model cache."
  type        = string
}

variable "access_point_arn" {
  description = "ARN of the workers' access point to it."
  type        = string
}

variable "tiers" {
  description = "The GPU tiers that have instances here, and what their names end in."
  type        = map(string)
}

variable "worker_image_parameter_arn" {
  description = "ARN of the parameter that names the image of the workers."
  type        = string
}

variable "repository" {
  description = "The repository on GitHub that deploys, as in the `sub` of its tokens: OWNER@ID/NAME@ID, or OWNER/NAME for older ones."
  type        = string

  validation {
    condition     = can(regex("^([[:alnum:]-]+@[0-9]+/[[:alnum:]._-]+@[0-9]+|[[:alnum:]-]+/[[:alnum:]._-]+)$", var.repository))
    error_message = "Name the repository as OWNER@ID/NAME@ID, or OWNER/NAME for one made before 2026-07-15."
  }
}

variable "rule_arn" {
  description = "ARN of the load balancer's rule whose weights a release shifts."
  type        = string
}

variable "distribution_arn" {
  description = "ARN of the CloudFront distribution."
  type        = string
}
