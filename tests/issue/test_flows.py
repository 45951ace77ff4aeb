"""The flows of a login, and what others try while somebody logs in."""

from __future__ import annotations

import json
import stat
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from delegate import DelegateError, Identity
from delegate.authoring.token import Token
from delegate.core.chain.revocations import RevocationList
from delegate.errors import Reason
from delegate.issue import IssuerUnavailable, NotIssued, logins, nonce_of
from delegate.issue import dpop as proofs
from delegate.issue.fetch import Answer
from delegate.issue.login import Provider, by_browser, by_device, forgotten, provider_of, refreshed
from delegate.issue.own_files import locked
from tests.issue.test_asgi import sent
from tests.issue.world import AGENT, NOW, POLICY, PROVIDER, THIEF, URL, World

ENDPOINTS = {
    "issuer": PROVIDER,
    "authorization_endpoint": f"{PROVIDER}/auth",
    "token_endpoint": f"{PROVIDER}/token",
    "device_authorization_endpoint": f"{PROVIDER}/device",
}
THERE = Provider(issuer=PROVIDER, client="cli", scope="openid offline_access", endpoints=ENDPOINTS)


class Scripted:
    """A provider that answers as it was told, in order, and remembers what it was asked."""

    def __init__(self, *answers: tuple[int, object]) -> None:
        """Each: a status, and a JSON value."""
        self.answers = list(answers)
        self.asked: list[dict[str, Any]] = []

    def fetch(self, url: str, *, most_bytes: int, form: Any = None, **_: object) -> Answer:  # noqa: ANN401 - as `Fetch`
        """Answer."""
        del most_bytes
        self.asked.append({"url": url, **(form or {})})
        status, value = self.answers.pop(0)
        return Answer(status=status, body=json.dumps(value).encode())


def get(address: str) -> tuple[int, str]:
    """What a browser gets there."""
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:  # noqa: S310 - loopback
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def browse(come_back: Callable[[dict[str, str], str], None], provider: Scripted) -> Any:  # noqa: ANN401
    """Log in with a browser that is a function: it is given the query that it was sent with, and where to come back."""
    threads = []

    def show(address: str) -> None:
        query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        thread = threading.Thread(target=come_back, args=(query, query["redirect_uri"]))
        threads.append(thread)
        thread.start()

    try:
        return by_browser(THERE, AGENT.public_key, show, fetch=provider.fetch, wait_s=10)
    finally:
        for thread in threads:
            thread.join()


def test_a_code_comes_back_and_is_exchanged() -> None:
    """State, PKCE, nonce: each is what it should be, and the code alone travels by the browser."""
    provider = Scripted((200, {"id_token": "a.b.c", "refresh_token": "r"}))
    seen: dict[str, str] = {}

    def come_back(query: dict[str, str], back: str) -> None:
        seen.update(query)
        get(f"{back}?{urlencode({'code': 'the-code', 'state': query['state'], 'iss': PROVIDER})}")

    found = browse(come_back, provider)
    from hashlib import sha256

    from delegate.core.wire.armor import from_base64url, to_base64url

    assert (found.id_token, found.refresh_token) == ("a.b.c", "r")
    assert seen["nonce"] == nonce_of(from_base64url(found.salt), AGENT.public_key)
    assert (seen["code_challenge_method"], seen["prompt"], seen["response_type"]) == ("S256", "consent", "code")
    (asked,) = provider.asked
    assert seen["code_challenge"] == to_base64url(sha256(asked["code_verifier"].encode()).digest())
    assert (asked["code"], asked["redirect_uri"]) == ("the-code", seen["redirect_uri"])
    assert urlsplit(seen["redirect_uri"]).hostname == "127.0.0.1"
    assert "a.b.c" not in repr(found)


