"""A real Chromium, driven over its DevTools protocol: keys, clicks, screenshots, what the page says on its console."""

import asyncio
import base64
import os
import shutil
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
QUIET = """
--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
--disable-component-update --disable-sync --hide-scrollbars --remote-debugging-port=0
"""

SECONDS = 60
"""How long a busy machine may take over one step."""


def installed() -> str:
    """A browser's program. Where CI promises one, its absence is a failure."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if not found and os.environ.get("CI") == "true":
        pytest.fail("CI=true, but no Chromium is installed: apt-get install chromium")
    if not found:
        pytest.skip("no Chromium here: apt-get install chromium")
    return found


class Tab:
    """One page."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket, self.number = socket, 0
        self.said: list[str] = []
        """What the page wrote to its console, refused loads and uncaught errors among it."""

    async def send(self, method: str, **params: Any) -> dict[str, Any]:
        """Call a method of the protocol."""
        self.number += 1
        await self.socket.send_json({"id": self.number, "method": method, "params": params})
        while True:
            reply = await self.socket.receive_json(timeout=SECONDS)
            if reply.get("id") == self.number:
                assert "error" not in reply, reply
                return dict(reply["result"])
            if reply["method"] in ("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown"):
                self.said.append(str(reply["params"]))

    async def tell(self, expression: str) -> Any:
        """The value of an expression in the page."""
        reply = await self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in reply, reply
        return reply["result"].get("value")

    async def until(self, expression: str) -> None:
        """Wait until an expression holds."""
        end = time.monotonic() + SECONDS
        while not await self.tell(f"Boolean({expression})"):
            assert time.monotonic() < end, f"{expression} never came true: {await self.tell('document.body.innerText')}"
            await asyncio.sleep(0.01)

    async def press(self, key: str) -> None:
        """Press and release a key of the keyboard."""
        text = {"text": key} if len(key) == 1 else {}
        await self.send("Input.dispatchKeyEvent", type="keyDown", key=key, **text)
        await self.send("Input.dispatchKeyEvent", type="keyUp", key=key)

    async def load(self, address: str) -> None:
        """Go to an address."""
        await self.send("Page.navigate", url=address)
        await self.until("document.readyState === 'complete' && location.href !== 'about:blank'")

    async def look(self, width: int, height: int, *, dark: bool = False) -> None:
        """Show the page in a window of this size, in pixels."""
        await self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self.send("Emulation.setEmulatedMedia", features=[scheme])

    async def screenshot(self, path: Path) -> None:
        """Keep what the window shows as a PNG."""
        path.write_bytes(base64.b64decode((await self.send("Page.captureScreenshot"))["data"]))


@asynccontextmanager
async def tab(profile: Path) -> AsyncIterator[Tab]:
    """An empty page in a browser of its own, whose files lie in `profile`."""
    command = [installed(), *QUIET.split(), f"--user-data-dir={profile}", "about:blank"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        port = profile / "DevToolsActivePort"
        end = time.monotonic() + SECONDS
        while not (port.exists() and port.read_text().count("\n")):
            assert process.poll() is None, "Chromium ended"
            assert time.monotonic() < end, "Chromium did not start"
            await asyncio.sleep(0.05)
        async with aiohttp.ClientSession() as http:
            async with http.get(f"http://127.0.0.1:{port.read_text().split()[0]}/json") as listed:
                (page,) = [target for target in await listed.json() if target["type"] == "page"]
            async with http.ws_connect(page["webSocketDebuggerUrl"], max_msg_size=2**26) as socket:
                opened = Tab(socket)
                for domain in ("Page", "Runtime", "Log"):
                    await opened.send(f"{domain}.enable")
                yield opened
    finally:
        process.terminate()
        process.wait(timeout=SECONDS)
