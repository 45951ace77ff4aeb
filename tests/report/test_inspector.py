"""The inspector in a real browser: from a file, under its policy, with nothing asked of any network."""

from __future__ import annotations

import json
import os
import re
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, Page, sync_playwright

from delegate import Identity, Request
from delegate.authoring.bearer import BearerToken
from delegate.report.page import Given, inspector_page
from tests.servers import found
from tests.vectors import FOLDER

NOW = 1_800_000_000
ALICE, PLANNER, WORKER = (
    Identity.from_seed(name, bytes([fill]) * 32)
    for fill, name in enumerate(("user:alice@example.com", "agent:planner", "agent:worker"), 1)
)
MOST_BYTES = 250_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium of this machine; the tests say so where there is none."""
    path = found("chromium", "chromium")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu", "--disable-quic"]
        )
        yield started
        started.close()


class Shown:
    """The page as a person has it before them: opened from a file; each request and each complaint is noted."""

    def __init__(self, browser: Browser, file: Path, **context: object) -> None:
        """Open it."""
        self.page: Page = browser.new_context(**context).new_page()  # type: ignore[arg-type]
        self.asked: list[str] = []
        self.said: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.url = file.as_uri()
        self.page.goto(self.url)

    def until(self, expression: str, given: object = None) -> None:
        """Wait until something holds. The browser's own way of waiting evaluates text, which the page forbids."""
        for _ in range(600):
            if self.page.evaluate(expression, given):
                return
            self.page.wait_for_timeout(50)
        message = f"it does not come to be: {expression}"
        raise AssertionError(message)

    def result(self) -> str:
        """What it says of what was pasted, once it has checked it."""
        self.until("document.getElementById('result').childElementCount > 0")
        return self.page.inner_text("#result")

    def paste(self, text: str) -> str:
        """Paste another token."""
        before = self.page.inner_text("#result")
        self.page.fill("#token", text)
        if text:
            self.until("b => document.getElementById('result').innerText !== b", before)
        return self.page.inner_text("#result")

    def ask(self, action: str, resource: str = "", arguments: str = "") -> str:
        """Ask the chain, and give the answer."""
        self.page.evaluate("document.getElementById('answer').replaceChildren()")
        for field, text in (("#action", action), ("#resource", resource), ("#args", arguments)):
            self.page.fill(field, text)
        self.page.click("button")
        self.until("document.getElementById('answer').childElementCount > 0")
        return self.page.inner_text("#answer")

    def close(self) -> None:
        """It asked nobody, and nothing went wrong."""
        assert self.asked == [self.url]
        assert self.said == []
        self.page.context.close()


def chain() -> tuple[str, ...]:
    """A usual chain: its text, and that of its root."""
    first = ALICE.mint(
        to=PLANNER.principal,
        can=["files.read /reports/**", "pay(amount) if args.amount <= 500"],
        ttl="8h",
        hops=3,
        audience=["files.example.com", "pay.example.com"],
        why="Quarterly report",
        budget={"usd_cents": 10_000},
        now=NOW,
    )
    second = PLANNER.attenuate(
        first,
        to=WORKER.principal,
        can="files.read /reports/2026/**",
        caveats=["args.size < 1000", 'resource.endsWith(".csv")'],
        ttl="2h",
        who={"task": "sum"},
        now=NOW + 60,
    )
    return second.to_text(), ALICE.principal.to_text()


def hostile() -> str:
    """The longest names, markup wherever text may stand, and as many hops as a chain can have."""
    markup = "<img src=x onerror=alert(1)></script><script>alert(2)</script>"
    name = "agent:" + "W" * 200
    holders = [Identity.from_seed(name, bytes([fill]) * 32) for fill in range(10, 26)]
    token = ALICE.mint(
        to=holders[0].principal,
        can=[f'"{"x" * 200}" exactly {json.dumps("/" + markup)}', "**"],
        ttl="1h",
        hops=16,
        why=markup,
        audience=["a" * 200],
        now=NOW,
    )
    for above, below in pairwise(holders):
        token = above.attenuate(
            token,
            to=below.principal,
            caveats=[f"args.a != {json.dumps(markup)}", "args.b != '\\u202e\\u2066 txt.exe'"],
            who={markup: "\u0625\u0633\u0645" + markup},
            hops=15,
            now=NOW,
        )
    return token.to_text()


def opened(browser: Browser, folder: Path, given: Given, **context: object) -> Shown:
    """Write a page and open it."""
    file = folder / "inspector.html"
    file.write_text(inspector_page(given), encoding="ascii")
    return Shown(browser, file, **context)


def test_the_page_is_small_and_always_the_same() -> None:
    """One file in ASCII, and a policy that lets its own script and style run and nothing else."""
    page = inspector_page()
    assert page == inspector_page(Given())
    assert len(page.encode("ascii")) <= MOST_BYTES
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    assert policy[1].startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy[1]
    for word in ("localStorage", "sessionStorage", "indexedDB", "fetch(", "XMLHttpRequest", "innerHTML", "eval("):
        assert word not in page
    assert page.count("</script>") == 2


