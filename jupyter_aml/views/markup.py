"""Building blocks of every HTML view: escaping, the frame, the badge, the style sheet; never a script.

Colours come from JupyterLab's variables; statuses have a set for light and one for dark themes (JupyterLab, Notebook,
VS Code, Colab), each at least 4.5 to 1 against its ground. Where a front end strips the style sheet (GitHub, an
untrusted notebook), plain tables and headings remain.
"""

from __future__ import annotations

import html
from collections.abc import Iterable

_LIGHT = "--aml-good:#1f7a54;--aml-bad:#bf3329;--aml-busy:#1d6bb8;--aml-wait:#855900"
_DARK = "--aml-good:#4cc38a;--aml-bad:#ff8078;--aml-busy:#6cb6ff;--aml-wait:#e0b050"
_DARK_GROUNDS = ('[data-jp-theme-light="false"]', ".vscode-dark", 'html[theme="dark"]')
_SOFT = "var(--jp-ui-font-color2,#757b84)"
_LINE = "var(--jp-border-color2,rgba(128,128,128,.35))"
_CODE = "var(--jp-code-font-family,ui-monospace,Menlo,Consolas,monospace)"
_RULES = f"""
&{{font:13px/1.5 var(--jp-ui-font-family,system-ui,-apple-system,"Segoe UI",sans-serif);\
color:var(--jp-ui-font-color1,inherit);max-width:960px;{_LIGHT}}}
.jp-Aml-card{{border:1px solid {_LINE};border-radius:6px;padding:10px 14px 12px;margin:4px 0}}
& .jp-Aml-head{{display:flex;flex-wrap:wrap;align-items:baseline;gap:4px 10px}}
& .jp-Aml-title{{font-size:15px;font-weight:600;overflow-wrap:anywhere}}
& .jp-Aml-soft{{color:{_SOFT};overflow-wrap:anywhere}}
& .jp-Aml-badge{{font-size:10px;font-weight:600;letter-spacing:.06em;padding:1px 6px;border-radius:8px;\
border:1px solid currentColor;margin-left:auto;color:var(--aml-good)}}
& .jp-Aml-badge.AZURE{{color:var(--aml-busy)}}
& .jp-Aml-status{{font-weight:600;white-space:nowrap}}
& .jp-Aml-good{{color:var(--aml-good)}}
& .jp-Aml-bad{{color:var(--aml-bad)}}
& .jp-Aml-busy{{color:var(--aml-busy)}}
& .jp-Aml-wait{{color:var(--aml-wait)}}
& .jp-Aml-still{{color:{_SOFT}}}
& h4{{font-size:11px;line-height:1.5;font-weight:600;letter-spacing:.04em;text-transform:uppercase;\
margin:12px 0 3px;color:{_SOFT}}}
& .jp-Aml-scroll{{overflow-x:auto}}
& table{{border-collapse:collapse;margin:2px 0;font-size:13px;border:0;table-layout:auto;color:inherit}}
& thead{{border:0}}
& table :is(th,td){{text-align:left;vertical-align:top;padding:2px 16px 2px 0;border:0;line-height:1.5;\
background:none;overflow-wrap:anywhere;max-width:46em;white-space:normal}}
& thead th{{font-weight:600;color:{_SOFT};white-space:nowrap;border-bottom:1px solid {_LINE}}}
& tbody tr{{background:none}}
& tbody th{{font-weight:400;color:{_SOFT};overflow-wrap:break-word;max-width:24em}}
& .jp-Aml-rows tbody :is(td,th){{border-bottom:1px solid \
var(--jp-border-color3,rgba(128,128,128,.18))}}
& .jp-Aml-rows td{{overflow-wrap:break-word;min-width:3em}}
& table .num{{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}}
& .jp-Aml-flow{{display:flex;flex-wrap:wrap;gap:0 40px}}
& .jp-Aml-flow>div{{min-width:0}}
& pre{{font:12px/1.45 {_CODE};margin:2px 0;padding:7px 10px;border-radius:4px;\
background:rgba(128,128,128,.12);color:inherit;overflow:auto;max-height:22em;\
white-space:pre-wrap;word-break:normal;overflow-wrap:anywhere}}
& pre.jp-Aml-whole{{max-height:80em}}
& pre.jp-Aml-error{{border-left:3px solid var(--aml-bad)}}
& :not(pre)>code{{font:12px {_CODE};background:none;color:inherit;padding:0}}
& img{{max-width:100%;vertical-align:top;margin:2px 8px 2px 0}}
& details>summary{{cursor:pointer;color:{_SOFT};margin-top:8px}}
& .best{{font-weight:600}}
"""


def _sheet() -> str:
    """The style sheet; `:not(#a)` gives its rules the weight of an id over the front end's own for tables and text."""
    frame = ".jp-Aml:not(#a)"
    dark = ",".join(f"{ground} {frame}" for ground in _DARK_GROUNDS)
    return f"<style>{_RULES.replace('&', frame)}{dark}{{{_DARK}}}\n</style>"


STYLE = _sheet()


def esc(text: object) -> str:
    """Text made safe inside an element or a quoted attribute."""
    return html.escape(str(text), quote=True)


def badge(place: str) -> str:
    """The LOCAL or AZURE mark that every card and table carries; empty when the place is unknown."""
    return f'<span class="jp-Aml-badge {esc(place)}">{esc(place)}</span>' if place else ""


def head(title: str, place: str = "", *, soft: str = "", before: str = "") -> str:
    """The first line of a card: title, a quiet remark, the badge; `before` is markup that leads it."""
    remark = f'<span class="jp-Aml-soft">{esc(soft)}</span>' if soft else ""
    name = f'<span class="jp-Aml-title">{esc(title)}</span>'
    return f'<div class="jp-Aml-head">{before}{name}{remark}{badge(place)}</div>'


def card(*parts: str) -> str:
    """Markup in the frame that all views share, with its style sheet."""
    return f'{STYLE}<div class="jp-Aml jp-Aml-card">{"".join(parts)}</div>'


def section(title: str, body: str) -> str:
    """A small heading and its markup; nothing when there is no body."""
    return f"<div><h4>{esc(title)}</h4>{body}</div>" if body else ""


def pairs(items: Iterable[tuple[str, str]], *, numeric: bool = False) -> str:
    """Two columns, name and markup of the value, without those that are empty."""
    css = ' class="num"' if numeric else ""
    rows = "".join(f'<tr><th scope="row">{esc(name)}</th><td{css}>{value}</td></tr>' for name, value in items if value)
    return f"<table><tbody>{rows}</tbody></table>" if rows else ""


def scrolling(body: str) -> str:
    """Markup that may be wider than its card: it scrolls inside, the card keeps its width."""
    return f'<div class="jp-Aml-scroll">{body}</div>'


def code(text: str, css: str = "") -> str:
    """Preformatted text."""
    return f'<pre class="{esc(css)}">{esc(text)}</pre>' if css else f"<pre>{esc(text)}</pre>"
