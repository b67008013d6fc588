"""`python3 -m loop page`: the page of the loop, for browsers. It shows what it reads and changes nothing.

Others wrote what it shows: templates escape all of it, and the browser is told to load only the page's own style and
script.
"""

import hashlib
import sys
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import jinja2
from markupsafe import Markup
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from contract.commands import Page
from contract.page import PAGE_PATH, PageContent, PageModel
from loop.page import charts, overview, screen, words
from loop.page.links import Links
from loop.page.listening import listener
from loop.page.sources import Sources, clients
from loop.runtime import command

ROOT: Final = Path(__file__).parent
SCRIPT: Final = "htmx.min.js"
STATIONS: Final = ("tasks", "ribbon", "train", "register", "serve", "monitor", "retrain")
"""The parts of a model's screen, each of which is sent again when it has changed."""
HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
KINDS: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


class Site:
    """The page's answers."""

    def __init__(self, content: Callable[[], PageContent], sources: Sources, scripts: Mapping[str, bytes]) -> None:
        self._read, self._sources = content, sources
        files = {each.name: each.read_bytes() for each in (ROOT / "static").iterdir()}
        self._files = {**files, **scripts}
        self._stamps = {name: hashlib.sha256(body).hexdigest()[:12] for name, body in self._files.items()}
        self._templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(ROOT / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._content = self._known()

    def _known(self) -> PageContent:
        """What the stack says about itself now."""
        found = self._content = self._read()
        shared: dict[str, Any] = {
            "content": found,
            "charts": charts,
            "words": words,
            "path": PAGE_PATH,
            "links": Links(found),
            "static": self._static,
        }
        self._templates.globals.update(shared)
        return found

    def _model(self, request: Request) -> PageModel | None:
        name = request.path_params["name"]
        return next((each for each in self._known().models if each.name == name), None)

    def app(self) -> Starlette:
        routes = [
            Route("/", self.start),
            Route(PAGE_PATH, self.start),
            Route("/healthz", self.health),
            Route(f"{PAGE_PATH}/", self.all),
            Route(f"{PAGE_PATH}/models/{{name}}", self.model),
            Route(f"{PAGE_PATH}/live/models/{{name}}", self.changes),
            Route(f"{PAGE_PATH}/live/list", self.all_again),
            Route(f"{PAGE_PATH}/static/{{name}}", self.file),
        ]
        allowed = Middleware(TrustedHostMiddleware, allowed_hosts=list(self._content.hosts), www_redirect=False)
        return Starlette(routes=routes, middleware=[allowed], exception_handlers={404: self.missing})

    async def start(self, _request: Request) -> Response:
        return RedirectResponse(f"{PAGE_PATH}/")

    async def health(self, _request: Request) -> Response:
        return PlainTextResponse("well\n")

    async def all(self, _request: Request) -> Response:
        found = await overview.overview(self._known(), self._sources)
        return self._page("overview.html", list=found, rows=self._render("list.html", list=found))

    async def all_again(self, _request: Request) -> Response:
        found = await overview.overview(self._known(), self._sources)
        return self._answer(self._render("list.html", list=found))

    async def model(self, request: Request) -> Response:
        model = self._model(request)
        if model is None:
            return self.missing(request)
        parts = await self._parts(model)
        return self._page("model.html", model=model, parts={name: part for name, (part, _) in parts.items()})

    async def changes(self, request: Request) -> Response:
        """The parts that differ from what the browser has; nothing where none does."""
        model = self._model(request)
        if model is None:
            return self.missing(request)
        parts = await self._parts(model)
        changed = [part for name, (part, stamp) in parts.items() if request.query_params.get(name) != stamp]
        return self._answer(Markup("").join(changed)) if changed else Response(status_code=204, headers=dict(HEADERS))

    async def file(self, request: Request) -> Response:
        name = request.path_params["name"]
        body = self._files.get(name)
        if body is None:
            return self.missing(request)
        kept = {"Cache-Control": "public, max-age=31536000, immutable"}
        kind = KINDS.get(Path(name).suffix, "application/octet-stream")
        return Response(body, media_type=kind, headers={**HEADERS, **kept})

    def missing(self, request: Request, _error: Exception | None = None) -> Response:
        return self._page("missing.html", status=404, asked=request.url.path)

    async def _parts(self, model: PageModel) -> dict[str, tuple[Markup, str]]:
        """Each part's HTML, and a stamp that changes with it."""
        found = await screen.screen(model, self._content, self._sources)
        made: dict[str, tuple[Markup, str]] = {}
        for name in STATIONS:
            inner = self._render(f"{name}.html", screen=found)
            stamp = hashlib.sha256(inner.encode()).hexdigest()[:16]
            made[name] = (self._render("part.html", name=name, inner=inner, stamp=stamp), stamp)
        return made

    def _static(self, name: str) -> str:
        """A file's address, which changes with its content; empty where there is no such file."""
        return f"{PAGE_PATH}/static/{name}?{self._stamps[name]}" if name in self._files else ""

    def _render(self, template: str, **values: object) -> Markup:
        return Markup(self._templates.get_template(template).render(**values))  # noqa: S704  the template has escaped

    def _page(self, template: str, status: int = 200, **values: object) -> Response:
        return self._answer(self._render(template, **values), status)

    def _answer(self, text: str, status: int = 200) -> Response:
        return HTMLResponse(text, status, headers=dict(HEADERS))


def scripts(folder: Path) -> dict[str, bytes]:
    """The browser's script from the jar that brings it; empty without the jar: the page then does not update itself."""
    for jar in sorted(folder.glob("htmx*.jar")):
        with zipfile.ZipFile(jar) as archive:
            name = next(each for each in archive.namelist() if each.endswith(f"/dist/{SCRIPT}"))
            return {SCRIPT: archive.read(name)}
    return {}


def reader(file: Path) -> Callable[[], PageContent]:
    """The file's content, read again once the file has changed: the kubelet replaces it while the page runs."""
    known: tuple[int, PageContent] | None = None

    def read() -> PageContent:
        nonlocal known
        stamp = file.stat().st_mtime_ns
        if known is None or known[0] != stamp:
            known = stamp, PageContent.from_json(file.read_text("utf-8"))
        return known[1]

    return read


def _serve(given: Page) -> None:
    site = Site(reader(Path(given.content)), clients(), scripts(Path(given.scripts)))
    listener(site.app(), given.port).run()


def main() -> int:
    given = Page.parse(sys.argv[1:])
    return command.run(lambda: _serve(given), ValueError)
