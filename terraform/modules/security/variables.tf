variable "name" {
  description = "What the names of all resources begin with: easel-ENVIRONMENT."
  type        = string
}

variable "vpc_id" {
  description = "Id of the VPC that the groups are in."
  type        = string
}
