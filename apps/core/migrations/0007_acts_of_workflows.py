from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0006_acts_of_looks"),
    ]

    operations = [
        migrations.AlterField(
            model_name="auditrecord",
            name="act",
            field=models.CharField(
                choices=[
                    ("signed_up", "signed up"),
                    ("signed_in", "signed in"),
                    ("sign_in_failed", "sign-in failed"),
                    ("signed_out", "signed out"),
                    ("password_changed", "password changed"),
                    ("key_created", "API key made"),
                    ("key_revoked", "API key revoked"),
                    ("role_changed", "role changed"),
                    ("service_scope", "data of all users opened by staff"),
                    ("pictures_seen", "pictures looked at by staff"),
                    ("admin_change", "changed by staff"),
                    ("image_deleted", "picture deleted"),
                    ("export_requested", "export of all data asked for"),
                    ("data_exported", "data exported"),
                    ("deletion_requested", "deletion of the account asked for"),
                    ("tester_granted", "tester plan granted"),
                    ("tester_revoked", "tester plan revoked"),
                    ("plan_changed", "plan changed"),
                    ("plan_paused", "plan paused"),
                    ("payment_received", "payment received"),
                    ("payment_failed", "payment failed"),
                    ("payment_reversed", "payment given back or disputed"),
                    ("credits_refunded", "credits given back"),
                    ("credits_given", "credits given"),
                    ("account_deleted", "account deleted"),
                    ("board_link_created", "link to a board made"),
                    ("board_link_withdrawn", "link to a board withdrawn"),
                    ("board_member_added", "member added to a board"),
                    ("board_member_changed", "role of a member changed"),
                    ("board_member_removed", "member removed from a board"),
                    ("board_member_left", "board left by a member"),
                    ("board_edited", "pictures moved by a member of a board"),
                    ("model_installed", "model installed"),
                    ("model_deleted", "model deleted"),
                    ("license_recorded", "licence of a model recorded"),
                    ("license_withdrawn", "licence of a model withdrawn"),
                    ("workflow_imported", "workflow imported"),
                    ("workflow_deleted", "workflow deleted"),
                    ("appeal_made", "appeal against a refusal made"),
                    ("appeal_accepted", "appeal accepted"),
                    ("appeal_rejected", "appeal rejected"),
                ],
                max_length=32,
            ),
        ),
    ]
