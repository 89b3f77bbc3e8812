"""Signs of a task type: words of a request, and the shape of what comes with it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from trunkline.domain.tasks import (
    AUDIT,
    CODING,
    CREATIVE,
    DATA_ANALYSIS,
    DOCUMENTATION,
    OPERATIONS,
    ORCHESTRATION,
    REASONING,
    SIMPLE,
)

# Type, weight, words in lower case that speak for it. Each counts once.
_WORDS: tuple[tuple[str, float, str], ...] = (
    (CODING, 1.6, r"\b(?:python|javascript|typescript|java|rust|golang|c\+\+|c#|php|ruby|swift|kotlin|perl|"
                  r"html|css)\b"),
    (CODING, 1.5, r"\b(?:function|method|class|program|script|algorithm|regex|endpoint|api|app|library|"
                  r"module)\b"),
    (CODING, 1.3, r"\b(?:implement|refactor|debug|compile|unit tests?|fix (?:the|a|this)|bug|stack ?trace|"
                  r"exception)\b"),
    (CODING, 0.9, r"\b(?:write|create|generate|develop|build|construct) (?:me )?(?:an? |the )?.{0,24}"
                  r"(?:function|program|code|class|script|app|component)"),
    (CODING, 0.8, r"\b(?:array|string|integers?|loop|variable|parameter|returns?|recursive|json|async|"
                  r"thread)\b"),
    (CODING, 0.8, r"^(?:feat|fix|refactor|perf|add|implement|support|handle)\b.{0,12}[(: ]"),
    (CODING, 0.7, r"\b(?:react|django|flask|node|backend|frontend|microservices?|database schema|repository|"
                  r"commit)\b"),
    (AUDIT, 2.4, r"\b(?:audit|vulnerabilit\w+|owasp|cve|exploit\w*|malware|threat|pentest|penetration|mitre|"
                 r"injection)\b"),
    (AUDIT, 1.7, r"\b(?:security|insecure|severity|compliance|privilege|hardcoded|secrets?|harden|gdpr|"
                 r"risk assessment)\b"),
    (AUDIT, 1.6, r"\b(?:review|assess|inspect|check|look) (?:this|the|my|it|for|a |over|at)\b"),
    (AUDIT, 1.3, r"\b(?:safe to (?:ship|merge|deploy)|(?:what|any) (?:problems|issues|bugs|flaws)|"
                 r"trust this|code review|"
                 r"reviewing|red flags|anything wrong|what(?:'s| is) wrong with)\b"),
    (DOCUMENTATION, 2.4, r"\b(?:readme|docs?|documentation|docstrings?|changelog|javadoc|man page|"
                         r"release notes)\b"),
    (DOCUMENTATION, 1.7, r"\b(?:document (?:this|the|what|how)|comments?|design note|how-to|user guide|"
                         r"tutorial|"
                         r"onboarding|contributors?|technical (?:writing|report)|api reference|patent|"
                         r"proposal)\b"),
    (DOCUMENTATION, 0.8, r"\b(?:guide|explain (?:the|this|what|how)|summari[sz](?:e|ing)|section|markdown|"
                         r"examples?)\b"),
    (OPERATIONS, 1.9, r"\b(?:linux|ubuntu|debian|bash|shell|sudo|systemd|ssh|cron|nginx|docker|kubernetes|"
                      r"k8s|kubectl|"
                      r"terraform|ansible|dns|firewall|iptables|tcp|daemon|mount|chmod|inode|lvm|raid)\b"),
    (OPERATIONS, 1.5, r"\b(?:director(?:y|ies)|\.log|logs?|/(?:home|var|etc|usr|tmp)\b|files? (?:in|under|"
                      r"across|with)|"
                      r"disk|processes|permissions?|home directory)"),
    (OPERATIONS, 1.4, r"\b(?:deploy\w*|rollout|roll ?back|canary|restart|server|incident|monitoring|uptime|"
                      r"on-call|"
                      r"backup|restore|ci/cd|pipeline|cluster|heartbeats|runbook|latency spike|outage)\b"),
    (ORCHESTRATION, 2.6, r"\b(?:route (?:this|the|each)|delegate|assign .{0,20}(?:agents?|tasks?)|"
                         r"sub-?agents?|orchestrat\w+|"
                         r"coordinate|dispatch|schedule the|which agent|hand (?:it )?(?:off|over) to|"
                         r"work queue|fan out)\b"),
    (ORCHESTRATION, 1.4, r"\b(?:heartbeat(?:_ok)?|status (?:of|update|report|check)|in parallel|"
                         r"next steps? for|agents)\b"),
    (DATA_ANALYSIS, 2.0, r"\b(?:sql|select .{1,60} from|dataset|data ?frame|csv|pandas|outliers?|correlation|"
                         r"regression|histogram|median|standard deviation|columns?|pivot|time series)\b"),
    (DATA_ANALYSIS, 1.5, r"\b(?:table|rows?|average|mean|total number of|percentage of|distribution|trend|"
                         r"chart|plot|"
                         r"group by|per (?:month|year|day|user)|highest|lowest|top \d+|previous month|"
                         r"last \d+ days)\b"),
    (DATA_ANALYSIS, 1.0, r"\b(?:insert the|update the|customers?|revenue|sales|transactions|users who|"
                         r"machine learning)\b"),
    (REASONING, 1.7, r"\b(?:how (?:many|much) .{3,80}\b(?:left|more|each|total|altogether|does|did|will|"
                     r"would|is|are|can)\b.*\?|"
                     r"if .{5,200}(?:how many|how much|what is|find))"),
    (REASONING, 1.7, r"\b(?:prove|proof|theorem|equation|solve|derivative|integral|probability|logic(?:al|"
                     r"ally)?|premises?|"
                     r"valid or invalid|deduc\w+|predicate|polynomial|matrix|prime|factori[sz]ation|"
                     r"triangle|radius)\b"),
    (REASONING, 1.3, r"\b(?:evaluate|simplify|compute|calculate|find the (?:value|sum|number|product|area)|"
                     r"ratio|"
                     r"percent|twice|half|sum of|average speed|per hour|km/h|probabilities|options:|"
                     r"answer choices)\b"),
    (REASONING, 1.0, r"\b(?:bought|sells?|cost|costs|gave|has \d+|dollars|pounds|cups|apples|miles|hours|"
                     r"earns?)\b"),
    (REASONING, 1.2, r"\b(?:paragraph|statements?|argument|true or false|not .{1,10}(?:and|or) .{1,10} is|"
                     r"leftmost|rightmost|swap|a typical person|causally|trade-?offs?|why (?:does|do|is|"
                     r"would))\b"),
    (CREATIVE, 2.4, r"\b(?:poem|story|lyrics|song about|novel|sonnet|haiku|fiction|screenplay|dialogue|"
                    r"monologue|plot twist|"
                    r"character|scene|fairy tale|podcast script|limerick|slogan|tagline)\b"),
    (CREATIVE, 2.2, r"(?:^|[.!?\n]\s*)(?:you are|you're|act as|pretend|imagine|suppose you are|"
                    r"as an? (?!result))\b"),
    (CREATIVE, 1.4, r"\b(?:describe (?:your|how you|a day|the)|role-?play|your (?:thoughts|experience|life|"
                    r"advice)|"
                    r"renowned|ancient|alien|futuristic|magical|fantasy|medieval|in the style of|"
                    r"i want you to act)\b"),
    (CREATIVE, 1.4, r"\b(?:write|draft|compose|create) (?:me )?(?:an? |the )?.{0,40}"
                    r"\b(?:essay|blog|article|post|letter|speech|review|script|ad|email|advertisement|"
                    r"article|video)\b"),
    (SIMPLE, 1.5, r"^(?:who|when|where|what(?:'s| is| are| was| were| time| does)|which|is|are|does|did|"
                  r"can you|could you|"
                  r"how (?:do|old|tall|far|long|is|are)|in what|name)\b"),
    (SIMPLE, 1.5, r"\b(?:my (?:card|bank|account|phone|bill|credit|calendar|reminder|alarm|flight|list|pin|"
                  r"visa|car|order)|"
                  r"weather|what time|set (?:a|an|my)|remind me|book (?:a|me)|tell me|translate|thank(?:s|"
                  r" you)|hello|hi|"
                  r"what's|capital of|meaning of|please|i need|i want|i'd like)\b"),
    (SIMPLE, 0.8, r"\b(?:which of (?:the )?(?:these|following)|world series|actor|played|born|movie|film|"
                  r"president|"
                  r"king|queen|country|city|river|famous)\b"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sign:
    """A pattern that speaks for a task type. Wherever it is found one of `openings` stands (none are known where it
    is empty): looking for those first costs a tenth of looking for the pattern."""

    kind: str
    weight: float
    pattern: re.Pattern[str]
    openings: tuple[str, ...]

    def found_in(self, lowered: str) -> bool:
        """Whether the text, in lower case, has the sign."""
        if self.openings:
            for opening in self.openings:
                if opening in lowered:
                    break
            else:
                return False
        return self.pattern.search(lowered) is not None


def openings_of(pattern: str) -> tuple[str, ...]:
    """The literal beginnings of the alternatives in the group that `pattern` begins with; empty where it begins
    otherwise, or where an alternative has no beginning of two characters."""
    begun = re.match(r"(?:\\b|\^)?\(\?:", pattern)
    if begun is None:
        return ()
    openings = []
    for alternative in _alternatives(pattern[begun.end() :]):
        literal = re.match(r"[a-z0-9 ']*", alternative)
        text = literal[0] if literal is not None else ""
        if alternative[len(text) : len(text) + 1] in ("?", "*", "{"):
            text = text[:-1]
        if len(text) < 2:
            return ()
        openings.append(text)
    return tuple(dict.fromkeys(openings))


def _alternatives(group: str) -> list[str]:
    """The top-level alternatives of a group, given what follows its opening bracket."""
    alternatives, depth, begin, at = [], 0, 0, 0
    while at < len(group):
        character = group[at]
        if character == "\\":
            at += 1
        elif character in "([":
            depth += 1
        elif character in ")]":
            if depth == 0:
                break
            depth -= 1
        elif character == "|" and depth == 0:
            alternatives.append(group[begin:at])
            begin = at + 1
        at += 1
    return [*alternatives, group[begin:at]]


SIGNS: tuple[Sign, ...] = tuple(
    Sign(kind, weight, re.compile(words, re.MULTILINE), openings_of(words)) for kind, weight, words in _WORDS
)

_CODE = re.compile(
    r"```|^\s*(?:def|class|import|from|public|private|static|const|let|var|func|fn|struct|#include|return|"
    r"if ?\()\b.*"
    r"[:;{(]|[;{}]\s*$",
    re.MULTILINE,
)
_TABLE = re.compile(
    r"^\s*\|.+\|.+\|\s*$|^(?:[^,\n]{0,40},){3,}[^,\n]{0,40}\n(?:[^,\n]{0,60},){3,}", re.MULTILINE
)
_FORMULA = re.compile(r"\$[^$\n]{1,200}\$|\\(?:frac|sqrt|int|sum|begin)\b|[∀∃⊃∑∫√≤≥]|\b\w\^\{?\d")
_NUMBER = re.compile(r"(?<![\w./-])\$?\d[\d,]*(?:\.\d+)?%?(?![\w/-])")
_BULLET = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s", re.MULTILINE)


class Shape(NamedTuple):
    """What a text looks like, whatever it says."""

    words: int
    numbers: int
    bullets: int
    has_code: bool
    has_table: bool
    has_formula: bool


def shape_of(text: str) -> Shape:
    """The shape of `text`."""
    return Shape(
        words=len(text.split()),
        numbers=len(_NUMBER.findall(text[:1_000])),
        bullets=len(_BULLET.findall(text)),
        has_code=_CODE.search(text) is not None,
        has_table=_TABLE.search(text) is not None,
        has_formula=_may_have_formula(text) and _FORMULA.search(text) is not None,
    )


def _may_have_formula(text: str) -> bool:
    return "$" in text or "\\" in text or "^" in text or not text.isascii()