def test_what_it_shows_cannot_end_its_data() -> None:
    """A text with `</script>` in it stays data."""
    assert inspector_page(Given("</script><script>alert(1)</script>")).count("</script>") == 2


def test_a_genuine_chain(browser: Browser, tmp_path: Path) -> None:
    """Each hop with what it took away, what is left, and what it would say to a request."""
    text, root = chain()
    shown = opened(browser, tmp_path, Given(text, [root], now=NOW + 120))
    said = shown.result()
    assert said.startswith("Genuine Every signature holds, from user:alice@example.com, whom you trust")
    assert "Hop 1: agent:planner \u2192 agent:worker" in said
    assert "the name is the word of agent:planner" in said
    assert "2 more times" in said
    granted = said.partition("What the whole grants")[2]
    assert "pay" not in granted.partition("at")[0]
    allowed = shown.ask("files.read", "/reports/2026/q1.csv", '{"size": 5}')
    assert allowed.startswith("Allowed by the chain.")
    refused = shown.ask("files.read", "/reports/2026/q1.csv", '{"size": 5000}')
    assert refused.startswith("Refused a caveat is false (caveat_failed, hop 1). Who could grant it: agent:planner")
    assert "args.size is 5000" in refused
    assert shown.ask("pay", "", '{"amount": 501}').startswith("Refused no capability permits this")
    assert "not readable" in shown.ask("pay", "", '{"amount": 5, "amount": 6}').lower()
    shown.close()


def test_what_is_claimed_is_never_shown_as_checked(browser: Browser, tmp_path: Path) -> None:
    """Without a root, with another root, after its time, and with a bit changed."""
    text, root = chain()
    shown = opened(browser, tmp_path, Given(text, now=NOW + 120))
    said = shown.result()
    assert said.startswith("Only claimed")
    assert "signature holds" not in said
    shown.page.fill("#roots", PLANNER.principal.to_text())
    shown.until("document.getElementById('result').innerText.startsWith('Check failed')")
    assert "(unknown_root, hop 0)" in shown.page.inner_text("#result")
    shown.page.fill("#roots", root)
    shown.until("document.getElementById('result').innerText.startsWith('Genuine')")
    middle = len(text) - 40
    changed = text[:middle] + ("A" if text[middle] != "A" else "B") + text[middle + 1 :]
    assert shown.paste(changed).startswith("Check failed the signature of a block (bad_signature, hop 1)")
    assert "signature holds" not in shown.page.inner_text("#result")
    shown.close()
    late = opened(browser, tmp_path, Given(text, [root], now=NOW + 36_000))
    assert "(expired, hop" in late.result()
    late.close()


def test_a_request_of_a_presentation_is_decided_with_its_proof(browser: Browser, tmp_path: Path) -> None:
    """The proof is for one request alone."""
    first, root = chain()
    request = Request("files.read", "/reports/2026/q1.csv", {"size": 5})
    shown_to = WORKER.prove(first, request, "files.example.com", now=NOW + 120)
    shown = opened(browser, tmp_path, Given(shown_to.to_text(), [root], now=NOW + 120))
    assert shown.result().startswith("Genuine")
    assert shown.ask("files.read", "/reports/2026/q1.csv", '{"size": 5}').startswith("Allowed")
    assert "(proof_wrong_request, hop 1)" in shown.ask("files.read", "/reports/2026/q1.csv", '{"size": 6}')
    shown.close()


def test_secrets_are_named_and_not_shown(browser: Browser, tmp_path: Path) -> None:
    """A private key is cleared from the field; a bearer token is named as one."""
    shown = opened(browser, tmp_path, Given())
    pem = ALICE.signer.to_pem().decode()  # type: ignore[attr-defined]
    said = shown.paste(pem)
    assert said.startswith("Secret This was a private key.")
    assert shown.page.input_value("#token") == ""
    assert pem.splitlines()[1] not in shown.page.content()
    bearer = ALICE.mint(bearer=True, can="files.read **", ttl="1h", audience="files.example.com", now=NOW)
    assert isinstance(bearer, BearerToken)
    assert "Whoever has this text can use it" in shown.paste(bearer.to_text())
    shown.close()


def test_lists_asks_and_other_texts(browser: Browser, tmp_path: Path) -> None:
    """A revocation list that was dropped counts; what is of no kind is said to be of none."""
    text, root = chain()
    taken_back = ALICE.revoke(now=NOW)
    shown = opened(browser, tmp_path, Given(text, [root], now=NOW + 120))
    shown.result()
    assert "Signature holds Revocation list" in shown.paste(taken_back.to_text())
    assert "another format" in shown.paste("eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.")
    assert "nothing of this format" in shown.paste("hello")
    assert "a public key with a name" in shown.paste(root)
    shown.close()


