"""Where google-re2 cannot be installed (it has no wheel for musl): only `matches` needs it, and is refused by name."""

from __future__ import annotations

import subprocess
import sys

_STORY = """
import sys
sys.modules["re2"] = None  # what a Python without it has
from delegate import Identity, Request, Verifier

alice, agent = Identity.generate("user:alice@example.com"), Identity.generate("agent:planner")
verifier = Verifier(roots=[alice.principal], audience="files.example.com", policy=["args.size < 100"])

def decided(*caveats):
    token = alice.mint(to=agent.principal, can="files.read /reports/**", caveats=caveats, ttl="1h")
    request = Request("files.read", "/reports/a.csv", {"size": 5, "name": "a"})
    return verifier.decide(agent.prove(token, request, "files.example.com"), request)

print(decided('args.name.startsWith("a")').allowed)
for caveat in ('args.name.matches("^a$")', '!args.name.matches("^b$")', 'args.size == 6 || args.name.matches("a")'):
    refused = decided(caveat)
    print(refused.allowed, refused.reason, refused.hop, refused.detail)
print(decided('args.size == 5 || args.name.matches("a")').allowed)
"""


def test_a_verifier_without_it_refuses_what_needs_it_by_name() -> None:
    """An error denies, also under `!`; what does not depend on it is decided as ever."""
    ran = subprocess.run([sys.executable, "-c", _STORY], capture_output=True, text=True, check=True)  # noqa: S603
    first, *refused, last = ran.stdout.splitlines()
    assert (first, last) == ("True", "True")
    assert len(refused) == 3
    for line in refused:
        assert line.startswith("False caveat_error 0 ")
        assert "google-re2 is not installed" in line
