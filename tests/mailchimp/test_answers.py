"""Every row of the table of error shapes, and every way in which a connection fails."""

from __future__ import annotations

import ssl

import pytest
import requests
from urllib3.exceptions import MaxRetryError, NewConnectionError, ProtocolError, ReadTimeoutError

from orchestrator.errors import (
    GatewayMisconfigured,
    NotAtProvider,
    OutcomeUnknown,
    RejectedByProvider,
    RetryLater,
)
from orchestrator.mailchimp.answers import failure_of_answer, failure_of_exchange, json_object
from orchestrator.mailchimp.failures import Effect, Failure, Kind, scrubbed

JSON = "application/problem+json; charset=utf-8"
SIGNUPS = "a@b.example has signed up to a lot of lists very recently; we're not allowing more signups for now"


def told(status: int, title: str, detail: str = "", **more: object) -> Failure | None:
    return failure_of_answer(status, JSON, {"title": title, "detail": detail, **more})


def bare(status: int, body: bytes = b"", content_type: str = "") -> Failure | None:
    return failure_of_answer(status, content_type, json_object(body))


@pytest.mark.parametrize(
    ("status", "title", "detail", "kind"),
    [
        (
            400,
            "Invalid Resource",
            "a@b.example looks fake or invalid, please enter a real email address.",
            Kind.REFUSED,
        ),
        (400, "Invalid Resource", "Please provide a valid email address.", Kind.REFUSED),
        (400, "Invalid Resource", SIGNUPS, Kind.LATER),
        (400, "Invalid Resource", "Your merge fields were invalid.", Kind.REFUSED),
        (400, "Invalid Resource", "The resource submitted could not be validated.", Kind.REFUSED),
        (400, "Invalid Resource", "Schema describes object, array found instead", Kind.REFUSED),
        (400, "Member Exists", "a@b.example is already a list member.", Kind.REFUSED),
        (400, "Member In Compliance State", "a@b.example is in a compliance state", Kind.REFUSED),
        (400, "Forgotten Email Not Subscribed", "a@b.example was permanently deleted", Kind.REFUSED),
        (400, "Bad Request", "Your Campaign is not ready to send.", Kind.REFUSED),
        (400, "JSON Parse Exception", "", Kind.REFUSED),
        (401, "API Key Invalid", "", Kind.MISCONFIGURED),
        (401, "API Key Missing", "", Kind.MISCONFIGURED),
        (403, "User Disabled", "", Kind.MISCONFIGURED),
        (404, "Resource Not Found", "", Kind.GONE),
        (405, "Method Not Allowed", "", Kind.REFUSED),
        (414, "URI Too Long", "", Kind.REFUSED),
        (422, "Bad Method Override", "", Kind.REFUSED),
        (426, "Upgrade Required", "", Kind.MISCONFIGURED),
        (429, "Too Many Requests", "", Kind.THROTTLED),
        (500, "Internal Server Error", "", Kind.BROKEN),
        (503, "Unavailable", "", Kind.BROKEN),
    ],
)
def test_each_refusal_that_mailchimp_explains_has_its_kind(status: int, title: str, detail: str, kind: Kind) -> None:
    failure = told(status, title, detail)
    assert failure is not None
    assert failure.kind is kind
    assert failure.title == title


@pytest.mark.parametrize("status", [500, 502, 504])
def test_a_server_error_proves_nothing_even_in_words(status: int) -> None:
    failure = told(status, "Internal Server Error")
    assert failure is not None
    assert not failure.proof


@pytest.mark.parametrize("status", [429, 403])
@pytest.mark.parametrize("body", [b"", b"{}", b"<html>busy</html>"])
def test_a_429_or_403_without_a_word_is_throttling_and_no_proof(status: int, body: bytes) -> None:
    failure = bare(status, body)
    assert failure is not None
    assert (failure.kind, failure.proof) == (Kind.THROTTLED, False)


@pytest.mark.parametrize(
    ("status", "body"),
    [(500, b"{}"), (500, b"{"), (500, b""), (502, b"<html>Bad gateway</html>"), (504, b""), (404, b""), (400, b"{}")],
)
def test_an_answer_without_mailchimps_words_is_broken(status: int, body: bytes) -> None:
    failure = bare(status, body)
    assert failure is not None
    assert (failure.kind, failure.proof) == (Kind.BROKEN, False)


@pytest.mark.parametrize("body", [b"", b"<html>Sign in to the network</html>", b"[]", b"null", b'"ok"'])
def test_a_success_status_without_a_json_object_is_broken(body: bytes) -> None:
    failure = bare(200, body, "text/html; charset=utf-8")
    assert failure is not None
    assert failure.kind is Kind.BROKEN


@pytest.mark.parametrize(("status", "body"), [(204, b""), (200, b"{}"), (200, b'{"id": 1}')])
def test_no_content_and_json_objects_are_successes(status: int, body: bytes) -> None:
    assert bare(status, body) is None


