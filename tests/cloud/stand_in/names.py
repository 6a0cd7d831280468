"""Leads Azure's host names to the stand-in on this machine."""

from __future__ import annotations

from typing import Any

PORT = "AZURE_STAND_IN"
"""Names the stand-in's port to other processes."""

SUFFIXES = (
    "azure.com",
    "microsoftonline.com",
    "microsoft.com",
    "windows.net",
    "azureml.ms",
    "chinacloudapi.cn",
    "microsoftonline.cn",
    "usgovcloudapi.net",
    "microsoftonline.us",
    "stack.example",
)


def of_azure(host: Any) -> bool:
    """Whether a host is one of Azure's."""
    text = host.decode() if isinstance(host, bytes) else str(host or "")
    return any(text == suffix or text.endswith("." + suffix) for suffix in SUFFIXES)


def lead(look_up: Any, port: int) -> Any:
    """`look_up`, with the stand-in's address as that of every host of Azure."""

    def getaddrinfo(host: Any, asked: Any, *arguments: Any, **named: Any) -> Any:
        if of_azure(host):
            return look_up("127.0.0.1", port, *arguments, **named)
        return look_up(host, asked, *arguments, **named)

    return getaddrinfo
