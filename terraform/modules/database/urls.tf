locals {
  writers = { for login in ["web", "ops", "worker", "owner"] : "database/${login}-url" => {
    login = contains(var.spare_logins_used, login) ? "${login}-b" : login
    host  = aws_db_proxy.this.endpoint
  } }
  readers = { for login in ["web", "ops", "worker"] : "database/reader-${login}-url" => {
    login = contains(var.spare_logins_used, login) ? "${login}-b" : login
    host  = one(aws_db_proxy_endpoint.reader[*].endpoint)
  } if var.readers > 0 }
  urls = merge(local.writers, local.readers)
}

# Read back what is kept, so that proxy, database and URL always speak of the same password.
ephemeral "aws_secretsmanager_secret_version" "login" {
  for_each = toset([for url in local.urls : url.login])

  secret_id = var.login_secret_arns[each.key]
}

resource "aws_secretsmanager_secret_version" "url" {
  for_each = local.urls

  secret_id = var.url_secret_arns[each.key]
  secret_string_wo = format(
    "postgresql://easel_%s:%s@%s:5432/easel?sslmode=verify-full&sslrootcert=%s",
    replace(each.value.login, "-", "_"),
    jsondecode(ephemeral.aws_secretsmanager_secret_version.login[each.value.login].secret_string)["password"],
    each.value.host,
    # Of Debian's and Ubuntu's ca-certificates, which have the roots that the
    # proxy's certificate comes from (the cluster itself has another, of RDS alone).
    urlencode("/etc/ssl/certs/ca-certificates.crt"),
  )
  secret_string_wo_version = var.url_version
}
