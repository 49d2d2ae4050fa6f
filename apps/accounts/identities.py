"""Who a provider says someone is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderIdentity:
    """The claims of a verified ID token that matter here.

    `is_staff` is None where the provider does not decide it.
    """

    subject: str
    email: str
    email_verified: bool
    name: str = ""
    avatar_url: str = ""
    is_staff: bool | None = None


def identity_from_claims(
    claims: Mapping[str, Any], *, groups_claim: str, staff_group: str | None
) -> ProviderIdentity:
    """Read a `ProviderIdentity` from verified claims."""
    groups = claims.get(groups_claim) or ()
    if isinstance(groups, str):
        groups = (groups,)
    return ProviderIdentity(
        subject=str(claims["sub"]),
        email=str(claims.get("email") or ""),
        # A boolean by the standard; Cognito's userinfo endpoint writes it as a string.
        email_verified=claims.get("email_verified") in (True, "true"),
        name=str(claims.get("name") or "")[:150],
        avatar_url=_web_address(claims.get("picture")),
        is_staff=staff_group in groups if staff_group else None,
    )


def _web_address(value: object) -> str:
    text = str(value or "")
    return text if text.startswith("https://") and len(text) <= 200 else ""
