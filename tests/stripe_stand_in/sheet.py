"""How the pages look."""

from html import escape

from tests.stripe_stand_in.words import say

_STYLE = """
body { margin: 0; background: #f4f5f9; color: #1b1f33; font: 16px/1.5 system-ui, sans-serif }
main { max-width: 26rem; margin: 8vh auto; padding: 2rem; background: #fff; border-radius: 14px;
  box-shadow: 0 12px 40px #1b1f3318 }
h1 { font-size: 1.35rem; margin: 0 0 1rem } h2 { font-size: 1rem; margin: 1.6rem 0 .3rem }
table { width: 100%; border-collapse: collapse } td { padding: .35rem 0; vertical-align: top }
td + td { text-align: right; white-space: nowrap; padding-left: 1rem }
tr + tr td { border-top: 1px solid #e6e8f0 }
.total { font-size: 1.8rem; font-weight: 600; margin: .8rem 0 1.2rem }
.error { padding: .6rem .9rem; border-radius: 8px; background: #fdecec; color: #93191f }
.note { color: #5b6178; font-size: .85rem; margin: 1.6rem 0 0 }
label { display: block; margin-bottom: .8rem; font-size: .9rem }
input { display: block; width: 100%; box-sizing: border-box; padding: .6rem; margin-top: .2rem;
  font: inherit; border: 1px solid #c9cdda; border-radius: 8px }
button { display: block; width: 100%; padding: .7rem; margin: .5rem 0; font: inherit;
  font-weight: 600; color: #fff; background: #4b45c6; border: 1px solid #4b45c6;
  border-radius: 8px; cursor: pointer }
button.quiet { color: #3c3796; background: #fff; border-color: #c9cdda; font-weight: 500 }
button:focus-visible, input:focus-visible { outline: 3px solid #a5a1f0; outline-offset: 1px }
"""


def sheet(language: str, title: str, body: str, error: str = "") -> str:
    warning = f"<p class=error role=alert>{escape(error)}</p>" if error else ""
    return (
        f"<!doctype html><html lang={language}><meta charset=utf-8>"
        '<meta name=viewport content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style>"
        f"<main><h1>{escape(title)}</h1>{warning}{body}"
        f"<p class=note>{escape(say(language, 'stand_in'))}</p></main></html>"
    )


def table(rows: list[tuple[str, str]]) -> str:
    cells = "".join(
        f"<tr><td>{escape(left)}</td><td>{escape(right)}</td></tr>" for left, right in rows
    )
    return f"<table>{cells}</table>"


def button(action: str, label: str, *, is_quiet: bool = False) -> str:
    kind = " class=quiet" if is_quiet else ""
    return f'<button name=action value="{escape(action)}"{kind}>{escape(label)}</button>'


def form(action: str, label: str, *, is_quiet: bool = True, **fields: str) -> str:
    """Return a form of one button, with what it sends along."""
    hidden = "".join(
        f'<input type=hidden name="{escape(name)}" value="{escape(value)}">'
        for name, value in fields.items()
    )
    return f"<form method=post>{hidden}{button(action, label, is_quiet=is_quiet)}</form>"
