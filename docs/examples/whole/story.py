"""A whole: one person's authority, through five agents and three services, until she takes it back.

    make whole            or: python -m docs.examples.whole.story

Alice lets a planner read reports and pay. The planner (PydanticAI, with a scripted model: no network is needed) starts
two workers as processes of their own, each with a narrower chain, and asks another agent. A worker reads a report from
a FastAPI service behind nginx; the report has an instruction in it that the model obeys; the bank, an MCP server,
refuses; the model reads why and mends its call; Bob is asked to confirm and does; the analyst, an A2A peer, reads a
report with a chain that came with the question. Then Alice takes back one block, and everything stops at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from a2a.client import ClientConfig
from a2a.client.client_factory import create_client
from a2a.helpers.proto_helpers import get_message_text, new_text_message
from a2a.types.a2a_pb2 import Role, SendMessageRequest
from a2a.utils.errors import A2AError
from docs.examples.whole.services import verifier_of
from pydantic_ai import Agent
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.toolsets import FunctionToolset

from delegate import Ask, Holder, Identity, RevokedBlock, need
from delegate.authoring.terms import Narrowing
from delegate.holder import FD_VARIABLE
from delegate.integrations.a2a import DelegateInterceptor
from delegate.integrations.pydantic_ai import DelegateToolset
from delegate.state import connect

ROOT = Path(__file__).parents[3]
PATIENCE_S = 60.0

NGINX = """\
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        merge_slashes off;
        location / {{
            proxy_pass http://127.0.0.1:{behind};
        }}
    }}
}}
"""


def tell(line: str) -> None:
    """Print a line of the story."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


