variable "name" {
  description = "What the names of all resources begin with: easel-ENVIRONMENT."
  type        = string
}
