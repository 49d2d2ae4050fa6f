"""What a checkout remembers about its own servers: addresses and passwords, in one 0600 file."""

import json
import os
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

FILE_NAME = "servers.json"


@dataclass(slots=True)
class ServerState:
    """Where the servers listen and how to sign in to them.

    `passwords` is by database role. `postgres_home` tells a copied checkout from the original.
    """

    socket_dir: str = ""
    valkey_port: int = 0
    valkey_password: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    passwords: dict[str, str] = field(default_factory=dict)
    postgres_home: str = ""
    stripe_port: int = 0
    stripe_webhook_secret: str = field(default_factory=lambda: f"whsec_{secrets.token_hex(16)}")
    stripe_key: str = field(default_factory=lambda: f"sk_test_{secrets.token_hex(16)}")

    @classmethod
    def load(cls, var_dir: Path) -> Self | None:
        """Read the state under `var_dir`; None if there is none, or if it is not readable JSON."""
        try:
            text = (var_dir / FILE_NAME).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        try:
            return cls(**json.loads(text))
        except (TypeError, ValueError):
            # A torn or foreign file is no loss: the next start makes new passwords and sets them.
            return None

    def save(self, var_dir: Path) -> None:
        """Write the state under `var_dir`, whole or not at all, readable by the owner alone."""
        draft = var_dir / f"{FILE_NAME}.{os.getpid()}.new"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(asdict(self), file, indent=2)
            file.write("\n")
        draft.replace(var_dir / FILE_NAME)

    def password_of(self, role: str) -> str:
        """Return the password of a database role, made up on first use."""
        return self.passwords.setdefault(role, secrets.token_urlsafe(32))
