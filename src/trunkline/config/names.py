"""What lists name, as selectors of the catalogue: retired ids replaced, what is not known refused or noted."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from trunkline.config.files import KeyPath, Layer, dotted, layer_of, value_at
from trunkline.config.problems import problem, suggestion
from trunkline.domain.routes import Catalogue, LocalServer, ModelSpec, Selector

PAUSE = "pause"
ANYBODY = "anybody"
# What `emergency` may be beside a route.
EMERGENCY_WORDS = (PAUSE, ANYBODY)


@dataclass(frozen=True, slots=True)
class Names:
    """Turns what lists name into selectors of the catalogue."""

    catalogue: Catalogue
    layers: Sequence[Layer]
    shipped_must_fit: bool
    _notes: list[str] = field(default_factory=list)
    _retired: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    @property
    def notes(self) -> list[str]:
        """What should be said: of a retired id once, with every place that names it."""
        return [
            *self._notes,
            *(
                f"{', '.join(sorted(places, key=str.lower))} {'name' if len(places) > 1 else 'names'} {text!r}, "
                f"which is retired; {successor} stands in for it"
                for (text, successor), places in self._retired.items()
            ),
        ]

    def note(self, sentence: str) -> None:
        """Have it said."""
        self._notes.append(sentence)

    def stated(self, path: KeyPath) -> bool:
        """Whether the user wrote the list at `path`."""
        return value_at(layer_of(self.layers, path).data, path)[0] and layer_of(self.layers, path).user

    def resolve(self, texts: Sequence[str], path: KeyPath) -> tuple[str, ...]:
        """The list with retired ids replaced; a model that is still served until a known day is followed by its
        successor. An unknown name is an error in the user's list and a note in a shipped one."""
        resolved: list[str] = []
        for index, text in enumerate(texts):
            for selector in self.resolve_one(text, (*path, index)):
                if str(selector) not in resolved:
                    resolved.append(str(selector))
        return tuple(resolved)

    def resolve_one(self, text: str, path: KeyPath) -> list[Selector]:
        """What the text at `path` names, with the successor after it where there is one."""
        selector = self.catalogue.select(text)
        if selector is None:
            self._unknown(text, path)
            return []
        self.note_retired(text, selector, dotted(path))
        return [selector, *self._successor(selector)]

    def note_retired(self, text: str, selector: Selector, place: str) -> None:
        """Keep in mind to say so where `text`, found at `place`, names what is gone and `selector` stands in for it."""
        if selector.model is not None and not text.strip().endswith(selector.model):
            self._retired.setdefault((text.strip(), str(selector)), []).append(place)

    def _successor(self, selector: Selector) -> list[Selector]:
        if selector.model is None:
            return []
        if selector.provider is not None:
            models = [self.catalogue.model(selector.provider, selector.model)]
        else:
            models = [self.catalogue.model(p.id, selector.model) for p in self.catalogue.providers]
        return [
            Selector(successor.provider, selector.account, successor.id)
            for model in models
            for successor in self._successors(model)
        ]

    def _successors(self, model: ModelSpec | None) -> list[ModelSpec]:
        """Those that take the place of `model` one after the other."""
        found: list[ModelSpec] = []
        while model is not None and model.successor is not None:
            model = self.catalogue.model(model.provider, model.successor)
            if model is None or model in found:
                break
            found.append(model)
        return found

    def _unknown(self, text: str, path: KeyPath) -> None:
        if not layer_of(self.layers, path).user:
            if self.shipped_must_fit:
                self._notes.append(f"{dotted(path)} names {text!r}, which the catalogue does not have")
            return
        head, _, rest = text.partition("/")
        provider = self.catalogue.provider(head)
        if rest and provider is not None and provider.quirks.local_server is not LocalServer.NONE:
            self._notes.append(
                f"{dotted(path)} names {text!r}, which no server here lists now; it is passed over"
            )
            return
        automatic = re.compile(rf"(main|{re.escape(head)}-\d+)(-\d+)?")
        if provider is not None and automatic.fullmatch(rest.partition("/")[0]):
            self._notes.append(
                f"{dotted(path)} names {text!r}, whose account has no key now; it is passed over"
            )
            return
        words = "".join(f', "{word}"' for word in EMERGENCY_WORDS) if path[-1] == "emergency" else ""
        raise problem(
            self.layers,
            path,
            expected=f"a provider, account or model that exists{words}",
            remedy=self.remedy(text),
        )

    def remedy(self, text: str) -> str:
        """What to do about a name that is not known."""
        known = [p.id for p in self.catalogue.providers]
        known += [f"{m.provider}/{m.id}" for p in self.catalogue.providers for m in p.models]
        known += [m.id for p in self.catalogue.providers for m in p.models]
        head, slash, rest = text.partition("/")
        near = suggestion(text, known)
        if slash and self.catalogue.provider(head) is not None:
            add = (
                f'A model that {head} serves is added to providers.toml as [providers.{head}.models."{rest}"]'
            )
            return f"{near} {add}".strip()
        if near:
            return near
        return f"Providers: {', '.join(p.id for p in self.catalogue.providers)}."