def test_a_page_of_somebody_else_s_calls_back_in_vain() -> None:
    """Wrong state, none, twice, another path, a vast one: sent away, and the right one still counts."""
    provider = Scripted((200, {"id_token": "a.b.c"}))
    statuses: list[int] = []

    def come_back(query: dict[str, str], back: str) -> None:
        state = query["state"]
        wrong = (
            f"{back}?code=evil&state=wrong",
            f"{back}?code=evil",
            f"{back}?code=evil&state={state}&state={state}",
            back.replace("/callback", f"/other?code=evil&state={state}"),
            f"{back}?code=evil&state={state}&x={'y' * 9000}",
        )
        statuses.extend(get(each)[0] for each in (*wrong, f"{back}?code=good&state={state}"))

    browse(come_back, provider)
    assert statuses == [404, 404, 404, 404, 404, 200]
    assert provider.asked[0]["code"] == "good"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"code": "c", "iss": "https://login.evil.com"}, "another provider"),
        ({"error": "access_denied", "error_description": "no <b>way</b>"}, "no <b>way</b>"),
        ({"error": "x\x1b[31m"}, "provider refuses"),
        ({"code": "c", "error": "access_denied"}, "access_denied"),
        ({}, "no reason given"),
    ],
)
def test_a_login_that_is_refused(said: dict[str, str], told: str) -> None:
    """By the person, or because the answer comes from elsewhere (RFC 9207); no code is exchanged."""
    pages = []
    provider = Scripted()

    def come_back(query: dict[str, str], back: str) -> None:
        pages.append(get(f"{back}?{urlencode({**said, 'state': query['state']})}"))

    with pytest.raises(NotIssued) as caught:
        browse(come_back, provider)
    assert told in caught.value.detail
    assert "\x1b" not in caught.value.detail
    assert provider.asked == []
    assert pages[0][0] == 400
    assert "<b>" not in pages[0][1]


def test_nobody_comes_back() -> None:
    """A person who closes the page."""
    with pytest.raises(IssuerUnavailable, match="nobody logged in"):
        by_browser(THERE, AGENT.public_key, lambda _: None, fetch=Scripted().fetch, wait_s=0.01)


def test_a_caller_that_drips_keeps_nobody_waiting() -> None:
    """A connection that sends nothing, or a byte now and then: the browser is answered beside it."""
    import socket

    drips: list[socket.socket] = []

    def come_back(query: dict[str, str], back: str) -> None:
        port = urlsplit(back).port
        assert port is not None
        for _ in range(3):
            drips.append(socket.create_connection(("127.0.0.1", port)))
            drips[-1].sendall(b"GET /callb")
        get(f"{back}?{urlencode({'code': 'c', 'state': query['state']})}")

    assert browse(come_back, Scripted((200, {"id_token": "a.b.c"}))).id_token == "a.b.c"

    def only_drip(address: str) -> None:
        port = urlsplit(parse_qs(urlsplit(address).query)["redirect_uri"][0]).port
        assert port is not None
        drips.append(socket.create_connection(("127.0.0.1", port)))
        drips[-1].sendall(b"G")

    with pytest.raises(IssuerUnavailable, match="nobody logged in"):
        by_browser(THERE, AGENT.public_key, only_drip, fetch=Scripted().fetch, wait_s=0.05)
    for each in drips:
        each.close()


def test_more_callers_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are sent away; no thread is made for each."""
    import socket

    monkeypatch.setattr("delegate.issue.login._CONNECTIONS", 1)
    refused: list[bytes] = []

    def come_back(query: dict[str, str], back: str) -> None:
        port = urlsplit(back).port
        assert port is not None
        with socket.create_connection(("127.0.0.1", port)) as first:
            first.sendall(b"GET /")
            with socket.create_connection(("127.0.0.1", port), timeout=10) as second:
                refused.append(second.recv(1))
        while True:
            try:
                get(f"{back}?{urlencode({'code': 'c', 'state': query['state']})}")
            except OSError:
                continue  # the first one's place is not free yet
            return

    browse(come_back, Scripted((200, {"id_token": "a.b.c"})))
    assert refused == [b""]


@pytest.mark.parametrize(
    "address",
    [
        "--new-window=calc",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "http://login.example.com/auth",
        "-https://x/",
        "https://u@x/",
    ],
)
def test_an_address_that_no_browser_may_open(address: str) -> None:
    """What a provider's document says is given to no program before it was looked at."""
    shown: list[object] = []
    odd = Provider(
        issuer=PROVIDER, client="cli", scope="openid", endpoints={**ENDPOINTS, "authorization_endpoint": address}
    )
    with pytest.raises(DelegateError):
        by_browser(odd, AGENT.public_key, shown.append, fetch=Scripted().fetch, wait_s=0.01)
    with pytest.raises(DelegateError):
        by_device(
            THERE,
            lambda *given: shown.append(given),
            fetch=Scripted((200, {**STARTED, "verification_uri": address})).fetch,
            sleep=lambda _: None,
        )
    assert shown == []