@pytest.mark.parametrize("status", [301, 302, 307, 407])
def test_a_redirect_or_a_proxy_that_wants_a_password_is_a_wrong_setting(status: int) -> None:
    failure = bare(status)
    assert failure is not None
    assert failure.kind is Kind.MISCONFIGURED
    assert "base_url" in failure.cause


def test_the_reasons_of_a_validation_are_told_without_addresses() -> None:
    failure = told(
        400,
        "Invalid Resource",
        "ada@shop.example looks fake",
        errors=[{"field": "FNAME", "message": "ada@shop.example is no name"}],
        instance="abc-123",
    )
    assert failure is not None
    assert failure.detail == "<address> looks fake FNAME: <address> is no name"
    assert "request abc-123" in failure.cause


def test_addresses_of_every_form_are_scrubbed() -> None:
    said = 'no: Ada.L+x@Shop.example, <bob@x.example> "eve@y.example" (o\'neil@z.example)'
    assert "@" not in scrubbed(said)


# -- no answer


def no_route() -> requests.ConnectionError:
    refused = NewConnectionError(None, "Failed to establish a new connection: refused")  # type: ignore[arg-type]
    return requests.ConnectionError(MaxRetryError(None, "/3.0", refused))  # type: ignore[arg-type]


def test_a_connection_that_never_came_about_proves_that_nothing_was_done() -> None:
    for error in (no_route(), requests.ConnectTimeout(), requests.exceptions.ProxyError()):
        failure = failure_of_exchange(error)
        assert (failure.kind, failure.proof) == (Kind.UNREACHABLE, True)


def test_a_connection_that_broke_proves_nothing() -> None:
    reset = ConnectionResetError(104, "Connection reset by peer")
    failure = failure_of_exchange(requests.ConnectionError(ProtocolError("Connection aborted.", reset)))
    assert (failure.kind, failure.proof, failure.timed_out) == (Kind.BROKEN, False, False)
    assert "Connection reset by peer" in failure.cause


def test_a_timeout_is_known_as_one_wherever_it_happened() -> None:
    within_the_body = requests.ConnectionError(ReadTimeoutError(None, "/", "Read timed out."))  # type: ignore[arg-type]
    for error in (requests.ReadTimeout(), within_the_body):
        failure = failure_of_exchange(error)
        assert (failure.kind, failure.proof, failure.timed_out) == (Kind.BROKEN, False, True)


def test_an_untrusted_certificate_is_a_wrong_setting() -> None:
    cause = MaxRetryError(None, "/", ssl.SSLCertVerificationError(1, "certificate verify failed"))  # type: ignore[arg-type]
    assert failure_of_exchange(requests.exceptions.SSLError(cause)).kind is Kind.MISCONFIGURED


def test_a_broken_encryption_proves_nothing() -> None:
    cause = MaxRetryError(None, "/", ssl.SSLEOFError(8, "EOF occurred in violation of protocol"))  # type: ignore[arg-type]
    failure = failure_of_exchange(requests.exceptions.SSLError(cause))
    assert (failure.kind, failure.proof) == (Kind.BROKEN, False)


# -- what follows


PROVEN = Failure(Kind.THROTTLED, "too many", proof=True)
OPEN = Failure(Kind.BROKEN, "cut", proof=False)


@pytest.mark.parametrize(
    ("effect", "after_proof", "without_proof"),
    [
        (Effect.READ, True, True),
        (Effect.REPEATABLE, True, True),
        (Effect.ONCE, True, False),
        (Effect.SEND, False, False),
    ],
)
def test_what_may_be_repeated_follows_from_effect_and_proof(
    effect: Effect, after_proof: bool, without_proof: bool
) -> None:
    assert PROVEN.may_repeat(effect) is after_proof
    assert OPEN.may_repeat(effect) is without_proof
    assert not Failure(Kind.REFUSED, "no", proof=True).may_repeat(effect)


@pytest.mark.parametrize(
    ("failure", "effect", "doubt", "error"),
    [
        (PROVEN, Effect.SEND, False, RetryLater),
        (PROVEN, Effect.REPEATABLE, True, OutcomeUnknown),
        (OPEN, Effect.READ, True, RetryLater),
        (OPEN, Effect.ONCE, True, OutcomeUnknown),
        (Failure(Kind.LATER, "", proof=True), Effect.ONCE, False, RetryLater),
        (Failure(Kind.REFUSED, "", proof=True), Effect.ONCE, False, RejectedByProvider),
        (Failure(Kind.GONE, "", proof=True), Effect.READ, False, NotAtProvider),
        (Failure(Kind.MISCONFIGURED, "", proof=False), Effect.READ, True, GatewayMisconfigured),
    ],
)
def test_the_error_says_what_the_caller_may_rely_on(
    failure: Failure, effect: Effect, doubt: bool, error: type[Exception]
) -> None:
    told_error = failure.as_error("create the campaign", effect, doubt=doubt)
    assert type(told_error) is error
    assert "create the campaign" in str(told_error)
