"""Who can sign in to a production-like run, on which plan they are, and the provider's process."""

import sys
from dataclasses import dataclass

from config.local.install import ROOT
from config.local.parts import Part
from config.local.production_like.machine import Machine
from config.local.valkey import port_is_free

CLIENT_ID = "easel"
STAFF_GROUP = "operators"


@dataclass(frozen=True, slots=True)
class Person:
    """Someone the provider knows by `subject`, which is what is typed on its page."""

    subject: str
    name: str
    plan: str
    is_staff: bool = False

    @property
    def email(self) -> str:
        """Return the address that the provider has confirmed."""
        return f"{self.subject}@easel.example"

    def claims(self) -> dict[str, object]:
        """Return what the provider says about them."""
        groups = [STAFF_GROUP] if self.is_staff else []
        return {
            "email": self.email,
            "email_verified": True,
            "name": self.name,
            "cognito:groups": groups,
        }


PEOPLE = (
    Person("demo", "Demo", "studio"),
    Person("painter", "Painter", "pro"),
    Person("newcomer", "Newcomer", "trial"),
    Person("operator", "Operator", "enterprise", is_staff=True),
)


def provider_part(machine: Machine) -> Part:
    """Describe the provider's process. It forgets sign-ins under way when it ends."""
    return Part(
        name="provider",
        argv=(
            *(sys.executable, "-m", "config.local.production_like.provider"),
            *("--port", str(machine.ports.provider)),
            *("--certificates", str(machine.certificate.chain.parent)),
        ),
        environment={"PATH": "/usr/bin:/bin", "PYTHONUNBUFFERED": "1"},
        cwd=ROOT,
        is_ready=lambda: not port_is_free(machine.ports.provider),
    )