@pytest.mark.parametrize("said", ["", "&iss=", f"&iss={PROVIDER}&iss={PROVIDER}", "&iss=https://evil.example"])
def test_a_provider_that_names_itself_must_do_so(said: str) -> None:
    """Where it announces it, an answer without its name may be another provider's (RFC 9207 §2.4)."""
    there = Provider(
        issuer=PROVIDER,
        client="cli",
        scope="openid",
        endpoints={**ENDPOINTS, "authorization_response_iss_parameter_supported": True},
    )

    def show(address: str) -> None:
        query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        threading.Thread(target=get, args=(f"{query['redirect_uri']}?code=c&state={query['state']}{said}",)).start()

    with pytest.raises(NotIssued, match="another provider"):
        by_browser(there, AGENT.public_key, show, fetch=Scripted().fetch, wait_s=10)


@pytest.mark.parametrize("answer", [(400, {"error": "invalid_grant"}), (200, {}), (200, {"id_token": 5}), (500, [])])
def test_a_code_that_gives_nothing(answer: tuple[int, object]) -> None:
    """Whatever the provider answers is an error of the tree."""

    def come_back(query: dict[str, str], back: str) -> None:
        get(f"{back}?{urlencode({'code': 'c', 'state': query['state']})}")

    with pytest.raises(DelegateError):
        browse(come_back, Scripted(answer))


STARTED = {"device_code": "d", "user_code": "ABCD", "verification_uri": f"{PROVIDER}/device", "interval": 7}


def test_a_device_waits_as_it_is_told() -> None:
    """Pending, slow down, then the token; the pauses are the provider's (RFC 8628 §3.5)."""
    pending, slow = {"error": "authorization_pending"}, {"error": "slow_down"}
    provider = Scripted((200, STARTED), (400, pending), (400, slow), (400, pending), (200, {"id_token": "a.b.c"}))
    pauses: list[float] = []
    shown: list[tuple[str, str]] = []
    found = by_device(THERE, lambda *given: shown.append(given), fetch=provider.fetch, sleep=pauses.append)
    assert (found.id_token, found.salt) == ("a.b.c", "")
    assert pauses == [7, 7, 12, 12]
    assert shown == [(f"{PROVIDER}/device", "ABCD")]


@pytest.mark.parametrize(
    "answers",
    [
        [(400, {"error": "unauthorized_client"})],
        [(200, {})],
        [(200, {**STARTED, "interval": "5"})],
        [(200, {**STARTED, "user_code": 5})],
        [(200, STARTED), (400, {"error": "access_denied"})],
        [(200, STARTED), (400, {"error": "expired_token"})],
        [(200, STARTED), *[(400, {"error": "authorization_pending"})] * 50],
    ],
)
def test_a_device_that_gets_nothing(answers: list[tuple[int, object]]) -> None:
    """Refused, over, or nobody came in five minutes."""
    provider = Scripted(*answers)
    with pytest.raises(DelegateError):
        by_device(THERE, lambda *_: None, fetch=provider.fetch, sleep=lambda _: None)


def test_a_refresh_token_is_kept_before_anything_else() -> None:
    """A program that dies after the answer has the new one: the old one is used up."""
    kept: list[str] = []
    provider = Scripted((200, {"id_token": "a.b.c", "refresh_token": "r2"}), (200, {"refresh_token": "r3"}))
    found = refreshed(f"{PROVIDER}/token", "cli", "r1", "salt", kept.append, fetch=provider.fetch)
    assert (found.refresh_token, found.salt, kept) == ("r2", "salt", ["r2"])
    with pytest.raises(NotIssued):
        refreshed(f"{PROVIDER}/token", "cli", "r2", "salt", kept.append, fetch=provider.fetch)
    assert provider.asked[0]["refresh_token"] == "r1"


def test_a_refresh_token_is_forgotten() -> None:
    """RFC 7009; where the provider does not, that is said."""
    forgotten("x", "cli", "r", fetch=Scripted((200, {})).fetch)
    with pytest.raises(IssuerUnavailable):
        forgotten("x", "cli", "r", fetch=Scripted((503, {})).fetch)


