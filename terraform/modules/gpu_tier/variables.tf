variable "name" {
  description = "What the names of all resources begin with: easel-ENVIRONMENT."
  type        = string
}

variable "tier" {
  description = "The tier as the application names it: basic, high_performance or dedicated."
  type        = string
}

variable "label" {
  description = "What names of the tier's resources end in: basic, highperf or dedicated."
  type        = string
}

variable "instance_type" {
  description = "Kind of the instances."
  type        = string
}

variable "gpus" {
  description = "GPUs of an instance: each has a worker of its own."
  type        = number
}

variable "min" {
  description = "Instances there are at least."
  type        = number
}

variable "max" {
  description = "Instances there are at most."
  type        = number
}

variable "on_demand_base" {
  description = "Instances that are not Spot, before any that are."
  type        = number
}

variable "on_demand_percentage" {
  description = "Share of the instances beyond the base that are not Spot either, in per cent."
  type        = number
}

variable "rules" {
  description = "The scaling rules by messages that wait: above `more.above` add `more.add` with a cool-down of `more.seconds`, the same for `many`; below `less.below` for `less.seconds` remove `less.remove`."
  type = object({
    more = object({ above = number, add = number, seconds = number })
    many = object({ above = number, add = number, seconds = number })
    less = object({ below = number, remove = number, seconds = number })
  })
  default = {
    more = { above = 10, add = 1, seconds = 300 }
    many = { above = 50, add = 3, seconds = 180 }
    less = { below = 3, remove = 1, seconds = 600 }
  }
}

variable "night" {
  description = "When (cron, Korean time) the last instances may go, too, and when the least number is there again."
  type = object({
    begins = string
    ends   = string
  })
}

variable "start_seconds" {
  description = "Seconds from the order of an instance to its first job."
  type        = number
}

variable "grace_seconds" {
  description = "Seconds that a worker which is asked to end may go on with its job."
  type        = number
}

variable "subnet_ids" {
  description = "Ids of the private subnets."
  type        = list(string)
}

variable "security_group_id" {
  description = "Id of the security group of the instances."
  type        = string
}

variable "instance_profile_name" {
  description = "Name of the instance profile."
  type        = string
}

variable "image_parameter" {
  description = "Name of the parameter that names the image of the workers."
  type        = string
}

variable "queue_name" {
  description = "Name of the tier's queue."
  type        = string
}

variable "settings" {
  description = "Environment variables of the workers."
  type        = map(string)
}

variable "secrets" {
  description = "ARNs of the secrets that become environment variables, by the name of the variable."
  type        = map(string)
}

variable "log_group_name" {
  description = "Name of the workers' log group."
  type        = string
}

variable "file_system_id" {
  description = "Id of the file system of the model cache."
  type        = string
}

variable "access_point_id" {
  description = "Id of the workers' access point to it."
  type        = string
}

variable "user_id" {
  description = "User and group id in the container."
  type        = number
}

variable "disk_gib" {
  description = "Size of the root volume in GiB: system and image."
  type        = number
  default     = 100
}
