variable "name" {
  description = "What the names of all resources begin with: easel-ENVIRONMENT."
  type        = string
}

variable "subnet_ids" {
  description = "Ids of the data subnets, by zone: each gets a mount target."
  type        = list(string)
}

variable "security_group_id" {
  description = "Id of the security group of the mount targets."
  type        = string
}

variable "kms_key_arn" {
  description = "ARN of the key that the files are encrypted with."
  type        = string
}

variable "user_id" {
  description = "User and group id of the workers' container."
  type        = number
}
