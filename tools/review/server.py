"""The page and its answers over HTTP, on this machine alone.

Whoever has the address may answer: it holds a random token. Nobody else may, whatever page their browser shows: other
hosts' names are refused (DNS rebinding), no other page may read or frame this one, and answers come as JSON, which a
browser sends from no other page without asking first.
"""

import asyncio
import io
import json
import logging
import secrets
import signal
import socket
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from pydantic import ValidationError

from sprite_lora.art.image_file import read_image
from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.results.picture import pixels_hash
from tools.review.page import CONTENT_POLICY, page
from tools.review.session import Answer, Session, Turn

LARGEST = 4096
"""Bytes of an answer."""

HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Server:
    """Serves one session at a free port of 127.0.0.1."""

    def __init__(self, session: Session, pictures: Mapping[str, Path]) -> None:
        """`pictures`: hash of the pixels to the file."""
        self.session, self.pictures = session, pictures
        self.token = secrets.token_urlsafe(24)
        self.one_at_a_time = asyncio.Lock()
        self.hosts: set[str] = set()

    async def run(self, ready: Callable[[str], object]) -> None:
        """Serve until Ctrl-C or SIGTERM; `ready` is called with the page's address."""
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        logging.getLogger("aiohttp.server").addFilter(is_ours)
        runner = web.AppRunner(self.application(), access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        try:
            listener = socket.create_server(("127.0.0.1", 0))
            port = listener.getsockname()[1]
            self.hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}
            await web.SockSite(runner, listener).start()
            ready(f"http://127.0.0.1:{port}/{self.token}/")
            await stop.wait()
        finally:
            await runner.cleanup()

    def application(self) -> web.Application:
        """What answers requests. Every address begins with the token."""

        @web.middleware
        async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
            return await self.guard(request, handler)

        application = web.Application(middlewares=[guarded], client_max_size=LARGEST)
        application.add_routes(
            [
                web.get("/{token}/", self.show_page),
                web.get("/{token}/pair", self.next_pair),
                web.post("/{token}/answer", self.take_answer),
                web.post("/{token}/undo", self.take_back),
                web.get("/{token}/picture/{pixels}", self.show_picture),
            ]
        )
        return application

    async def guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuse what does not come from the page itself; say in JSON what went wrong."""
        token = request.path.removeprefix("/").partition("/")[0]
        origin = request.headers.get("Origin")
        if request.headers.get("Host") not in self.hosts or not secrets.compare_digest(
            token.encode(errors="replace"), self.token.encode()
        ):
            reply: web.StreamResponse = web.Response(status=404)
        elif origin is not None and origin not in {f"http://{host}" for host in self.hosts}:
            reply = web.Response(status=403)
        elif request.method == "POST" and request.content_type != "application/json":
            reply = web.Response(status=415)
        else:
            try:
                reply = await handler(request)
            except web.HTTPException as error:
                reply = web.Response(status=error.status)
            except (SpriteLoraError, OSError) as error:
                reply = web.json_response({"error": str(error)}, status=409)
        reply.headers.update(HEADERS)
        return reply

    async def show_page(self, _: web.Request) -> web.Response:
        """The page itself, with its script and styles in it."""
        return web.Response(text=page(), content_type="text/html")

    async def next_pair(self, _: web.Request) -> web.Response:
        """The pair to rate."""
        return await self._turn(self.session.turn)

    async def take_answer(self, request: web.Request) -> web.Response:
        """Keep an answer; reply with the next pair."""
        try:
            given = Answer.model_validate_json(await request.read())
        except ValidationError:
            return web.Response(status=400)
        return await self._turn(partial(self.session.answer, given))

    async def take_back(self, _: web.Request) -> web.Response:
        """Take back the last answer; reply with its pair."""
        return await self._turn(self.session.undo)

    async def show_picture(self, request: web.Request) -> web.Response:
        """A picture's pixels, without the record that says which epoch drew it."""
        pixels = request.match_info["pixels"]
        if pixels not in self.pictures:
            return web.Response(status=404)
        return web.Response(
            body=await asyncio.to_thread(plain_png, self.pictures[pixels], pixels), content_type="image/png"
        )

    async def _turn(self, work: Callable[[], Turn]) -> web.Response:
        async with self.one_at_a_time:
            turn = await asyncio.to_thread(work)
        return web.json_response(told(turn), dumps=partial(json.dumps, ensure_ascii=True))


def is_ours(record: logging.LogRecord) -> bool:
    """False for what a client sent that is no HTTP: it is refused without a word in the terminal."""
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


def plain_png(path: Path, pixels: str) -> bytes:
    """The picture as PNG without any text. Raises SpriteLoraError where it is not the one that was scored."""
    image = read_image(path)
    if pixels_hash(image) != pixels:
        raise SpriteLoraError(f"{path} is not the picture that was scored", "dvc repro, then start again")
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def told(turn: Turn) -> dict[str, object]:
    """A turn as the page's script reads it."""
    sides = {side: {"id": pixels, "src": f"picture/{pixels}"} for side, pixels in
             (("left", turn.pair.left), ("right", turn.pair.right))}  # fmt: skip
    sure = f" The best epoch is known with {turn.sure:.0%} certainty." if turn.ratings else ""
    return {
        "pair": {"prompt": turn.pair.prompt, **sides},
        "status": f"{turn.rated} of {turn.pairs} pairs rated.{sure} Stop when you like: every answer is kept.",
        "note": "You have rated every pair: from now on an answer replaces your earlier one." if turn.repeats else "",
    }
