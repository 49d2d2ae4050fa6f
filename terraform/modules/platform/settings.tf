data "aws_region" "current" {}

locals {
  hosts      = [var.domain, "admin.${var.domain}"]
  has_mail   = var.mail != null && contains(var.optional_secrets, "email-password")
  has_reader = var.database.readers > 0
  # Those whose key is there; workers alone have the keys themselves.
  house_providers = [for name in ["openai", "stability"] : name if contains(var.optional_secrets, "${name}-api-key")]

  # Settings that production does not start without, and where the servers are: for every process.
  settings = merge(
    {
      DJANGO_SETTINGS_MODULE     = "config.settings.production"
      EASEL_ALLOWED_HOSTS        = join(",", local.hosts)
      EASEL_CSRF_TRUSTED_ORIGINS = join(",", [for host in local.hosts : "https://${host}"])
      EASEL_PUBLIC_URL           = "https://${var.domain}"
      EASEL_BROKER_URL           = "sqs://"
      EASEL_SQS_REGION           = data.aws_region.current.region
      EASEL_SQS_QUEUE_URL_PREFIX = module.queues.url_prefix
      EASEL_S3_BUCKET            = module.storage.images.id
      EASEL_OIDC_ISSUER          = module.identity.issuer
      EASEL_OIDC_CLIENT_ID       = module.identity.client_id
      EASEL_OIDC_STAFF_GROUP     = "easel-staff"
      EASEL_SECURITY_CONTACT     = var.security_contact
      EASEL_CLOUDWATCH_METRICS   = "true"
      EASEL_HOUSE_PROVIDERS      = join(",", local.house_providers)
      AWS_DEFAULT_REGION         = data.aws_region.current.region
    },
    local.has_mail ? {
      EASEL_EMAIL_HOST = "email-smtp.${data.aws_region.current.region}.amazonaws.com"
      EASEL_EMAIL_USER = var.mail.smtp_user
      EASEL_EMAIL_FROM = var.mail.from
    } : {},
    var.otlp_endpoint == null ? {} : { EASEL_OTLP_ENDPOINT = var.otlp_endpoint },
  )

  task_settings = {
    web = {
      EASEL_TRUSTED_PROXIES = "2"
      EASEL_CDN_KEY_PAIR_ID = module.cdn.key_pair_id
    }
    admin = {
      EASEL_SERVE_ADMIN     = "true"
      EASEL_TRUSTED_PROXIES = "1"
      EASEL_CDN_KEY_PAIR_ID = module.cdn.key_pair_id
    }
    # The disk of the task is for two installs and two archives at once.
    scheduler = {
      EASEL_INSTALL_S3_BUCKETS = module.storage.models.id
      EASEL_INSTALL_MAX_BYTES  = tostring(32 * pow(1024, 3))
      EASEL_ARCHIVE_MAX_BYTES  = tostring(10 * pow(1024, 3))
    }
    migrate = {}
  }

  # Secrets of each process by setting. Those of the database are named once their URL is there.
  given = merge(module.secrets.arns, module.database.urls_written, {
    "redis-url"          = module.cache.url_secret_arn
    "oidc-client-secret" = aws_secretsmanager_secret_version.oidc_client.arn
  })

  secret_names = {
    web = merge(local.pages, { EASEL_DATABASE_URL = "database/web-url" },
    local.has_reader ? { EASEL_READER_DATABASE_URL = "database/reader-web-url" } : {})

    admin = merge(local.pages, {
      EASEL_DATABASE_URL          = "database/ops-url"
      EASEL_STRIPE_WEBHOOK_SECRET = "stripe-webhook-secret"
    }, local.has_reader ? { EASEL_READER_DATABASE_URL = "database/reader-ops-url" } : {})

    scheduler = merge(local.own_keys, {
      EASEL_SECRET_KEY           = "secret-key"
      EASEL_SECRET_KEY_FALLBACKS = "secret-key-fallbacks"
      EASEL_REDIS_URL            = "redis-url"
      EASEL_DATABASE_URL         = "database/ops-url"
      EASEL_EMAIL_PASSWORD       = "email-password"
      EASEL_HUB_TOKEN            = "hub-token"
      EASEL_SENTRY_DSN           = "sentry-dsn"
      EASEL_STRIPE_SECRET_KEY    = "stripe-secret-key"
    }, local.has_reader ? { EASEL_READER_DATABASE_URL = "database/reader-ops-url" } : {})

    migrate = {
      EASEL_SECRET_KEY         = "secret-key"
      EASEL_REDIS_URL          = "redis-url"
      EASEL_DATABASE_URL       = "database/ops-url"
      EASEL_OWNER_DATABASE_URL = "database/owner-url"
    }

    # Workers open files of strangers, and sign nothing: they have a key of their own.
    worker = merge(local.own_keys, {
      EASEL_OPENAI_API_KEY    = "openai-api-key"
      EASEL_STABILITY_API_KEY = "stability-api-key"
      EASEL_SECRET_KEY        = "worker-key"
      EASEL_REDIS_URL         = "redis-url"
      EASEL_DATABASE_URL      = "database/worker-url"
      EASEL_SENTRY_DSN        = "sentry-dsn"
    }, local.has_reader ? { EASEL_READER_DATABASE_URL = "database/reader-worker-url" } : {})
  }

  # What opens the keys that users have at image services.
  own_keys = {
    EASEL_PROVIDER_KEYS_SECRET           = "provider-keys-secret"
    EASEL_PROVIDER_KEYS_SECRET_FALLBACKS = "provider-keys-secret-fallbacks"
  }

  pages = merge(local.own_keys, {
    EASEL_SECRET_KEY           = "secret-key"
    EASEL_SECRET_KEY_FALLBACKS = "secret-key-fallbacks"
    EASEL_REDIS_URL            = "redis-url"
    EASEL_OIDC_CLIENT_SECRET   = "oidc-client-secret"
    EASEL_CDN_PRIVATE_KEY      = "cdn-private-key"
    EASEL_EMAIL_PASSWORD       = "email-password"
    EASEL_METRICS_TOKEN        = "metrics-token"
    EASEL_SENTRY_DSN           = "sentry-dsn"
    EASEL_STRIPE_SECRET_KEY    = "stripe-secret-key"
  })

  optional = toset([
    "email-password",
    "hub-token",
    "openai-api-key",
    "provider-keys-secret",
    "provider-keys-secret-fallbacks",
    "secret-key-fallbacks",
    "sentry-dsn",
    "stability-api-key",
    "stripe-secret-key",
    "stripe-webhook-secret",
  ])

  secrets = {
    for role, names in local.secret_names : role => {
      for setting, name in names : setting => local.given[name]
      if !contains(local.optional, name) || contains(var.optional_secrets, name)
    }
  }
}
