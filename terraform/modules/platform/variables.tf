variable "environment" {
  description = "Which environment this is: dev, staging or production."
  type        = string

  validation {
    condition     = contains(["dev", "staging", "production"], var.environment)
    error_message = "The environment is dev, staging or production."
  }
}

variable "domain" {
  description = "The name that users reach Easel by; the admin is `admin.` before it."
  type        = string
}

variable "zone_id" {
  description = "Id of the hosted zone of the domain."
  type        = string
}

variable "network" {
  description = "The IPv4 ranges of the network: all of it, and its subnets by zone."
  type = object({
    cidr            = string
    zones           = list(string)
    public_subnets  = list(string)
    private_subnets = list(string)
    data_subnets    = list(string)
  })
  default = {
    cidr            = "10.0.0.0/16"
    zones           = ["ap-northeast-2a", "ap-northeast-2c"]
    public_subnets  = ["10.0.1.0/24", "10.0.2.0/24"]
    private_subnets = ["10.0.11.0/24", "10.0.12.0/24"]
    data_subnets    = ["10.0.21.0/24", "10.0.22.0/24"]
  }
}

variable "web" {
  description = "Tasks of the web service: how many at least and at most."
  type = object({
    tasks     = number
    max_tasks = number
  })
}

variable "gpu_tiers" {
  description = "The GPU tiers that have instances: how many at least and at most, how many of them are not Spot, and the share of the others that is not either (per cent)."
  type = map(object({
    min                  = number
    max                  = number
    on_demand_base       = number
    on_demand_percentage = number
  }))

  validation {
    condition     = length(setsubtract(keys(var.gpu_tiers), ["basic", "high_performance", "dedicated"])) == 0
    error_message = "The tiers are basic, high_performance and dedicated."
  }
}

variable "night" {
  description = "When (cron, Korean time) the last instances of a tier may go, too, and when the least number is there again."
  type = object({
    begins = string
    ends   = string
  })
  default = {
    begins = "0 1 * * *"
    ends   = "0 8 * * *"
  }
}

variable "database" {
  description = "Aurora: capacity of each instance (ACU), readers at least and at most, days and hour (Korean time) of backups, and whether Performance Insights is on."
  type = object({
    min_acu              = number
    max_acu              = number
    readers              = number
    max_readers          = number
    backup_days          = number
    backup_window        = string
    performance_insights = bool
  })
}

variable "deletion_protection" {
  description = "Whether AWS refuses to delete the database and the load balancer."
  type        = bool
}

variable "repository" {
  description = "The repository on GitHub that deploys, as in the `sub` of its tokens: OWNER@ID/NAME@ID, or OWNER/NAME for older ones."
  type        = string
}

variable "cdn_public_key" {
  description = "Public half (PEM) of the key that addresses of pictures are signed with."
  type        = string
}

variable "previous_cdn_public_key" {
  description = "While that key is being changed, the former one."
  type        = string
  default     = null
}

variable "previous_origin_header" {
  description = "While the origin header is being changed, the former one."
  type        = string
  default     = null
  sensitive   = true
}

variable "optional_secrets" {
  description = "Those of email-password, hub-token, openai-api-key, provider-keys-secret, provider-keys-secret-fallbacks, secret-key-fallbacks, sentry-dsn, stability-api-key, stripe-secret-key and stripe-webhook-secret that have been filled: a task does not start while one that it is given is empty."
  type        = set(string)

  validation {
    condition     = contains(var.optional_secrets, "stripe-secret-key") == contains(var.optional_secrets, "stripe-webhook-secret")
    error_message = "Payments need both secrets of Stripe: the admin service refuses to start with one."
  }
}

variable "secret_generation" {
  description = "Raise a number, 1 by default, to have that secret made anew (docs/infrastructure.md has the names and the order of things)."
  type        = map(number)
  default     = {}
}

variable "spare_logins" {
  description = "Those of web, ops and worker that have a second database login (docs/infrastructure.md)."
  type        = set(string)
  default     = []
}

variable "spare_logins_used" {
  description = "Those of them whose processes sign in by the second."
  type        = set(string)
  default     = []

  validation {
    condition     = length(setsubtract(var.spare_logins_used, var.spare_logins)) == 0
    error_message = "A second login that is used has to be among spare_logins."
  }
}

variable "mail" {
  description = "The SES identity (ARN) that mails are sent by, their sender, and the user name of its SMTP interface. Without one the provider's own mails are limited and Easel sends none."
  type = object({
    identity_arn = string
    from         = string
    smtp_user    = string
  })
  default = null
}

variable "security_contact" {
  description = "Where findings about safety are to be told, mailto: or https:."
  type        = string
}

variable "otlp_endpoint" {
  description = "Collector of traces (OTLP over HTTP); null exports none."
  type        = string
  default     = null
}

variable "pagerduty_endpoint" {
  description = "Integration address of PagerDuty, for critical alarms; empty for none."
  type        = string
  sensitive   = true
}

variable "slack_workspace_id" {
  description = "Slack workspace for high and medium alarms; empty for none."
  type        = string
}

variable "slack_channel_id" {
  description = "Slack channel for high and medium alarms; empty for none."
  type        = string
}

variable "rate_limit" {
  description = "Requests that one address may make in five minutes."
  type        = number
  default     = 3000
}

variable "log_retention_days" {
  description = "Days that logs are kept."
  type        = number
  default     = 365
}
