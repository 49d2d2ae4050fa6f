"""The account that a key belongs to."""

from tests.stripe_stand_in.routes import Call, route
from tests.stripe_stand_in.shapes import Json
from tests.stripe_stand_in.state import World

ACCOUNT_ID = "acct_1StandInForTests00"


def account(world: World) -> Json:
    return {
        "id": ACCOUNT_ID,
        "object": "account",
        "business_profile": {
            "name": "Easel",
            "mcc": "5734",
            "product_description": None,
            "support_address": None,
            "support_email": None,
            "support_phone": None,
            "support_url": None,
            "url": None,
        },
        "business_type": "company",
        "capabilities": {"card_payments": "active", "transfers": "active"},
        "charges_enabled": True,
        "country": world.settings.country,
        "default_currency": "usd",
        "details_submitted": True,
        "email": "billing@easel.test",
        "metadata": {},
        "payouts_enabled": True,
        "settings": {
            "branding": {
                "icon": None,
                "logo": None,
                "primary_color": None,
                "secondary_color": None,
            },
            "card_payments": {
                "statement_descriptor_prefix": None,
                "statement_descriptor_prefix_kana": None,
                "statement_descriptor_prefix_kanji": None,
            },
            "dashboard": {"display_name": "Easel", "timezone": "Etc/UTC"},
            "payments": {
                "statement_descriptor": "EASEL",
                "statement_descriptor_kana": None,
                "statement_descriptor_kanji": None,
            },
        },
        "type": "standard",
    }


@route("GET", "/v1/account")
def own(world: World, call: Call) -> Json:
    return account(world)


@route("GET", "/v1/accounts/{id}")
def retrieve(world: World, call: Call) -> Json:
    return account(world)
