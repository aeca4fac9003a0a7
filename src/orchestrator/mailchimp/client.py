"""The mailchimp-marketing client made safe: pooled, timed, limited, retried, every answer checked.

Mailchimp's own client (3.0.80) opens a connection per call, never repeats anything, and returns bodiless 429 and 403
answers as if they were successes. All of its HTTP goes through one method, ``ApiClient.request``; that method is
replaced here, and what it lets through is a success.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import mailchimp_marketing
import orjson
import requests
from mailchimp_marketing.api_client import ApiClientError
from requests.adapters import HTTPAdapter
from tenacity import Retrying, retry_if_exception, stop_after_attempt, stop_after_delay, wait_random_exponential

from orchestrator import __version__
from orchestrator.errors import OutcomeUnknown, RetryLater, UsageError
from orchestrator.mailchimp.answers import failure_of_answer, failure_of_exchange, json_object
from orchestrator.mailchimp.failures import Effect, Failure, Kind
from orchestrator.mailchimp.host import is_loopback
from orchestrator.mailchimp.slots import LONGEST_CALL

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from orchestrator.mailchimp.connections import ConnectionBudget, Slot

Answer = TypeVar("Answer")

CONNECT_SECONDS = 10.0
READ_SECONDS = 130.0
"""Mailchimp ends a call after 120 s: who waits longer always hears how it ended"""
ATTEMPTS = 6
_LONGEST_REPEATING = 300.0
"""seconds after which nothing is tried again, so that timeouts do not add up to a quarter of an hour"""
_IDLE_SECONDS = 30.0
"""seconds after which an unused connection is not trusted: firewalls forget it without telling anybody"""

log = logging.getLogger(__name__)


class MailchimpClient:
    """Makes one call at a time per thread, from any number of threads. ``api`` holds Mailchimp's generated methods.

    ``sleep`` waits between attempts; ``pretended`` is true under ``--now``, where only this machine may be written to.
    ``before_write`` is asked at the last moment before each request that changes something, after all waiting for a
    place and between attempts, and raises where this process may no longer act.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str,
        budget: ConnectionBudget,
        *,
        sleep: Callable[[float], None],
        pretended: bool = False,
        before_write: Callable[[], None] = lambda: None,
        timeout: tuple[float, float] = (CONNECT_SECONDS, READ_SECONDS),
    ) -> None:
        self._budget = budget
        self._sleep = sleep
        self._writes_refused = pretended and not is_loopback(base_url)
        self._before_write = before_write
        self._timeout = timeout
        self._calls = 0
        self._last_use = time.monotonic()
        self._counting = threading.Lock()
        self._session = _session(base_url, api_key, budget.connections)
        # a server named "server" makes the client's replacement of that word in every URL change nothing;
        # the key stays with the session
        self.api = mailchimp_marketing.Client({"server": "server"})
        self.api.api_client.host = base_url
        self.api.api_client.default_headers["User-Agent"] = f"campaign-orchestrator/{__version__}"
        self.api.api_client.request = self._request

    @property
    def calls(self) -> int:
        """HTTP requests made so far."""
        return self._calls

    def call(
        self,
        what: str,
        method: Callable[..., Any],
        *values: Any,
        effect: Effect,
        read: Callable[[Mapping[str, Any]], Answer],
        attempts: int = ATTEMPTS,
        **query: Any,
    ) -> Answer:
        """Call one of ``api``'s methods and ``read`` the answer ({} for 204).

        ``what`` says what is tried, as "create the campaign", without addresses. Raises the GatewayErrors; UsageError
        where a pretended moment forbids the write.
        """
        if self._writes_refused and effect is not Effect.READ:
            raise UsageError(
                f"--now pretends another moment, so nothing is written to a Mailchimp outside this machine: {what}. "
                "Leave --now out, or point [mailchimp] base_url at a sandbox."
            )
        doubt = False
        repeating = Retrying(
            retry=retry_if_exception(lambda error: isinstance(error, Failure) and error.may_repeat(effect)),
            stop=stop_after_attempt(attempts) | stop_after_delay(_LONGEST_REPEATING),
            # blind, since Mailchimp names no time; random, so that threads do not come back together
            wait=wait_random_exponential(multiplier=0.5, max=30),
            sleep=self._sleep,
            reraise=True,
        )
        try:
            for attempt in repeating:
                with attempt:
                    try:
                        answer = self._once(method, *values, **query)
                    except Failure as failure:
                        doubt = doubt or not failure.proof
                        log.info("Mailchimp: %s failed (%s): %s", what, failure.kind.name.lower(), failure.cause)
                        raise
        except Failure as failure:
            raise failure.as_error(what, effect, doubt=doubt) from None
        try:
            return read(answer)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            message = f"Mailchimp's answer was not understood ({type(error).__name__}): {what}."
            if effect is Effect.READ:
                raise RetryLater(f"{message} It is read again later.") from error
            raise OutcomeUnknown(f"{message} What is there is read before anything is repeated.") from error

    def close(self) -> None:
        """Close the pooled connections. The next call opens new ones."""
        self._session.close()

    def _once(self, method: Callable[..., Any], *values: Any, **query: Any) -> Mapping[str, Any]:
        try:
            answer = method(*values, **query)
        except ApiClientError as error:
            # whatever _request raises arrives wrapped
            if isinstance(error.text, Exception):
                raise error.text from None
            raise
        # for 204 and {} the client returns what _request gave it
        return answer if isinstance(answer, dict) else {}

    def _request(
        self,
        method: str,
        url: str,
        query_params: list[tuple[str, Any]] | None = None,
        headers: dict[str, str] | None = None,
        body: Any = None,
    ) -> _Success:
        """Takes the place of ``ApiClient.request``: one HTTP exchange; returns successes, raises Failure otherwise."""
        data = _written(body) if method in {"POST", "PUT", "PATCH"} else None
        params = [
            (name, str(value).lower() if isinstance(value, bool) else value) for name, value in query_params or ()
        ]
        with self._budget.slot() as slot:
            if method != "GET":
                self._before_write()
            self._count()
            try:
                response = self._session.request(
                    method, url, params=params, headers=headers, data=data, timeout=self._timeout, allow_redirects=False
                )
            except requests.RequestException as error:
                failure: Failure | None = failure_of_exchange(error)
            except BaseException:
                # Ctrl-C: Mailchimp goes on with the call
                slot.cool(LONGEST_CALL - self._budget.elapsed(slot))
                raise
            else:
                log.debug("Mailchimp: %s %s in %.3f s", method, response.status_code, self._budget.elapsed(slot))
                failure = None if response.ok else _read(response)[1]
            if failure is not None:
                self._heed(failure, slot)
                raise failure
        # answers to 500 members take a while to be read: another call has the place meanwhile
        document, failure = _read(response)
        if failure is not None:
            raise failure
        return _Success(document or {})

    def _count(self) -> None:
        with self._counting:
            self._calls += 1
            now = time.monotonic()
            if now - self._last_use > _IDLE_SECONDS:
                self._session.close()
            self._last_use = now

    def _heed(self, failure: Failure, slot: Slot) -> None:
        if failure.kind is Kind.THROTTLED:
            self._budget.throttled(slot)
            log.warning("Mailchimp: too many calls at once; %d at a time for a while", self._budget.permits())
        if failure.timed_out:
            # Mailchimp counts a call that we gave up on until it ends it itself
            slot.cool(LONGEST_CALL - self._budget.elapsed(slot))