def test_files_can_be_dropped(browser: Browser, tmp_path: Path) -> None:
    """A token and a root, dropped together on the page, each go to their field."""
    text, root = chain()
    shown = opened(browser, tmp_path, Given(now=NOW + 120))
    transfer = shown.page.evaluate_handle(
        "([token, root]) => { const data = new DataTransfer();"
        "data.items.add(new File([token], 'worker.token')); data.items.add(new File([root], 'alice.pub'));"
        "return data; }",
        [text, root + "\n"],
    )
    shown.page.dispatch_event("main", "drop", {"dataTransfer": transfer})
    shown.until("document.getElementById('result').innerText.startsWith('Genuine')")
    assert shown.page.input_value("#token") == text
    shown.close()


def test_hostile_tokens_cannot_break_the_page(browser: Browser, tmp_path: Path) -> None:
    """Markup stays text, overrides of direction are escaped, and nothing scrolls sideways on a narrow screen."""
    shown = opened(
        browser,
        tmp_path,
        Given(hostile(), [ALICE.principal.to_text()], now=NOW + 1),
        viewport={"width": 320, "height": 700},
    )
    said = shown.result()
    assert said.startswith("Genuine")
    assert "<img src=x" in said
    assert "\u202e" not in said
    assert shown.page.locator("img, iframe, a, script:not([id]):not([type=module])").count() == 0
    assert shown.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    shown.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("which", ["usual", "hostile"])
def test_everybody_can_use_it(browser: Browser, tmp_path: Path, scheme: str, which: str) -> None:
    """No violation of the rules of accessibility, and nothing that they leave open, in either colour scheme."""
    text = chain()[0] if which == "usual" else hostile()
    # Only here may a script from elsewhere run in the page: the checker's own.
    shown = opened(
        browser, tmp_path, Given(text, [ALICE.principal.to_text()], now=NOW + 120), color_scheme=scheme, bypass_csp=True
    )
    shown.result()
    shown.ask("files.read", "/reports/2026/q1.csv", '{"size": 5000}')
    found_wrong = Axe().run(shown.page).response
    assert [each["id"] for each in found_wrong["violations"]] == []
    assert [each["id"] for each in found_wrong["incomplete"]] == []
    shown.page.context.close()


def test_it_works_by_the_keyboard(browser: Browser, tmp_path: Path) -> None:
    """From the token to the answer, without a mouse."""
    text, root = chain()
    shown = opened(browser, tmp_path, Given(text, [root], now=NOW + 120))
    shown.result()
    reached = []
    for _ in range(14):
        shown.page.keyboard.press("Tab")
        reached.append(shown.page.evaluate("document.activeElement.id || document.activeElement.tagName"))
    wanted = ["token", "roots", "files", "action", "resource", "args", "env", "BUTTON"]
    assert [each for each in reached if each in wanted][: len(wanted)] == wanted
    shown.close()


def test_all_vectors_run_in_the_page(browser: Browser, tmp_path: Path) -> None:
    """The page's own modules, in this browser, under its policy; zones by name are the one thing left out."""
    page = inspector_page()
    script = re.search(r'<script type="module">(.*)</script>', page, re.DOTALL)
    assert script is not None
    runner = (Path(__file__).parents[1] / "interop" / "vector.mjs").read_text("utf-8")
    runner = re.sub(r'import (\{[^}]*\}) from "[^"]*/(\w+)\.js";', r"const \1 = $\2;", runner).replace("export ", "")
    run = (
        script[1] + "const $runner = (() => {\n" + runner + "return { outcome };\n})();\n"
        "globalThis.run = async (text) => {\n"
        "  const differ = [];\n"
        "  for (const vector of $json.parseJson(text)) {\n"
        "    const { expected, answer } = await $runner.outcome(vector);\n"
        "    if (answer !== expected) differ.push([vector.get('name'), answer]);\n"
        "  }\n"
        "  return differ;\n"
        "};\n"
    )
    digest = b64encode(sha256(run.encode()).digest()).decode()
    page = page.replace(script[1], run)
    page = re.sub(r"script-src 'sha256-[^']*'", f"script-src 'sha256-{digest}'", page)
    file = tmp_path / "vectors.html"
    file.write_text(page, encoding="utf-8")
    shown = Shown(browser, file)
    left_out = 0
    files = sorted(path for path in FOLDER.glob("*.json") if path.name != "root_bundles.json")  # as in Node
    assert files
    for each in files:
        for name, answer in shown.page.evaluate("text => run(text)", each.read_text("utf-8")):
            assert "not evaluated here: time zones by their names" in answer, (name, answer)
            left_out += 1
    assert left_out < 60
    shown.close()


def test_screenshots(browser: Browser, tmp_path: Path) -> None:
    """Pictures for whoever wants to look: `INSPECTOR_PICTURES` names the folder where they are kept."""
    folder = Path(os.environ.get("INSPECTOR_PICTURES", tmp_path))
    text, root = chain()
    for scheme in ("light", "dark"):
        shown = opened(
            browser,
            tmp_path,
            Given(text, [root], now=NOW + 120),
            color_scheme=scheme,
            viewport={"width": 800, "height": 900},
        )
        shown.result()
        shown.ask("files.read", "/reports/2026/q1.csv", '{"size": 5000}')
        picture = folder / f"inspector-{scheme}.png"
        shown.page.screenshot(path=picture, full_page=True)
        assert picture.stat().st_size > 10_000
        shown.close()
