"""What the processes are told: settings that exist, and secrets that are secret."""

from collections.abc import Iterator, Mapping
from functools import cache

from config.infrastructure.deployment import Deployment, Terraform
from config.infrastructure.functions import to_text
from config.local.install import ROOT
from tests.infrastructure.terraform.rules.compute import container, definitions
from tests.infrastructure.terraform.rules.findings import Findings, deployments

# Not of config/env.py: Django's own and boto3's own.
OTHERS = frozenset({"DJANGO_SETTINGS_MODULE", "AWS_DEFAULT_REGION"})
SECRET_SETTINGS = frozenset(
    {"EASEL_SECRET_KEY", "EASEL_SECRET_KEY_FALLBACKS", "EASEL_DATABASE_URL", "EASEL_REDIS_URL"}
    | {"EASEL_OWNER_DATABASE_URL", "EASEL_READER_DATABASE_URL", "EASEL_OIDC_CLIENT_SECRET"}
    | {"EASEL_STRIPE_SECRET_KEY", "EASEL_STRIPE_WEBHOOK_SECRET", "EASEL_CDN_PRIVATE_KEY"}
    | {"EASEL_METRICS_TOKEN", "EASEL_SENTRY_DSN", "EASEL_EMAIL_PASSWORD", "EASEL_HUB_TOKEN"}
    | {"EASEL_OPENAI_API_KEY", "EASEL_STABILITY_API_KEY"}
    | {"EASEL_PROVIDER_KEYS_SECRET", "EASEL_PROVIDER_KEYS_SECRET_FALLBACKS"}
)
# The login of each role, by the secret that its database URL is.
LOGINS: Mapping[str, str] = {
    "web": "database/web-url",
    "admin": "database/ops-url",
    "scheduler": "database/ops-url",
    "migrate": "database/ops-url",
    "worker": "database/worker-url",
}
PROXIES = {"web": "2", "admin": "1"}
# Who tells CloudWatch figures, and whom Prometheus asks for them.
TELLING = frozenset({"web", "admin", "scheduler", "worker"})
SCRAPED = frozenset({"web", "admin"})


@cache
def _source_of_settings() -> str:
    return (ROOT / "config" / "env.py").read_text(encoding="utf-8")


def is_setting(name: str) -> bool:
    """Tell whether config/env.py reads a variable."""
    return name in OTHERS or f'("{name.removeprefix("EASEL_")}"' in _source_of_settings()


def _processes(environment: Deployment) -> Iterator[tuple[str, dict[str, str], dict[str, str]]]:
    """Yield role, settings and secrets of each kind of process, of GPU workers too."""
    for role, definition in definitions(environment).items():
        inside = container(definition)
        yield (
            role,
            {each["name"]: each["value"] for each in inside["environment"]},
            {each["name"]: each["valueFrom"] for each in inside["secrets"]},
        )
    for module in environment.everything():
        if module.folder.name == "gpu_tier":
            yield (
                "worker",
                {key: to_text(value) for key, value in _told(module).items()},
                {key: to_text(value) for key, value in module.variable("secrets").items()},
            )


def _told(tier: Deployment) -> dict[str, object]:
    # What the start script of an instance writes for its workers.
    return {**tier.variable("settings"), "EASEL_WORKER_QUEUE": tier.variable("queue_name")}


def settings_exist(terraform: Terraform) -> list[str]:
    """Find variables that the product does not read."""
    findings = Findings()
    for name, environment in deployments(terraform):
        for role, settings, secrets in _processes(environment):
            for setting in sorted({*settings, *secrets}):
                findings.holds(
                    name, f"{role} is told {setting}, which nobody reads", holds=is_setting(setting)
                )
    return findings


def secrets_stay_secret(terraform: Terraform) -> list[str]:
    """Find secrets among the settings that anybody with a look at the task definition sees."""
    findings = Findings()
    for name, environment in deployments(terraform):
        for role, settings, secrets in _processes(environment):
            for setting in sorted(SECRET_SETTINGS & set(settings)):
                findings.append(f"{name}: {role} has {setting} in the open")
            for setting in sorted(set(secrets) - SECRET_SETTINGS):
                findings.append(f"{name}: {role} has {setting} as a secret, which is none")
            for setting, source in secrets.items():
                kept = "aws_secretsmanager_secret" in source and f"easel/{name}" not in source
                findings.holds(name, f"{role}'s {setting} comes from {source}", holds=kept)
    return findings


def roles_sign_in_as_themselves(terraform: Terraform) -> list[str]:
    """Compare the database login of each role, and what it believes of proxies."""
    findings = Findings()
    for name, environment in deployments(terraform):
        for role, settings, secrets in _processes(environment):
            source = secrets.get("EASEL_DATABASE_URL", "")
            findings.holds(
                name, f"{role} signs in by {source}", holds=f'["{LOGINS[role]}"]' in source
            )
            at_services = {"EASEL_OPENAI_API_KEY", "EASEL_STABILITY_API_KEY"} & set(secrets)
            findings.same(name, f"{role} has house keys", bool(at_services), role == "worker")
            owner = "EASEL_OWNER_DATABASE_URL" in secrets
            findings.same(name, f"{role} may own tables", owner, role == "migrate")
            admin = settings.get("EASEL_SERVE_ADMIN", "false")
            findings.same(name, f"{role} serves the admin", admin == "true", role == "admin")
            proxies = settings.get("EASEL_TRUSTED_PROXIES")
            findings.same(name, f"{role}'s proxies", proxies, PROXIES.get(role))
            module = settings.get("DJANGO_SETTINGS_MODULE")
            findings.same(name, f"{role}'s settings", module, "config.settings.production")
    return findings


def figures_are_told(terraform: Terraform) -> list[str]:
    """See that who has figures tells them to CloudWatch, and that who is scraped has the token."""
    findings = Findings()
    for name, environment in deployments(terraform):
        for role, settings, secrets in _processes(environment):
            if role in TELLING:
                told = settings.get("EASEL_CLOUDWATCH_METRICS")
                findings.same(name, f"{role}'s figures for CloudWatch", told, "true")
            has_token = "EASEL_METRICS_TOKEN" in secrets
            findings.same(name, f"{role} opens /metrics", has_token, role in SCRAPED)
    return findings