def _written(body: Any) -> bytes | str:
    try:
        return orjson.dumps(body)
    except TypeError:  # half a character, as a damaged text may hold: it has an escape, and no UTF-8
        return json.dumps(body)


def _read(response: requests.Response) -> tuple[dict[str, Any] | None, Failure | None]:
    """The answer's document, and what is wrong with it."""
    document = json_object(response.content)
    kind = response.headers.get("Content-Type", "")
    return document, failure_of_answer(response.status_code, kind, document)


class _Success:
    """A success as ``ApiClient.call_api`` wants it: the answers to 500 members are not read twice."""

    ok = True
    headers: ClassVar = {"content-type": "application/json"}
    """whatever content type it came under"""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document

    def json(self) -> dict[str, Any]:
        return self._document


def _session(base_url: str, api_key: str, connections: int) -> requests.Session:
    """One pool for all threads: as many connections as calls may be in flight, kept open between them."""
    session = requests.Session()
    # given here, the key goes before anything that .netrc holds for the host
    session.auth = ("user", api_key)
    # proxies of the environment are for other machines
    session.trust_env = not is_loopback(base_url)
    # without cookies the session has no state that threads could share
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    adapter = HTTPAdapter(pool_connections=1, pool_maxsize=connections, max_retries=0)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session
