"""Traffic: which deployment of an endpoint serves the next request, and whether a copy goes to another one.

Shares are exact: after any number of requests each deployment has had its percentage of them, give or take less than
one request for each deployment (smooth weighted round robin). Percentages that sum to less than a hundred are shares
of their sum, as Azure's router weighs them; Azure's service lets only sums of 100 and 0 through.
"""

from __future__ import annotations

from collections.abc import Mapping

FULL = 100


class Turns:
    """Names taken in turns.

    Args:
        shares: How often each comes, relative to the others; those of 0 never come.
        idle: A share of turns that nobody takes.
    """

    def __init__(self, shares: Mapping[str, int], idle: int = 0) -> None:
        self._shares = {name: share for name, share in shares.items() if share > 0}
        if idle > 0 and self._shares:
            self._shares[""] = idle
        self._total = sum(self._shares.values())
        self._credit = dict.fromkeys(self._shares, 0)
        self.only = next(iter(self._shares)) if len(self._shares) == 1 else None

    def next(self) -> str:
        """Whose turn it is; empty when nobody's."""
        if self.only is not None:
            return self.only
        credit, best = self._credit, ""
        if not credit:
            return ""
        most = -self._total
        for name, share in self._shares.items():
            credit[name] = have = credit[name] + share
            if have > most:
                best, most = name, have
        credit[best] -= self._total
        return best


def serving(traffic: Mapping[str, int]) -> Turns:
    """Turns of the deployments that take live traffic."""
    return Turns(traffic)


def mirroring(mirror: Mapping[str, int]) -> Turns:
    """Turns of the deployments that get copies: `mirror` says the percentage of all requests for each."""
    return Turns(mirror, FULL - sum(mirror.values()))
