"""Who may come in: by which name the gateway was called, from which page, with which token, and how much is left."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import tzinfo

from trunkline.domain.clock import Clock
from trunkline.domain.preferences import Preferences
from trunkline.domain.tasks import Priority
from trunkline.gateway.allowances import Allowances, Spending, Used
from trunkline.gateway.callers import cors_headers, host_problem, is_loopback, page_problem, preflight
from trunkline.gateway.dialect import Problem, ProblemKind
from trunkline.store.gateway_tokens import GatewayToken, TokenUse, hash_of

_LONGEST_TOKEN = 512
_KEY_HEADERS = ("x-api-key", "x-goog-api-key")
_KEY_PARAMETER = "key"
_HOW_TO = "`trunkline tokens create NAME` makes one"


@dataclass(frozen=True, slots=True)
class Client:
    """Who asks. Without a token it has neither id nor name nor limits. `models` are selectors of those that may answer,
    empty: everybody. `budget_day_pico` is what its local day may cost."""

    token_id: str | None = None
    name: str | None = None
    budget_day_pico: int | None = None
    models: tuple[str, ...] = ()
    requests_per_minute: int | None = None
    priority: Priority | None = None


class NotNowError(Exception):
    """A client has done what its token allows for now; `problem` says until when."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


class Guard:
    """Belongs to one event loop. `preferences` gives those in force, `host` is the address that is listened on. Every
    request of a token that is over is told to `used` (token, day, cost)."""

    def __init__(
        self,
        preferences: Callable[[], Preferences],
        clock: Clock,
        *,
        host: str,
        used: Used,
        zone: tzinfo | None = None,
    ) -> None:
        self._preferences = preferences
        self._host = host
        self._allowances = Allowances(clock, used, zone)
        self._tokens: Mapping[str, GatewayToken] = {}

    # -- what it knows ----------------------------------------------------------------------------------------------

    @property
    def day(self) -> str:
        """Today, as uses are kept by it."""
        return self._allowances.day

    def learning(self) -> AbstractContextManager[None]:
        """Uses that are read within this, before anything is awaited, are those that `learn` expects: what ends until
        it is called comes on top."""
        return self._allowances.learning()

    def learn(self, tokens: Iterable[GatewayToken], day: str, uses: Mapping[str, TokenUse]) -> None:
        """Every token there is now, and what was used of each on `day`, by every process."""
        self._tokens = {token.hash: token for token in tokens}
        self._allowances.learn(day, uses)

    @property
    def needs_token(self) -> bool:
        """Whether nobody comes in without one. Other machines never do."""
        return self._preferences().gateway.require_token or not is_loopback(self._host)

    # -- who comes in -----------------------------------------------------------------------------------------------

    def check(
        self,
        headers: Mapping[str, str],
        query: Mapping[str, str],
        remote: str,
        *,
        free: bool = False,
    ) -> Client | Problem:
        """Who asks, or why that is refused; `headers` by lower-case name, `remote` the address of the other end. What
        is `free` is given to whoever may reach the gateway at all."""
        policy = self._preferences().gateway
        problem = host_problem(headers, policy.allowed_hosts, listening=self._host) or page_problem(
            headers, policy.allowed_origins
        )
        if problem is not None:
            return problem
        presented = _presented(headers, query)
        for text in presented:
            token = self._tokens.get(hash_of(text))
            if token is not None and token.revoked_at_ms is None:
                return self._client(token)
            if token is not None and not free:
                return _unauthorised(f"The token {token.name!r} was revoked; {_HOW_TO}.", "token_revoked")
        if free or (not self.needs_token and is_loopback(remote)):
            return Client()
        if presented:
            return _unauthorised(f"This token is not known here; {_HOW_TO}.", "token_unknown")
        return _unauthorised(
            f"A token is needed, as `Authorization: Bearer …`; {_HOW_TO}.",
            "token_missing",
        )

    @contextmanager
    def at_work(self, client: Client, request: Spending) -> Iterator[None]:
        """One request of a client, from when it is let in until it is over. Raises NotNowError where its token's limits
        are reached."""
        problem = self._allowances.problem(client)
        if problem is not None:
            raise NotNowError(problem)
        with self._allowances.spending(client, request):
            yield

    def left_pico(self, client: Client) -> int | None:
        """What a client may still spend today; None: as much as it likes."""
        return self._allowances.left_pico(client)

    # -- what a browser is told -------------------------------------------------------------------------------------

    def cors_headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """What an answer says so that a browser shows it to the page that asked: nothing, unless that page is
        allowed."""
        return cors_headers(headers, self._preferences().gateway.allowed_origins)

    def preflight(self, method: str, headers: Mapping[str, str]) -> dict[str, str] | None:
        """The headers of a 204, where a browser asks whether an allowed page may ask; None for all else."""
        if method != "OPTIONS":
            return None
        policy = self._preferences().gateway
        if host_problem(headers, policy.allowed_hosts, listening=self._host) is not None:
            return None
        return preflight(method, headers, policy.allowed_origins)

    def _client(self, token: GatewayToken) -> Client:
        return Client(
            token.id,
            token.name,
            token.budget_day_pico,
            self._opened(token.models),
            token.requests_per_minute,
            token.priority,
        )

    def _opened(self, names: Iterable[str]) -> tuple[str, ...]:
        """`names` with each alias replaced by what it stands for now; one that is gone stays, and names nobody."""
        found: dict[str, None] = {}
        for name in names:
            alias = self._preferences().alias(name)
            found |= dict.fromkeys((name,) if alias is None else alias.models)
        return tuple(found)


def _presented(headers: Mapping[str, str], query: Mapping[str, str]) -> list[str]:
    """The tokens that came with a request, wherever clients put them."""
    scheme, _, bearer = headers.get("authorization", "").strip().partition(" ")
    found = [bearer if scheme.lower() == "bearer" else ""]
    found += [headers.get(name, "") for name in _KEY_HEADERS]
    found.append(query.get(_KEY_PARAMETER, ""))
    return [text.strip() for text in found if 0 < len(text.strip()) <= _LONGEST_TOKEN]


def _unauthorised(sentence: str, code: str) -> Problem:
    return Problem(ProblemKind.UNAUTHORISED, sentence, code=code)
