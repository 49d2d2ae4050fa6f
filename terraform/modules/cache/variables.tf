variable "name" {
  description = "What the names of all resources begin with: easel-ENVIRONMENT."
  type        = string
}

variable "subnet_ids" {
  description = "Ids of the data subnets."
  type        = list(string)
}

variable "security_group_id" {
  description = "Id of the security group of Redis."
  type        = string
}

variable "kms_key_arn" {
  description = "ARN of the key that the data is encrypted with."
  type        = string
}

variable "logs_key_arn" {
  description = "ARN of the key of logs."
  type        = string
}

variable "node_type" {
  description = "Kind of the nodes."
  type        = string
  default     = "cache.r6g.large"
}

variable "nodes" {
  description = "How many nodes there are: the primary and its replicas, in different zones."
  type        = number
  default     = 2
}

variable "token_secret_arn" {
  description = "ARN of the secret with the token that clients show."
  type        = string
}

variable "token_version" {
  description = "Raised with the token: Redis then takes the old and the new one."
  type        = number
}

variable "url_secret_arn" {
  description = "ARN of the secret that EASEL_REDIS_URL is written to."
  type        = string
}

variable "log_retention_days" {
  description = "Days that the log of slow commands is kept."
  type        = number
}
