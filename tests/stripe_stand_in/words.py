"""What the pages say, in English and in Korean."""

_WORDS = {
    "account": ("Stand-in of Stripe", "Stripe 대역"),
    "advance_day": ("One day on", "하루 뒤로"),
    "advance_month": ("31 days on", "31일 뒤로"),
    "back": ("Back", "돌아가기"),
    "cancel": ("Cancel at the end of the period", "기간이 끝나면 해지"),
    "cancels_on": ("Ends on {day}", "{day}에 해지됩니다"),
    "card": ("Card", "카드"),
    "card_failing": ("Use a failing card", "결제되지 않는 카드로 바꾸기"),
    "card_good": ("Use a good card", "정상 카드로 바꾸기"),
    "change_to": ("Change to {name}, {price}", "{name}({price})(으)로 변경"),
    "changes_on": ("A change is scheduled for {day}", "{day}에 변경될 예정입니다"),
    "confirm": ("Confirm", "확인"),
    "declined": ("Your card was declined.", "카드가 거절되었습니다."),
    "done": ("This page is done with.", "이미 처리된 페이지입니다."),
    "due_now": ("Due today: {amount}", "오늘 결제할 금액: {amount}"),
    "email": ("E-mail", "이메일"),
    "fail": ("Pay with a failing card", "결제되지 않는 카드로 결제"),
    "invoices": ("Invoices", "청구서"),
    "next_on": ("Renews on {day}", "{day}에 갱신됩니다"),
    "no_card": ("none", "없음"),
    "no_subscription": ("There is no subscription.", "구독이 없습니다."),
    "pay": ("Pay {amount}", "{amount} 결제"),
    "plan": ("Plan", "요금제"),
    "portal": ("Billing", "결제 관리"),
    "reactivate": ("Keep it as it is", "변경 없이 유지"),
    "receipt": ("Receipt", "영수증"),
    "stand_in": (
        "No money moves here: this page stands in for Stripe.",
        "실제로 결제되지 않습니다. Stripe를 대신하는 페이지입니다.",
    ),
    "subscribe": ("Subscribe for {amount}", "{amount} 구독하기"),
    "subscriptions": ("Subscriptions", "구독"),
    "total": ("Total", "합계"),
}
INTERVALS = {
    "day": ("day", "일"),
    "month": ("month", "월"),
    "week": ("week", "주"),
    "year": ("year", "년"),
}


def language_of(locale: str | None, accepted: str) -> str:
    """Choose `ko` or `en`: by the session's locale, else by what the browser likes best."""
    wanted = accepted if locale in (None, "auto") else str(locale)
    return "ko" if wanted.lower().startswith("ko") else "en"


def say(language: str, word: str, **values: str) -> str:
    return _WORDS[word][language == "ko"].format(**values)
