variable "zone_id" {
  description = "Id of the hosted zone of the domain."
  type        = string
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
  description = "The optional secrets that have been filled, by name: a task does not start while one that it is given is empty."
  type        = set(string)
  default     = []
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
}

variable "mail" {
  description = "The SES identity (ARN) that mails are sent by, their sender, and the user name of its SMTP interface."
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
  default     = ""
  sensitive   = true
}

variable "slack_workspace_id" {
  description = "Slack workspace for high and medium alarms; empty for none."
  type        = string
  default     = ""
}

variable "slack_channel_id" {
  description = "Slack channel for high and medium alarms; empty for none."
  type        = string
  default     = ""
}
