variable "domain" {
  description = "The name that users reach Easel by; the admin is `admin.` before it, the load balancer `origin.`."
  type        = string
}

variable "zone_id" {
  description = "Id of the hosted zone of the domain."
  type        = string
}
