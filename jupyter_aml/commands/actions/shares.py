"""How an endpoint's requests are shared when a deployment joins (pure)."""

from __future__ import annotations

from collections.abc import Mapping

from jupyter_aml.errors import UsageError

FULL = 100


def given(known: Mapping[str, int], name: str, percent: int | None) -> dict[str, int] | None:
    """The traffic by deployment after one has got its share; None where it stays as it is.

    The others keep their proportions among what is left. Without a number the first deployment gets everything and
    a later one nothing new.

    Args:
        known: Percent by deployment, zeros included.
        name: Of the deployment.
        percent: Its share, 0-100; None for the usual one.

    Raises:
        UsageError: The number is no percent, or nobody would get the rest.
    """
    others = {key: value for key, value in known.items() if key != name and value > 0}
    if percent is None:
        return None if others or known.get(name) else {name: FULL}
    if not 0 <= percent <= FULL:
        msg = f"--traffic {percent}: a whole number from 0 to {FULL} was expected."
        raise UsageError(msg, remedy="Type for example --traffic 10.")
    if not others and percent < FULL:
        msg = f"--traffic {percent}: no other deployment gets the other {FULL - percent} %."
        raise UsageError(msg, remedy=f"Leave it out: {name} then gets all requests.")
    return {**_spread(others, FULL - percent), **({name: percent} if percent else {})}


def _spread(weights: Mapping[str, int], total: int) -> dict[str, int]:
    """Whole numbers in the proportions of the weights, which sum to the total; those of 0 are left out."""
    if not weights or not total:
        return {}
    whole = sum(weights.values())
    exact = {key: total * value / whole for key, value in weights.items()}
    found = {key: int(value) for key, value in exact.items()}
    short = total - sum(found.values())
    for key in sorted(exact, key=lambda key: found[key] - exact[key])[:short]:
        found[key] += 1
    return {key: value for key, value in found.items() if value}