class Scene:
    """The processes of the story, on this machine alone, in a folder that goes when they go."""

    def __init__(self, folder: Path) -> None:
        """Make keys, addresses and the settings that every process reads."""
        self.folder = folder
        self.processes: list[subprocess.Popen[Any]] = []
        self.people = {
            name: Identity.generate(full)
            for name, full in (
                ("alice", "user:alice@example.com"),
                ("bob", "user:bob@example.com"),
                ("planner", "agent:planner"),
                ("analyst", "agent:analyst"),
            )
        }
        for name, identity in self.people.items():
            identity.principal.save(folder / f"{name}.pub")
        self.people["analyst"].save(folder / "analyst.key")
        self.listening = {each: socket.create_server(("127.0.0.1", 0)) for each in ("mcp", "http", "peer")}
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.origin = f"http://127.0.0.1:{port}"
        self.peer = f"http://127.0.0.1:{self._port('peer')}/a2a"
        self.settings = {
            "origin": self.origin,
            "bank": f"http://127.0.0.1:{self._port('mcp')}/mcp",
            "peer": self.peer,
        }
        (folder / "settings.json").write_text(json.dumps(self.settings))
        (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port, behind=self._port("http")))

    def _port(self, kind: str) -> int:
        return int(self.listening[kind].getsockname()[1])

    def start(self) -> None:
        """Start Redis, nginx and the three services, and wait until they answer."""
        redis = shutil.which("redis-server") or "redis-server"
        place = ("--port", "0", "--unixsocket", f"{self.folder}/redis.sock", "--dir", str(self.folder), "--save", "")
        self._run([redis, *place, "--daemonize", "no", "--logfile", f"{self.folder}/redis.log"])
        _until(lambda: _answers(f"{self.folder}/redis.sock"))
        nginx = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin") or "nginx"
        self._run([nginx, "-e", f"{self.folder}/nginx.log", "-p", str(self.folder), "-c", f"{self.folder}/nginx.conf"])
        for kind, sock in self.listening.items():
            fd = sock.fileno()
            module = [sys.executable, "-m", "docs.examples.whole.services", kind, str(self.folder), str(fd)]
            self._run(module, (fd,))
            sock.close()
        for url in (self.origin, self.settings["bank"], self.peer):
            _until(partial(_serves, url))

    def _run(self, command: list[str], pass_fds: tuple[int, ...] = ()) -> None:
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, pass_fds=pass_fds)  # noqa: S603 - our own
        self.processes.append(process)

    def worker(self, holder: Holder) -> Worker:
        """Start a sub-agent: its environment has nothing of ours, and its key is in a pipe that is read once."""
        fd = holder.to_fd()
        environment = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(  # noqa: S603 - our own
                [sys.executable, "-m", "docs.examples.whole.worker", str(self.folder)],
                cwd=ROOT,
                env={**environment, FD_VARIABLE: str(fd)},
                pass_fds=[fd],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        os.close(fd)
        self.processes.append(process)
        return Worker(process, self.people["bob"])

    def stop(self) -> None:
        """End every process that was started here, and wait for it."""
        for each in reversed(self.processes):
            each.terminate()
        for each in self.processes:
            try:
                each.wait(10)
            except subprocess.TimeoutExpired:
                each.kill()
                each.wait()
            for stream in (each.stdin, each.stdout):
                if stream is not None:
                    stream.close()


class Worker:
    """A sub-agent that runs elsewhere, as the planner sees it."""

    def __init__(self, process: subprocess.Popen[str], bob: Identity) -> None:
        """Wait until it is there."""
        self._process = process
        self._bob = bob
        self.name = self._hear()["ready"]

    def _hear(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        found: dict[str, Any] = json.loads(self._process.stdout.readline())
        return found

    def _say(self, task: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(task) + "\n")
        self._process.stdin.flush()

    def do(self, task: dict[str, Any]) -> str:
        """Have it do something; where somebody must confirm, Bob is shown what, and confirms."""
        self._say(task)
        while "asks" in (answer := self._hear()):
            asks = [Ask.parse(each) for each in answer["asks"]]
            for each in asks:
                assert each.request is not None
                tell(f"  bob is asked: {each.request.describe()}, and confirms")
            given = [self._bob.discharge(each, says={"approved": True}, ttl="5m").to_text() for each in asks]
            self._say({"discharges": given})
        return str(answer["done"])


def _answers(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as probe, contextlib.suppress(OSError):
        probe.connect(path)
        return True
    return False


def _serves(url: str) -> bool:
    with contextlib.suppress(httpx.HTTPError):
        return httpx.get(url).status_code != httpx.codes.BAD_GATEWAY
    return False


def _until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not true():
        if time.monotonic() > end:
            message = "a server of the story does not start"
            raise RuntimeError(message)
        time.sleep(0.02)


async def ask_peer(scene: Scene, holder: Holder, name: str) -> str:
    """Ask the analyst about a report; a chain for that alone goes with the question."""
    by = DelegateInterceptor(
        holder,
        {scene.peer: scene.people["analyst"].principal},
        narrow=lambda *_: Narrowing(can=f"http.get {scene.origin}/reports/{name}"),
    )
    async with httpx.AsyncClient() as http:
        client = await create_client(
            scene.peer.removesuffix("/a2a"), ClientConfig(httpx_client=http, streaming=False), interceptors=[by]
        )
        try:
            request = SendMessageRequest(message=new_text_message(name, role=Role.ROLE_USER))
            async for answer in client.send_message(request):
                return get_message_text(answer.message)
        except A2AError as error:
            return str(error)
    return ""


def scripted(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
    """What the planner's model says: it does as it is told, by reports too, and reads why it was refused."""
    del info
    told = [str(part.content) for each in messages for part in each.parts if isinstance(part, ToolReturnPart)]
    if not told:
        call = ToolCallPart("read_report", {"name": "q3"})
    elif "pay 9000 to mallory" in told[-1]:
        tell("  the model obeys the report, and wants to pay 9000 to mallory")
        call = ToolCallPart("pay", {"amount": 9000, "to": "mallory"})
    elif "args.amount <= 500" in told[-1]:
        tell("  the model reads why, and mends its call")
        call = ToolCallPart("pay", {"amount": 120, "to": "printer"})
    elif told[-1].startswith("paid"):
        call = ToolCallPart("ask_analyst", {"name": "q4"})
    else:
        return ModelResponse(parts=[TextPart("all is done")])
    return ModelResponse(parts=[call])


def play(scene: Scene) -> None:
    """Tell the story."""
    alice, planner = scene.people["alice"], scene.people["planner"]
    reports = f"http.get {scene.origin}/reports/**"
    token = alice.mint(
        to=planner.principal,
        can=["read_report", "ask_analyst", "pay", reports],
        ttl="1h",
        hops=2,
        budget={"calls": 50, "cents": 50_000},
    )
    holder = Holder(planner, token)
    tell(f"{alice.name} lets {planner.name} read reports and pay: one hour, 500.00 in total")
    reader = scene.worker(holder.spawn("agent:reader", can=[reports], ttl="10m"))
    bob = scene.people["bob"].principal
    payer_chain = holder.spawn(
        "agent:payer",
        can=["pay(amount, to) if args.amount <= 500"],
        needs=need(bob, condition="said.approved == true"),
        ttl="10m",
    )
    payer = scene.worker(payer_chain)
    tell(f"{planner.name} starts {reader.name}, for reports alone, and {payer.name}: up to 500, if bob confirms")

    def read_report(name: str) -> str:
        """Have the reader read a report."""
        found = reader.do({"do": "read", "name": name})
        tell(f"  {reader.name} reads {name} from the service behind nginx: {found}")
        return found

    def pay(amount: int, to: str) -> str:
        """Have the payer pay."""
        found = payer.do({"do": "pay", "amount": amount, "to": to})
        tell(f"  {payer.name} calls the bank's MCP server, pay({amount}, {to}): {found}")
        return found

    async def ask_analyst(name: str) -> str:
        """Ask another agent."""
        found = await ask_peer(scene, holder, name)
        tell(f"  the analyst, an A2A peer, reads {name} with a chain for that alone: {found}")
        return found

    # The chain has a budget, so a verifier counts what runs here too: a call for each tool, and no money.
    functions = FunctionToolset([read_report, pay, ask_analyst])
    tools = DelegateToolset(functions, holder, verifier=verifier_of(scene.folder, "planner"), cost={"cents": 0})
    agent = Agent(FunctionModel(scripted), toolsets=[tools])
    tell(f"{planner.name}: {asyncio.run(agent.run('Read the report and pay the printer.')).output}")
    tell(f"{alice.name} takes back what she gave to {planner.name}")
    with connect(f"unix://{scene.folder}/redis.sock") as state:
        taken = alice.revoke(blocks=[RevokedBlock.of(token, why="the laptop was stolen")])
        state.revocations.add(taken.feed, taken.records, now=int(time.time()))
    read_report("q4")
    pay(1, "printer")
    asyncio.run(ask_analyst("q4"))


@contextlib.contextmanager
def staged() -> Iterator[Scene]:
    """Set the scene, and clear it."""
    with tempfile.TemporaryDirectory() as folder:
        scene = Scene(Path(folder))
        try:
            scene.start()
            yield scene
        finally:
            scene.stop()


def main() -> None:
    """Play it."""
    with staged() as scene:
        play(scene)


if __name__ == "__main__":
    main()
