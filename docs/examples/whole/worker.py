"""A sub-agent, in a process of its own: it does what it is told, line by line, with the chain that it was started with.

`python -m docs.examples.whole.worker FOLDER`: chain and key come in a pipe. A line is a task in JSON, and so is each
answer.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
from mcp import Client
from mcp_types import TextContent

from delegate import Ask, Discharge, Holder
from delegate.integrations.httpx import DelegateAuth
from delegate.integrations.mcp import call_tool


def say(answer: dict[str, Any]) -> None:
    """Answer the orchestrator."""
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


async def approve(asks: Sequence[Ask]) -> list[Discharge]:
    """Have somebody asked; what they sign comes back."""
    say({"asks": [each.to_text() for each in asks]})
    return [Discharge.parse(each) for each in json.loads(sys.stdin.readline())["discharges"]]


async def work(holder: Holder, settings: dict[str, str], task: dict[str, Any]) -> str:
    """Do one task: read a report, or pay."""
    if task["do"] == "read":
        async with httpx.AsyncClient(auth=DelegateAuth(holder, "reports")) as client:
            answer = await client.get(f"{settings['origin']}/reports/{task['name']}")
        words = answer.json()
        return str(words["text"]) if answer.status_code == httpx.codes.OK else f"refused: {words['detail']}"
    async with Client(settings["bank"]) as client:
        paid = {"amount": task["amount"], "to": task["to"]}
        result = await call_tool(client, holder, "pay", paid, audience="bank", approve=approve)
    return "".join(each.text for each in result.content if isinstance(each, TextContent))


def main() -> None:
    """Take the chain, and work until nobody says more."""
    holder = Holder.from_env()
    settings = json.loads((Path(sys.argv[1]) / "settings.json").read_text())
    say({"ready": holder.identity.name})
    for line in sys.stdin:
        say({"done": asyncio.run(work(holder, settings, json.loads(line)))})


if __name__ == "__main__":
    main()
