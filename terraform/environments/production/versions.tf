terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0, >= 6.62"
    }
  }

  # The bucket is named when it is initialised: its name is taken once in the whole world.
  backend "s3" {
    key          = "easel/production.tfstate"
    region       = "ap-northeast-2"
    encrypt      = true
    use_lockfile = true
  }
}

provider "aws" {
  region = "ap-northeast-2"

  default_tags {
    tags = local.tags
  }
}

# CloudFront has its certificate and its web ACL there.
provider "aws" {
  alias  = "us_east_1"
  region = "us-east-1"

  default_tags {
    tags = local.tags
  }
}

locals {
  tags = {
    Project     = "easel"
    Environment = "production"
    ManagedBy   = "terraform"
  }
}
