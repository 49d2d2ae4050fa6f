"""The token that a request or a socket brings in its `Authorization` header."""


def bearer_token(authorization: str) -> str | None:
    """Return the token in an `Authorization` header, or None if it is of another scheme."""
    scheme, _space, token = authorization.strip().partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None
