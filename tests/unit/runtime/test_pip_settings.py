"""uv looks where pip looks."""

from __future__ import annotations

from jupyter_aml.local.runtime.pip_settings import for_uv, from_variables, parse

LISTED = """:env:.find-links='/wheels'
global.extra-index-url='https://a/simple https://b/simple'
global.find-links='/elsewhere'
install.no-index='true'
global.cert='/ca.pem'
download.index-url='https://not-for-install'
broken
"""


def test_variables_win_over_the_section_of_the_command_and_that_over_the_global_one() -> None:
    assert parse(LISTED) == {
        "find-links": "/wheels",
        "extra-index-url": "https://a/simple https://b/simple",
        "no-index": "true",
        "cert": "/ca.pem",
    }


def test_settings_become_flags() -> None:
    flags, env = for_uv(parse(LISTED))

    assert flags == [
        *("--index-strategy", "unsafe-best-match"),
        *("--extra-index-url", "https://a/simple", "--extra-index-url", "https://b/simple"),
        *("--find-links", "/wheels"),
        "--no-index",
    ]
    assert env == {"SSL_CERT_FILE": "/ca.pem"}


def test_without_pip_the_variables_count() -> None:
    assert from_variables({"PIP_NO_INDEX": "1", "HOME": "x"}) == {"no-index": "1"}
