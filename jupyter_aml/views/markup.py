"""Building blocks of every HTML view: escaping, the frame, the badge, the style sheet; never a script.

Colours come from JupyterLab's variables; the fallbacks are translucent greys that read on light and on dark.
Where a front end strips the style sheet (GitHub, an untrusted notebook), plain tables and headings remain.
"""

from __future__ import annotations

import html
from collections.abc import Iterable

STYLE = """<style>
.jp-Aml{font:13px/1.5 var(--jp-ui-font-family,system-ui,-apple-system,"Segoe UI",sans-serif);\
color:var(--jp-ui-font-color1,inherit);max-width:960px}
.jp-Aml-card{border:1px solid var(--jp-border-color2,rgba(128,128,128,.35));border-radius:6px;\
padding:10px 14px 12px;margin:4px 0}
.jp-Aml-head{display:flex;flex-wrap:wrap;align-items:baseline;gap:4px 10px}
.jp-Aml-title{font-size:15px;font-weight:600;overflow-wrap:anywhere}
.jp-Aml-soft{color:var(--jp-ui-font-color2,#80868f)}
.jp-Aml-badge{font-size:10px;font-weight:600;letter-spacing:.06em;padding:1px 6px;border-radius:8px;\
border:1px solid currentColor;margin-left:auto;color:#2a8a63}
.jp-Aml-badge.AZURE{color:#2f7fd0}
.jp-Aml-status{font-weight:600;white-space:nowrap}
.jp-Aml-good{color:#2a8a63}
.jp-Aml-bad{color:#d1453b}
.jp-Aml-busy{color:#2f7fd0}
.jp-Aml-wait{color:#a3700e}
.jp-Aml-still{color:var(--jp-ui-font-color2,#80868f)}
.jp-Aml h4{font-size:11px;font-weight:600;letter-spacing:.04em;text-transform:uppercase;\
margin:12px 0 3px;color:var(--jp-ui-font-color2,#80868f)}
.jp-Aml table{border-collapse:collapse;margin:2px 0;font-size:13px;border:0}
.jp-Aml table th,.jp-Aml table td{text-align:left;vertical-align:top;padding:3px 16px 3px 0;border:0;\
background:none;overflow-wrap:anywhere;max-width:46em;white-space:normal}
.jp-Aml thead th{font-weight:600;color:var(--jp-ui-font-color2,#80868f);white-space:nowrap;\
border-bottom:1px solid var(--jp-border-color2,rgba(128,128,128,.35))}
.jp-Aml tbody tr{background:none!important}
.jp-Aml tbody th{font-weight:400;color:var(--jp-ui-font-color2,#80868f);white-space:nowrap}
.jp-Aml-rows tbody td,.jp-Aml-rows tbody th{border-bottom:1px solid var(--jp-border-color3,rgba(128,128,\
128,.18))}
.jp-Aml table td.num,.jp-Aml table th.num{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.jp-Aml-flow{display:flex;flex-wrap:wrap;gap:0 40px}
.jp-Aml pre{font:12px/1.45 var(--jp-code-font-family,ui-monospace,Menlo,Consolas,monospace);\
margin:2px 0;padding:7px 10px;border-radius:4px;background:var(--jp-layout-color2,rgba(128,128,128,.1));\
color:inherit;overflow:auto;max-height:22em;white-space:pre-wrap;overflow-wrap:anywhere}
.jp-Aml pre.jp-Aml-whole{max-height:48em}
.jp-Aml pre.jp-Aml-error{border-left:3px solid #d1453b}
.jp-Aml code{font-family:var(--jp-code-font-family,ui-monospace,monospace);font-size:12px;\
background:none;color:inherit;padding:0}
.jp-Aml img{max-width:100%;vertical-align:top;margin:2px 8px 2px 0}
.jp-Aml details>summary{cursor:pointer;color:var(--jp-ui-font-color2,#80868f);margin-top:8px}
.jp-Aml .best{font-weight:600}
</style>"""


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


def code(text: str, css: str = "") -> str:
    """Preformatted text."""
    return f'<pre class="{esc(css)}">{esc(text)}</pre>' if css else f"<pre>{esc(text)}</pre>"
