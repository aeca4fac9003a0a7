"""Webhook deliveries: news of the account in, form-encoded posts to the addresses that asked for it out.

Best effort, as a rehearsal: in order, one repeat on failure, none after an answer of 410. An address is checked with
a GET before it is accepted.
"""

from __future__ import annotations

import hashlib
import hmac
import queue
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import requests

if TYPE_CHECKING:
    from orchestrator.sandbox.audience import Json, Webhook
    from orchestrator.sandbox.state import Account, News

PATIENCE = 10.0
"""seconds a receiver has for its answer"""


@dataclass(frozen=True, slots=True)
class Post:
    url: str
    body: bytes
    signature: str


class Postman(threading.Thread):
    """Posts in the background. ``flush`` waits until all that was handed over is delivered or given up."""

    def __init__(self) -> None:
        super().__init__(name="sandbox-webhooks", daemon=True)
        self._queue: queue.Queue[Post | None] = queue.Queue()

    def hand_over(self, account: Account) -> None:
        """Take the account's news; the caller holds its lock."""
        while account.news:
            news = account.news.popleft()
            audience = account.audiences.get(news.audience_id)
            for webhook in audience.webhooks.values() if audience else ():
                if webhook.events.get(news.kind) and webhook.sources.get(news.source):
                    self._queue.put(_post(webhook, news))

    def flush(self) -> None:
        self._queue.join()

    def close(self) -> None:
        self._queue.put(None)
        self.join(PATIENCE)

    def run(self) -> None:
        while (post := self._queue.get()) is not None:
            _deliver(post)
            self._queue.task_done()
        self._queue.task_done()


def answers(url: str) -> bool:
    """Whether the address answers a GET with 200, as Mailchimp's validator wants."""
    try:
        return requests.get(url, timeout=PATIENCE).status_code == 200
    except requests.RequestException:
        return False


def _post(webhook: Webhook, news: News) -> Post:
    fields: list[tuple[str, str]] = [("type", news.kind), ("fired_at", news.fired_at.strftime("%Y-%m-%d %H:%M:%S"))]
    fields += _flat("data", news.data)
    body = urlencode(fields).encode()
    at = int(news.fired_at.timestamp())
    signed = hmac.new(webhook.secret.encode(), b"%d." % at + body, hashlib.sha256).hexdigest()
    return Post(webhook.url, body, f"t={at},v1={signed}")


def _flat(prefix: str, data: Json) -> list[tuple[str, str]]:
    """``{"merges": {"FNAME": "Ada"}}`` under ``data`` becomes ``data[merges][FNAME]=Ada``."""
    pairs: list[tuple[str, str]] = []
    for key, value in data.items():
        name = f"{prefix}[{key}]"
        pairs += _flat(name, value) if isinstance(value, dict) else [(name, str(value))]
    return pairs


def _deliver(post: Post) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Mailchimp-Signature": post.signature}
    for _ in range(2):
        try:
            answer = requests.post(post.url, data=post.body, headers=headers, timeout=PATIENCE)
        except requests.RequestException:
            continue
        if answer.ok or answer.status_code == 410:
            return
