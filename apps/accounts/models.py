"""The user: a UUID key, an e-mail to sign in with, a subject at a provider; and its API keys."""

import uuid
from collections.abc import Iterator
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Upper
from django.utils.translation import gettext_lazy as _

from apps.core.models import TenantModel


class UserManager(BaseUserManager["User"]):
    """Create users; e-mail addresses are one address whatever their case."""

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email__iexact=username)

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=self.normalize_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        rights = {"is_staff": True, "is_superuser": True, "email_verified": True}
        return self.create_user(email, password, **rights, **fields)


class User(AbstractBaseUser, PermissionsMixin):
    """A person, or a program acting for one."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField(_("e-mail"), max_length=254, unique=True)
    name = models.CharField(_("name"), max_length=150, blank=True)
    avatar_url = models.URLField(blank=True)
    # Empty until it is known; pages then follow the browser, and mails are in English.
    language = models.CharField(max_length=8, blank=True, default="")
    # Until the address has proved to be the person's own, nobody signs in with it.
    email_verified = models.BooleanField(_("e-mail confirmed"), default=False)
    oidc_subject = models.CharField(max_length=255, null=True, blank=True, unique=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    # Whoever has made a picture needs no first steps either.
    first_steps_closed = models.BooleanField(default=False, db_default=False)
    # Raised to end every session at once; see `get_session_auth_hash`.
    session_generation = models.PositiveIntegerField(default=0, editable=False)
    last_login = models.DateTimeField(db_column="last_login_at", null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"

    class Meta:
        constraints = (models.UniqueConstraint(Upper("email"), name="accounts_user_email_unique"),)

    def __str__(self) -> str:
        return self.email

    @property
    def mail_language(self) -> str:
        """Return the language to write to this person in."""
        return self.language or settings.LANGUAGE_CODE

    @property
    def initial(self) -> str:
        """Return the letter that stands for this person where there is no room for a name."""
        return (self.name.strip() or self.email)[0]

    def get_session_auth_hash(self) -> str:
        """Return what a session must hold to be one of this user's.

        It follows from the password and from the generation: whoever signs in at a provider has
        no password to change, and the index of sessions in the cache may be lost.
        """
        return self._in_generation(super().get_session_auth_hash())

    def get_session_auth_fallback_hash(self) -> Iterator[str]:
        yield from map(self._in_generation, super().get_session_auth_fallback_hash())

    def _in_generation(self, session_hash: str) -> str:
        return f"{self.session_generation}:{session_hash}"


class Scope(models.TextChoices):
    """What a key may do; the session of a person may do everything."""

    READ = "read", _("See pictures, jobs and models")
    GENERATE = "generate", _("Make pictures, cancel jobs, upload")
    MANAGE = "manage", _("Delete pictures, manage keys and the account")


ALL_SCOPES = frozenset(Scope)


class ApiKey(TenantModel):
    """A secret for programs, of which only a hash is kept; revoked keys stay, for the usage of old.

    `hint` is the beginning of the secret, by which its owner tells keys apart.
    """

    private_fields: ClassVar[tuple[str, ...]] = ("digest",)

    name = models.CharField(max_length=100)
    hint = models.CharField(max_length=16, editable=False)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    scopes = ArrayField(models.CharField(max_length=16, choices=Scope.choices))
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    monthly_credit_cap = models.PositiveIntegerField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(scopes__len__gt=0)
                & Q(scopes__contained_by=sorted(scope.value for scope in Scope)),
                name="accounts_api_key_scopes_known",
            ),
        )
        indexes = (models.Index(fields=["user", "-created_at"], name="accounts_api_key_user"),)

    def __str__(self) -> str:
        return f"{self.name} ({self.hint}…)"
