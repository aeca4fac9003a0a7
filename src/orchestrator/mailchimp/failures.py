"""Why a call is no success: whether it may be made again, and what the caller is told.

Two questions decide everything: *can trying again help* (the kind), and *is it proven that nothing was done*.
``answers`` finds both in what came back; a call's ``Effect`` says what follows from them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from orchestrator.errors import (
    GatewayMisconfigured,
    NotAtProvider,
    OutcomeUnknown,
    RejectedByProvider,
    RetryLater,
)
from orchestrator.scrub import without_secrets

if TYPE_CHECKING:
    from orchestrator.errors import GatewayError

_ADDRESS = re.compile(r"[^\s@<>\"'(),;:]+@[^\s@<>\"'(),;:]+")


class Effect(Enum):
    """What a call does at Mailchimp, and with it how often it may be made."""

    READ = auto()
    """nothing: made again after anything temporary"""
    REPEATABLE = auto()
    """twice is the same as once: made again after anything temporary"""
    ONCE = auto()
    """twice makes two: made again only after proof that nothing was done"""
    SEND = auto()
    """never made again by this package"""


class Kind(Enum):
    """What stands in the way."""

    THROTTLED = auto()
    """too many calls"""
    UNREACHABLE = auto()
    """no connection came about"""
    BROKEN = auto()
    """no answer, or none that Mailchimp's API gives"""
    LATER = auto()
    """refused for hours or days"""
    REFUSED = auto()
    """refused for good"""
    GONE = auto()
    """no such object"""
    MISCONFIGURED = auto()
    """key, account or address of the server"""


_TEMPORARY = frozenset({Kind.THROTTLED, Kind.UNREACHABLE, Kind.BROKEN})
_LATER = frozenset({*_TEMPORARY, Kind.LATER})


@dataclass(eq=False)  # an exception is itself, and not frozen: raising writes its traceback
class Failure(Exception):
    """Why one HTTP exchange is no success. ``cause``, ``title`` and ``detail`` hold no addresses and no secrets."""

    kind: Kind
    cause: str
    proof: bool
    """certain that Mailchimp did nothing"""
    title: str = ""
    detail: str = ""
    timed_out: bool = False

    def may_repeat(self, effect: Effect) -> bool:
        """May the same call be made again, seconds later?"""
        if self.kind not in _TEMPORARY or effect is Effect.SEND:
            return False
        return self.proof or effect is not Effect.ONCE

    def as_error(self, what: str, effect: Effect, *, doubt: bool) -> GatewayError:
        """The error for the caller. ``what``: what was tried, as "create the campaign"; ``doubt``: an earlier attempt
        may have been carried out."""
        if self.kind in _LATER and effect is not Effect.READ and (doubt or not self.proof):
            return OutcomeUnknown(
                f"It is not known whether Mailchimp did this: {what}. {sentence(self.cause)} "
                "What is there is read before anything is repeated."
            )
        if self.kind in _LATER:
            return RetryLater(
                f"Could not {what}: {sentence(self.cause)} Nothing was changed by this call; it stays owed and is "
                "made again later."
            )
        message = f"Could not {what}: {sentence(self.cause)}"
        if self.kind is Kind.REFUSED:
            return RejectedByProvider(message, title=self.title, detail=self.detail)
        if self.kind is Kind.GONE:
            return NotAtProvider(f"{message} Somebody removed it, or it never existed.")
        return GatewayMisconfigured(message)


def scrubbed(text: str) -> str:
    """Mailchimp's words with every e-mail address and every key taken out."""
    return _ADDRESS.sub("<address>", without_secrets(text))


def sentence(text: str) -> str:
    """With a full stop, unless it has an end of its own."""
    return text if text.endswith((".", "!", "?")) else f"{text}."