def test_where_people_log_in() -> None:
    """By the issuer's word; and the provider's document must be its own."""
    said = {"delegate_login": {"issuer": PROVIDER, "client_id": "cli", "scope": "openid"}}
    assert provider_of(said, fetch=Scripted((200, ENDPOINTS)).fetch).endpoint("token_endpoint") == f"{PROVIDER}/token"
    for wrong in ({}, {"delegate_login": 5}, {"delegate_login": {"issuer": 5}}):
        with pytest.raises(NotIssued):
            provider_of(wrong, fetch=Scripted().fetch)
    with pytest.raises(NotIssued):
        provider_of(said, fetch=Scripted((200, {"issuer": "https://login.evil.com"})).fetch)
    with pytest.raises(NotIssued, match="has no token_endpoint"):
        Provider(issuer=PROVIDER, client="c", scope="", endpoints={}).endpoint("token_endpoint")


def login(token: Token | None = None) -> logins.Login:
    """A login as it is kept."""
    return logins.Login(
        issuer=URL, identity=AGENT, token=token or World().ask().token, client="cli", refresh="r3fr3sh", salt="s4lt"
    )


def test_a_login_is_its_owner_s_alone(tmp_path: Path) -> None:
    """Written whole, mode 0600; read by nobody else's leave; and it prints no secret."""
    path = tmp_path / "data" / "login.json"
    assert logins.load(path) is None
    made = login()
    logins.save(path, made)
    logins.save(path, made.with_refresh("other"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    found = logins.load(path)
    assert found is not None
    assert (found.refresh, found.token, found.identity.public_key) == ("other", made.token, AGENT.public_key)
    assert [each.name for each in path.parent.iterdir()] == ["login.json"]
    shown = repr(found)
    assert not any(secret in shown for secret in ("other", "s4lt", "dlgt_"))
    path.chmod(0o644)
    with pytest.raises(PermissionError):
        logins.load(path)
    path.chmod(0o600)
    for junk in (b"", b"{}", b"[]", b'{"issuer": 5}', b"\xff", b"[" * 100_000):
        path.write_bytes(junk)
        with pytest.raises(DelegateError, match="cannot be read"):
            logins.load(path)
    logins.remove(path)
    logins.remove(path)
    target = tmp_path / "elsewhere"
    target.write_text("{}")
    path.symlink_to(target)
    with pytest.raises(OSError, match="symbolic link"):
        logins.load(path)


def test_two_programs_do_not_use_one_refresh_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever comes second waits, and gives up after a while."""
    from delegate.issue import own_files

    monkeypatch.setattr(own_files, "_LOCK_S", 0.05)
    with (
        locked(tmp_path / "login.json"),
        pytest.raises(IssuerUnavailable, match="held by another"),
        locked(tmp_path / "login.json"),
    ):
        pass
    with locked(tmp_path / "login.json"):
        pass


# --- Taking back ---


def revoking(tmp_path: Path) -> World:
    """An issuer that keeps a list."""
    return World(POLICY.replace("[[trust]]", 'revocations = "list"\n\n[[trust]]', 1), folder=tmp_path)


def revoke(world: World, text: str, who: Identity = AGENT, url: str = f"{URL}/revoke") -> int:
    """Ask over HTTP that a chain be taken back; gives the status."""
    proof = proofs.make(who.signer, method="POST", url=url, now=world.now)
    answer = sent(world, path="/revoke", form={"token": text}, headers={"dpop": proof})
    return answer.status_code


def test_a_holder_takes_its_chain_back(tmp_path: Path) -> None:
    """It stands on the issuer's list, with those that were there before."""
    world = revoking(tmp_path)
    first, second = (world.ask().token for _ in range(2))
    assert revoke(world, first.to_text()) == 200
    assert revoke(world, second.to_text()) == 200
    listed = RevocationList.parse((tmp_path / "list").read_text())
    assert {each.subject for each in listed.records} == {first.id, second.id}
    assert {each.signer for each in listed.records} == {world.issuer.principal.public_key.thumbprint}
    assert (
        sent(world, "GET", "/.well-known/oauth-authorization-server").json()["revocation_endpoint"] == f"{URL}/revoke"
    )


def test_nobody_takes_back_what_is_another_s(tmp_path: Path) -> None:
    """Chains are no secrets: whoever has seen one cannot end it, nor fill the list with others."""
    world = revoking(tmp_path)
    token = world.ask().token
    foreign = Identity.generate("svc:issuer").mint(to=AGENT.principal, can="x", ttl="5m", now=NOW)
    longer = AGENT.attenuate(token, to=THIEF.principal, now=NOW)
    for text, who in (
        (token.to_text(), THIEF),
        (longer.to_text(), THIEF),
        (foreign.to_text(), AGENT),
        ("dlgt_x", AGENT),
    ):
        assert revoke(world, text, who) == 400
    assert revoke(world, token.to_text(), url=f"{URL}/token") == 400
    assert not (tmp_path / "list").exists()
    assert revoke(World(), token.to_text()) == 400  # an issuer without a list
    proof = proofs.make(AGENT.signer, method="POST", url=f"{URL}/revoke", now=NOW)
    world.issuer.take_back({"token": token.to_text()}, dpop=[proof])
    with pytest.raises(NotIssued) as caught:
        world.issuer.take_back({"token": token.to_text()}, dpop=[proof])
    assert caught.value.reason is Reason.REPLAYED


def sequence(tmp_path: Path) -> int:
    """Which list it is."""
    return RevocationList.parse((tmp_path / "list").read_text()).sequence


def test_what_is_listed_or_over_changes_nothing(tmp_path: Path) -> None:
    """One chain, taken back again and again, or after its end: services are given nothing new for it."""
    world = revoking(tmp_path)
    token, later = world.ask().token, world.ask().token
    for _ in range(3):
        assert revoke(world, token.to_text()) == 200
    assert sequence(tmp_path) == 1
    world.now = later.expires
    assert revoke(world, later.to_text()) == 200
    assert sequence(tmp_path) == 1


def test_a_holder_cannot_fill_the_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One originator has a quota, whatever its keys; another is not touched by it; what has gone counts no more."""
    monkeypatch.setattr("delegate.issue.taking_back.QUOTA", 2)
    world = revoking(tmp_path)
    tokens = [world.ask().token for _ in range(3)]
    assert [revoke(world, each.to_text()) for each in tokens] == [200, 200, 400]
    assert sequence(tmp_path) == 2
    bob = world.ask(world.provider.token(email="bob@example.com")).token
    assert revoke(world, bob.to_text()) == 200
    world.now += 3 * 86_400
    fresh = world.ask(world.provider.token(iat=world.now, exp=world.now + 3600)).token
    assert revoke(world, fresh.to_text()) == 200
    counts = tmp_path / ".list.counts"
    assert counts.stat().st_mode & 0o777 == 0o600
    counts.write_text("[")
    assert revoke(world, world.ask(world.provider.token(iat=world.now, exp=world.now + 3600)).token.to_text()) == 503


def test_the_last_places_are_the_operator_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many ask, an operator can still take something back."""
    monkeypatch.setattr("delegate.issue.taking_back.REVOCATIONS", 11)
    monkeypatch.setattr("delegate.issue.taking_back.RESERVED", 10)
    world = revoking(tmp_path)
    first, second = (world.ask().token for _ in range(2))
    assert revoke(world, first.to_text()) == 200
    assert revoke(world, second.to_text()) == 503
    assert sequence(tmp_path) == 1


def test_taking_back_wants_the_nonce_too(tmp_path: Path) -> None:
    """Where proofs must hold the issuer's nonce, none that was made ahead takes anything back; the client follows."""
    from delegate.issue.client import take_back
    from delegate.issue.fetch import Answer

    policy = POLICY.replace("[[trust]]", 'dpop_nonce = true\nrevocations = "list"\n\n[[trust]]', 1)
    world = World(policy, folder=tmp_path)
    proof = proofs.make(AGENT.signer, method="POST", url=f"{URL}/token", now=NOW, nonce=world.issuer.dpop_nonce())
    token = world.ask(dpop=[proof]).token
    assert revoke(world, token.to_text()) == 400
    assert not (tmp_path / "list").exists()

    def over_http(url: str, *, form: Any = None, headers: Any = None, **_: object) -> Answer:  # noqa: ANN401 - as `Fetch`
        answer = sent(world, path=url.removeprefix(URL), form=form, headers=headers)
        return Answer(status=answer.status_code, body=answer.content, headers=dict(answer.headers))

    assert take_back(f"{URL}/revoke", AGENT, token, now=NOW, fetch=over_http).status == 200
    assert sequence(tmp_path) == 1


def test_a_list_that_is_broken_is_left_alone(tmp_path: Path) -> None:
    """What is in it cannot be lost by adding to it."""
    world = revoking(tmp_path)
    (tmp_path / "list").write_text("junk")
    assert revoke(world, world.ask().token.to_text()) == 503
    assert (tmp_path / "list").read_text() == "junk"
