variable "name" {
  description = "What the names of all resources begin with: easel-ENVIRONMENT."
  type        = string
}

variable "domain" {
  description = "The name that users reach Easel by; the sign-in page is named after it."
  type        = string
}

variable "callback_urls" {
  description = "Where the provider sends browsers back to with a code: https://HOST/accounts/oidc/callback/ of each host."
  type        = list(string)
}

variable "logout_urls" {
  description = "Where the provider sends browsers to after a sign-out: https://HOST/accounts/sign-in/ of each host."
  type        = list(string)
}

variable "mfa" {
  description = "Whether users have a second factor: OFF, OPTIONAL or ON."
  type        = string

  validation {
    condition     = contains(["OFF", "OPTIONAL", "ON"], var.mfa)
    error_message = "Say OFF, OPTIONAL or ON."
  }
}

variable "mail" {
  description = "The SES identity that sends the provider's mails, and the address they come from; without one Cognito sends at most 50 a day."
  type = object({
    identity_arn = string
    from         = string
  })
  default = null
}
