variable "name" {
  description = "What the names of all resources begin with: easel-ENVIRONMENT."
  type        = string
}

variable "subnet_ids" {
  description = "Ids of the data subnets."
  type        = list(string)
}

variable "security_group_id" {
  description = "Id of the security group of Aurora and its proxy."
  type        = string
}

variable "kms_key_arn" {
  description = "ARN of the key that data, backups and secrets are encrypted with."
  type        = string
}

variable "logs_key_arn" {
  description = "ARN of the key of logs."
  type        = string
}

variable "min_acu" {
  description = "Aurora capacity units that each instance has at least."
  type        = number
}

variable "max_acu" {
  description = "Aurora capacity units that each instance has at most."
  type        = number
}

variable "readers" {
  description = "How many readers there are at least."
  type        = number
}

variable "max_readers" {
  description = "How many readers there are at most: above `readers` they come and go with the load."
  type        = number
}

variable "backup_days" {
  description = "Days back to which the database can be restored, to the second."
  type        = number
}

variable "backup_window" {
  description = "Hour of the daily backup in Korean time, HH:MM-HH:MM."
  type        = string
}

variable "deletion_protection" {
  description = "Whether AWS refuses to delete the cluster, and whether a last snapshot is taken of one that is deleted."
  type        = bool
}

variable "performance_insights" {
  description = "Whether Performance Insights is on."
  type        = bool
}

variable "login_secret_arns" {
  description = "ARN of the secret with user name and password of each login: `web`, `ops`, `worker`, `owner`, and `web-b` and so on of the spare ones."
  type        = map(string)
}

variable "spare_logins_used" {
  description = "Those of web, ops and worker whose URLs name their second login."
  type        = set(string)
}

variable "url_secret_arns" {
  description = "ARN of the secret of each database URL, by the name of the secret: `database/web-url` and so on."
  type        = map(string)
}

variable "url_version" {
  description = "Raised to have the URLs written anew, after a login's password or an endpoint changed."
  type        = number
}

variable "log_retention_days" {
  description = "Days that the log of the database is kept."
  type        = number
}
