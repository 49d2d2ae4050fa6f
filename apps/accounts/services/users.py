"""Writes on users."""

from apps.accounts.models import User


def ensure_administrator(*, email: str, password: str, name: str) -> tuple[User, bool]:
    """Create the administrator `email` unless there is one; tell whether it was created."""
    user = User.objects.filter(email__iexact=email).first()
    if user is not None:
        return user, False
    return User.objects.create_superuser(email, password, name=name), True
