"""The composition root: builds workspace, database, clock and gateway once. No decisions."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from orchestrator.clock import FixedClock, SystemClock, to_epoch
from orchestrator.definitions.workspace import load_secret, read_workspace
from orchestrator.errors import DefinitionError, UsageError
from orchestrator.store.opening import open_database

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from orchestrator.clock import Clock
    from orchestrator.definitions.values import Settings, Workspace
    from orchestrator.gateway import EmailGateway
    from orchestrator.mailchimp.connections import ConnectionBudget
    from orchestrator.problems import Problem
    from orchestrator.store.database import Database
    from orchestrator.store.leases import HeldLease

SANDBOX_KEY = "sandbox-us1"


@runtime_checkable
class Closable(Protocol):
    """A gateway that keeps connections open."""

    def close(self) -> None: ...


class Engine:
    """One workspace, its database, a clock and a gateway that is opened when it is first needed."""

    def __init__(
        self,
        workspace: Workspace,
        problems: Sequence[Problem],
        database: Database,
        clock: Clock,
        *,
        pretend_now: bool,
        gateway: EmailGateway | None = None,
    ) -> None:
        self.workspace = workspace
        self.problems = tuple(problems)
        """what is wrong with files that were left out"""
        self.database = database
        self.clock = clock
        self._pretend_now = pretend_now
        self._gateway = gateway
        self._connections: ConnectionBudget | None = None

    @property
    def settings(self) -> Settings:
        return self.workspace.settings

    @property
    def kept_segments(self) -> frozenset[str]:
        """Segments whose file has an error: their memberships and tags stay as they are."""
        files = {problem.file for problem in self.problems}
        return frozenset(
            file.removeprefix("segments/").removesuffix(".toml") for file in files if file.startswith("segments/")
        ) - set(self.workspace.segments)

    @property
    def gateway(self) -> EmailGateway:
        """The provider, opened at first use."""
        if self._gateway is None:
            from orchestrator.mailchimp.gateway import open_gateway  # noqa: PLC0415 -- slow to import

            sender = self.settings.mailchimp
            self._gateway = open_gateway(
                sender,
                self._api_key(),
                self._budget(),
                clock=self.clock,
                pretend_now=self._pretend_now,
                before_write=self.database.check_fences,
            )
        return self._gateway

    def refuse_pretended_writes(self) -> None:
        """Under ``--now`` only this machine's own Mailchimp is written to. Raises UsageError before anything is asked.

        The client refuses every single write, too; by then a run would be recorded.
        """
        if not self._pretend_now:
            return
        from orchestrator.mailchimp.host import is_loopback  # noqa: PLC0415 -- as above

        base_url = self.settings.mailchimp.base_url
        if base_url is None or not is_loopback(base_url):
            raise UsageError(
                "--now pretends another moment, so nothing is written to a Mailchimp outside this machine. "
                "Leave --now out, or point [mailchimp] base_url at a sandbox."
            )

    def _api_key(self) -> str:
        """The key; on this machine's own sandbox, which takes any, none is needed."""
        from orchestrator.mailchimp.host import is_loopback  # noqa: PLC0415 -- as above

        sender = self.settings.mailchimp
        try:
            return load_secret(sender.api_key, self.workspace.root)
        except UsageError as missing:
            if sender.base_url is not None and is_loopback(sender.base_url):
                return SANDBOX_KEY
            raise UsageError(
                f"{missing}\n"
                "To try without an account: `campaigns sandbox` starts a local Mailchimp and says what to set."
            ) from None

    def _budget(self) -> ConnectionBudget:
        """Connections are counted over all processes of the database."""
        from orchestrator.mailchimp.connections import ConnectionBudget  # noqa: PLC0415 -- as above

        connections = self.settings.mailchimp.connections
        file = self.database.engine.url.database
        if self.database.dialect == "postgresql":
            self._connections = ConnectionBudget.over_postgres(self.database.engine, connections)
        elif not file or file == ":memory:":
            self._connections = ConnectionBudget.in_process(connections)
        else:
            self._connections = ConnectionBudget.over_files(Path(f"{file}-connections"), connections)
        return self._connections

    def with_clock(self, clock: Clock) -> Engine:
        """The same engine, before its first call, by another clock."""
        return Engine(
            self.workspace,
            self.problems,
            self.database,
            clock,
            pretend_now=self._pretend_now,
            gateway=self._gateway,
        )

    def with_workspace(self, workspace: Workspace, problems: Sequence[Problem]) -> Engine:
        """The same engine over newer files."""
        same_account = workspace.settings.mailchimp == self.settings.mailchimp
        newer = Engine(
            workspace,
            problems,
            self.database,
            self.clock,
            pretend_now=self._pretend_now,
            gateway=self._gateway if same_account else None,
        )
        if same_account:
            newer._connections = self._connections
        return newer

    def rehearsing(self, database: Database) -> Engine:
        """The same engine on a rehearsal: writes to the provider are pretended, those to the database rolled back."""
        from orchestrator.rehearsal import RehearsalGateway  # noqa: PLC0415 -- needed by plan and dry runs only

        return Engine(
            self.workspace,
            self.problems,
            database,
            self.clock,
            pretend_now=False,  # no write of a rehearsal leaves this process
            gateway=RehearsalGateway(self.gateway),
        )

    @contextmanager
    def at_work(
        self, doing: str, *, wait_seconds: float = 30, on_wait: Callable[[str], None] | None = None
    ) -> Iterator[HeldLease]:
        """Hold the lease of the cycle. Raises Busy, naming who has it."""
        from orchestrator.store.leases import CYCLE, lease  # noqa: PLC0415 -- what only reads needs no table classes

        with lease(self.database, CYCLE, doing, wait_seconds=wait_seconds, on_wait=on_wait) as held:
            yield held

    def close(self) -> None:
        """Give back what is open: connections to the provider, their places, and the database."""
        if isinstance(self._gateway, Closable):
            self._gateway.close()
        if self._connections is not None:
            self._connections.close()
        self.database.close()


def open_engine(root: Path, *, now: datetime | None = None) -> Engine:
    """The engine of the workspace at ``root``. Raises DefinitionError where config.toml is unusable.

    ``now``: everything reads, decides and records as if it were then.
    """
    workspace, problems = read_workspace(root)
    if workspace is None:
        raise DefinitionError(problems)
    clock: Clock = SystemClock() if now is None else FixedClock(now)
    url = workspace.settings.database_url
    if url.startswith(("env:", "file:")):
        url = load_secret(url, root)
    database = open_database(url, root, now=to_epoch(clock.now()))
    return Engine(workspace, problems, database, clock, pretend_now=now is not None)
