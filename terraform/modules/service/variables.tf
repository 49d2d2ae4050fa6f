variable "name" {
  description = "What the names of all resources begin with: easel-ENVIRONMENT."
  type        = string
}

variable "role" {
  description = "What the tasks do: web, admin, scheduler or migrate. The family of task definitions ends in it."
  type        = string
}

variable "services" {
  description = "The services that run such tasks, by what their names end in: how many tasks at first, and the target group that leads to them. None for tasks that run once."
  type = map(object({
    tasks            = number
    target_group_arn = optional(string)
  }))
}

variable "cluster" {
  description = "ARN and name of the ECS cluster."
  type = object({
    arn  = string
    name = string
  })
}

variable "image" {
  description = "The image of the first task definition; later ones are registered by releases."
  type        = string
}

variable "cpu" {
  description = "CPU units of a task: 1024 is one core."
  type        = number
}

variable "memory" {
  description = "Memory of a task in MiB."
  type        = number
}

variable "ephemeral_storage" {
  description = "Disk of a task in GiB, 21 to 200; it is where /tmp lies."
  type        = number
  default     = 21
}

variable "command" {
  description = "What a task runs; without one it serves pages, which is the image's own command."
  type        = list(string)
  default     = []
}

variable "settings" {
  description = "Environment variables."
  type        = map(string)
}

variable "secrets" {
  description = "ARNs of the secrets that become environment variables, by the name of the variable."
  type        = map(string)
}

variable "task_role_arn" {
  description = "ARN of what the tasks may do."
  type        = string
}

variable "execution_role_arn" {
  description = "ARN of what ECS may do to start the tasks."
  type        = string
}

variable "subnet_ids" {
  description = "Ids of the private subnets."
  type        = list(string)
}

variable "security_group_id" {
  description = "Id of the security group of the tasks."
  type        = string
}

variable "log_group_name" {
  description = "Name of the log group."
  type        = string
}

variable "region" {
  description = "Region of the log."
  type        = string
}

variable "health_check" {
  description = "The command that tells whether a container is well; none for what serves no requests."
  type        = list(string)
  default     = null
}

variable "stop_seconds" {
  description = "Seconds that a task has to end after it was asked to, 2 to 120."
  type        = number
}

variable "scaling" {
  description = "Between how many tasks, and at which average CPU (per cent) and requests a minute of a task the number changes; none for a fixed number."
  type = object({
    min              = number
    max              = number
    cpu              = number
    requests         = number
    alb_arn_suffix   = string
    group_arn_suffix = map(string)
  })
  default = null
}
