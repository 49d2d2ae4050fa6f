variable "tiers" {
  description = "What each tier is called in the names of its queues: easel-gpu-LABEL.fifo and easel-gpu-LABEL-dlq.fifo."
  type        = map(string)
  default = {
    basic            = "basic"
    high_performance = "highperf"
    dedicated        = "dedicated"
  }
}

variable "visibility_timeout_seconds" {
  description = "Seconds after which a message that was received and not deleted is seen again."
  type        = number
  default     = 30
}

variable "max_receive_count" {
  description = "How often a message may be received before it is a dead letter."
  type        = number
  default     = 3
}
