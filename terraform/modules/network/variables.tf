variable "name" {
  description = "What the names of all resources begin with: easel-ENVIRONMENT."
  type        = string
}

variable "environment" {
  description = "Which environment this is; the log group of the flow logs is named by it."
  type        = string
}

variable "cidr" {
  description = "IPv4 range of the whole network."
  type        = string
}

variable "zones" {
  description = "The two availability zones."
  type        = list(string)

  validation {
    condition     = length(var.zones) == 2 && length(distinct(var.zones)) == 2
    error_message = "Name two different availability zones: one is no redundancy."
  }
}

variable "public_subnets" {
  description = "IPv4 ranges of the public subnets, one for each zone in the order of `zones`."
  type        = list(string)

  validation {
    condition     = length(var.public_subnets) == length(var.zones)
    error_message = "Each zone needs one public range."
  }
}

variable "private_subnets" {
  description = "IPv4 ranges of the subnets of tasks and GPU instances, one for each zone."
  type        = list(string)

  validation {
    condition     = length(var.private_subnets) == length(var.zones)
    error_message = "Each zone needs one private range."
  }
}

variable "data_subnets" {
  description = "IPv4 ranges of the subnets of database, cache and file system, one for each zone."
  type        = list(string)

  validation {
    condition     = length(var.data_subnets) == length(var.zones)
    error_message = "Each zone needs one data range."
  }
}

variable "flow_log_retention_days" {
  description = "Days that flow logs are kept."
  type        = number
  default     = 90
}
