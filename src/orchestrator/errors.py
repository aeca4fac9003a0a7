"""What can go wrong, grouped by what the caller does next.

OrchestratorError                  every error with a message for people
├── UsageError                     the command was called wrongly                      exit 2
├── DefinitionError                fix a file; carries every problem found             exit 1
├── DataError                      a source or the database failed; nothing changed    exit 1
├── Refused                        a guard stops it: look, then decide                 exit 3
│   ├── UnsafePlanError            the difference is abnormally large: look, then force
│   └── WaitingForPerson           needs an approval or a confirmation
├── Busy                           another process is doing it                         exit 1
└── GatewayError                   the provider                                        exit 1
    ├── RetryLater                 certainly not done; the work stays owed
    ├── OutcomeUnknown             perhaps done: read before repeating
    ├── RejectedByProvider         this item is refused; settle it and go on
    ├── NotAtProvider              the object is gone
    └── GatewayMisconfigured       stop all work and tell the operator
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.problems import Problem


class OrchestratorError(Exception):
    """An error whose text is written for the person who runs the command."""

    exit_code: ClassVar[int] = 1


class UsageError(OrchestratorError):
    """The command was called wrongly; the message says how to call it."""

    exit_code = 2


class DefinitionError(OrchestratorError):
    """Files need fixing. ``problems`` holds all of them, so that one round of fixing is enough."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class DataError(OrchestratorError):
    """A source, a file of data or the database failed; what was stored before is untouched."""


class Refused(OrchestratorError):
    """A guard stopped it. The message says which, by how much, and what a person can do."""

    exit_code = 3


class UnsafePlanError(Refused):
    """The difference is abnormally large; ``--force`` carries it out once."""


class WaitingForPerson(Refused):
    """Nothing happens until a person approves or confirms."""


class Busy(OrchestratorError):
    """Another process holds the lease; the message names it."""


class GatewayError(OrchestratorError):
    """The provider's answer, or the lack of one."""


class RetryLater(GatewayError):
    """The call was certainly not carried out; it can be made again later."""


class OutcomeUnknown(GatewayError):
    """The call may have been carried out; only reading tells."""


class RejectedByProvider(GatewayError):
    """The provider refuses this item and will refuse it again."""

    def __init__(self, message: str, *, title: str = "", detail: str = "") -> None:
        super().__init__(message)
        self.title = title
        self.detail = detail


class NotAtProvider(GatewayError):
    """The object does not exist at the provider."""


class GatewayMisconfigured(GatewayError):
    """Key, account or audience are wrong: every further call would fail the same way."""
