variable "name" {
  description = "Prefix of the names of resources, easel-<environment>."
  type        = string
}

variable "environment" {
  description = "The environment: dev, staging or production."
  type        = string
}

variable "alb_arn_suffix" {
  description = "The load balancer, as its metrics name it."
  type        = string
}

variable "web_target_group_arn_suffixes" {
  description = "The target groups of web by colour, as their metrics name them."
  type        = map(string)
}

variable "cluster_id" {
  description = "The identifier of the Aurora cluster."
  type        = string
}

variable "max_acu" {
  description = "The largest capacity of the Aurora cluster, in ACU."
  type        = number
}

variable "cache_member_ids" {
  description = "The cache clusters of the replication group. Their number must be known at plan time."
  type        = list(string)
}

variable "queue_names" {
  description = "The queue of each GPU tier."
  type        = map(string)
}

variable "dead_letter_names" {
  description = "The dead-letter queue of each GPU tier."
  type        = map(string)
}

variable "images_bucket" {
  description = "The name of the bucket of pictures."
  type        = string
}

variable "ecs_cluster" {
  description = "The name of the ECS cluster."
  type        = string
}

variable "ecs_services" {
  description = "The names of the ECS services, by role."
  type        = map(string)
}

variable "gpu_groups" {
  description = "The auto-scaling group of each GPU tier that this environment has. Alarms of other tiers are left out."
  type        = map(string)
}

variable "pagerduty_endpoint" {
  description = "The HTTPS integration address of PagerDuty for critical alarms. Empty for none."
  type        = string
  sensitive   = true
  default     = ""
}

variable "slack_workspace_id" {
  description = "The Slack workspace for high and medium alarms, authorised once in the console of AWS Chatbot. Empty for none."
  type        = string
  default     = ""
}

variable "slack_channel_id" {
  description = "The Slack channel for high and medium alarms."
  type        = string
  default     = ""
}

variable "logs_key_arn" {
  description = "The KMS key that log groups are encrypted with."
  type        = string
}

variable "retention_days" {
  description = "How long lines of the log are kept, in days."
  type        = number
  default     = 365
}
