"""Abstract bases of the tables."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class TimestampedModel(models.Model):
    """A row with its times; PostgreSQL keeps `updated_at` by the trigger of `operations`."""

    created_at = models.DateTimeField(auto_now_add=True, editable=False)
    updated_at = models.DateTimeField(auto_now=True, editable=False)

    class Meta:
        abstract = True


class OwnedModel(models.Model):
    """A row with a `user` whose data it is; who deletes or exports an account asks for these.

    `private_fields` are secrets that an export of the user's data leaves out. What the books need
    `outlives_account`, without a name.
    """

    private_fields: ClassVar[tuple[str, ...]] = ()
    outlives_account: ClassVar[bool] = False

    class Meta:
        abstract = True


class TenantModel(OwnedModel, TimestampedModel):
    """A row that belongs to one user and is never seen by another."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")

    class Meta:
        abstract = True


class Act(models.TextChoices):
    """What is worth a record for the safety of an account."""

    SIGNED_UP = "signed_up", _("signed up")
    SIGNED_IN = "signed_in", _("signed in")
    SIGN_IN_FAILED = "sign_in_failed", _("sign-in failed")
    SIGNED_OUT = "signed_out", _("signed out")
    PASSWORD_CHANGED = "password_changed", _("password changed")
    KEY_CREATED = "key_created", _("API key made")
    KEY_REVOKED = "key_revoked", _("API key revoked")
    ROLE_CHANGED = "role_changed", _("role changed")
    SERVICE_SCOPE = "service_scope", _("data of all users opened by staff")
    PICTURES_SEEN = "pictures_seen", _("pictures looked at by staff")
    ADMIN_CHANGE = "admin_change", _("changed by staff")
    IMAGE_DELETED = "image_deleted", _("picture deleted")
    EXPORT_REQUESTED = "export_requested", _("export of all data asked for")
    DATA_EXPORTED = "data_exported", _("data exported")
    DELETION_REQUESTED = "deletion_requested", _("deletion of the account asked for")
    TESTER_GRANTED = "tester_granted", _("tester plan granted")
    TESTER_REVOKED = "tester_revoked", _("tester plan revoked")
    PLAN_CHANGED = "plan_changed", _("plan changed")
    PLAN_PAUSED = "plan_paused", _("plan paused")
    PAYMENT_RECEIVED = "payment_received", _("payment received")
    PAYMENT_FAILED = "payment_failed", _("payment failed")
    PAYMENT_REVERSED = "payment_reversed", _("payment given back or disputed")
    CREDITS_REFUNDED = "credits_refunded", _("credits given back")
    CREDITS_GIVEN = "credits_given", _("credits given")
    ACCOUNT_DELETED = "account_deleted", _("account deleted")
    BOARD_LINK_CREATED = "board_link_created", _("link to a board made")
    BOARD_LINK_WITHDRAWN = "board_link_withdrawn", _("link to a board withdrawn")
    BOARD_MEMBER_ADDED = "board_member_added", _("member added to a board")
    BOARD_MEMBER_CHANGED = "board_member_changed", _("role of a member changed")
    BOARD_MEMBER_REMOVED = "board_member_removed", _("member removed from a board")
    BOARD_MEMBER_LEFT = "board_member_left", _("board left by a member")
    BOARD_EDITED = "board_edited", _("pictures moved by a member of a board")
    MODEL_INSTALLED = "model_installed", _("model installed")
    MODEL_DELETED = "model_deleted", _("model deleted")
    PROVIDER_KEY_SET = "provider_key_set", _("own key at an image service saved")
    PROVIDER_KEY_DELETED = "provider_key_deleted", _("own key at an image service deleted")
    LICENSE_RECORDED = "license_recorded", _("licence of a model recorded")
    LICENSE_WITHDRAWN = "license_withdrawn", _("licence of a model withdrawn")
    WORKFLOW_IMPORTED = "workflow_imported", _("workflow imported")
    WORKFLOW_DELETED = "workflow_deleted", _("workflow deleted")
    APPEAL_MADE = "appeal_made", _("appeal against a refusal made")
    APPEAL_ACCEPTED = "appeal_accepted", _("appeal accepted")
    APPEAL_REJECTED = "appeal_rejected", _("appeal rejected")


class AuditRecord(models.Model):
    """One act on the account of a user, by the user or by staff; never changed, never deleted.

    `user_id` and `actor_id` are no foreign keys: a record outlives the account. Records without
    a `user_id` are for staff alone.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user_id = models.UUIDField(null=True)
    actor_id = models.UUIDField(null=True)
    act = models.CharField(max_length=32, choices=Act.choices)
    target = models.CharField(max_length=200, blank=True)
    address = models.GenericIPAddressField(null=True)
    request_id = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = (
            models.Index(fields=["user_id", "-created_at", "-id"], name="core_audit_user_newest"),
            models.Index(fields=["-created_at", "-id"], name="core_audit_newest"),
        )

    def __str__(self) -> str:
        return f"{self.act} {self.created_at:%Y-%m-%d %H:%M}"

    @property
    def is_by_another(self) -> bool:
        """Say whether somebody did it to the account of somebody else: staff, or a member."""
        return self.actor_id not in (None, self.user_id)
