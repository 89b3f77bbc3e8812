"""What a text is laid out as: prose, and around it code, tables, traces, logs, diffs, lists, formulas.

Only prose says what is asked; of the rest only its kind and its amount count, so that the words inside pasted code
or inside a table decide nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

_CODE = re.compile(
    r"\s*(?:(?:def|class|import|from|public|private|protected|static|const|let|var|func|fn|struct|enum|impl|"
    r"package|namespace|using|return|else|elif|try|except|finally|catch|while|for|if|switch|case|typedef|"
    r"async|await|export|function|void|int|char|unsigned|bool|self|this|new|throw|raise|print|echo|module|local|"
    r"end|then|do|done|fi)\b.*[(){}\[\]=;:<>]"
    r"|#\s*(?:include|define|ifn?def|endif)\b|//|/\*|\*/|\*\s|<\?php|</?[a-zA-Z][\w-]*[\s/>]|@\w+\s*(?:\(|$)|\$\w+\s*[=\[(-]"
    r"|[)}\]]+[;,)]*\s*$|[\w.\[\]'\"$>*&-]+\s*(?:[-+*/|&]?=|:=|<-)\s*\S|[\w.:>$-]+\(.*\)?\s*[;{]?\s*$|\{%|<%)"
)
_ARROW_END = re.compile(r"->\s*\S+$")
_TABLE = re.compile(
    r"\s*\|.*\|.*\|?|[^\t\n]+\t[^\t\n]+\t|\s*[\[{]+\s*\"|\s*\"[\w .-]+\"\s*:|(?:[^,\n]{0,60},){3,}\S|\s*<t[rdh]\b"
)
# What a row of a table has, unless it has commas.
_CELLS = re.compile(r"[|\t\"<]")
_TRACE = re.compile(
    r"Traceback \(|\s*File \".*\", line \d|\s+at (?:[\w.$<>]+\(|\S.*:\d+\)?\s*$)|"
    r"\s*(?:[\w.]+(?:Error|Exception)|panic|fatal|error):|\s*[\^~]+\s*$|goroutine \d|thread '|"
    r"Uncaught |Unhandled exception|Exception in thread|Caused by: |Stack trace:|Segmentation fault|"
    r"error\[E\d|PHP (?:Fatal|Parse) error|FAILED \S+::|E   +\S|\s+--> \S+:\d|\s+from \S+:\d+:in|"
    r"[\w./-]+:\d+:(?:\d+:? (?:- )?(?:fatal )?error|in `)"
)
_LOG = re.compile(
    r"\[?\d{4}-\d\d-\d\d[T ]\d\d:\d\d|\[?\d\d:\d\d:\d\d|[A-Z][a-z]{2} +\d+ \d\d:\d\d:\d\d |"
    r"\[?(?:INFO|WARN|WARNING|ERROR|DEBUG|TRACE|FATAL)\b|\d+\.\d+\.\d+\.\d+ - "
)
_SHELL = re.compile(
    r"\s*(?:\$ |# (?:apt|yum|cd|ls|systemctl)\b|>>> |[\w-]+@[\w.-]+[:~].*[$#] |"
    r"(?:sudo|git|docker|kubectl|npm|pip|cd|ls|curl|ssh|systemctl|apt) [\w./-]+(?: |$))"
)
_DIFF = re.compile(r"diff --git |@@ .* @@|--- \S|\+\+\+ \S|[+-](?! )\s*[\w(){}#/@*\"'<].*[(){};=:,\"'>]")
_BRACKETS = re.compile(r"[\s\[\]{}(),;]*")
_BULLET = re.compile(r"\s*(?:[-*•]|\d+[.)])\s")
_OPTION = re.compile(r"\s*\(?[A-Ea-e][.)]\s")
_HEADING = re.compile(r"\s*(?:#{1,6} |\*\*[^*]+\*\*:?\s*$|[A-Z][\w /-]{2,40}:\s*$|<[a-z_]+>\s*$)")
_FORMULA = re.compile(
    r"\$[^$\n]{1,200}\$|\\(?:frac|sqrt|int|sum|begin|cdot|left|times|le|ge)\b|[∀∃⊃∑∫√≤≥≠∞π∨∧¬≡·]|"
    r"\b\w\^\{?[\w-]|\b[a-z]\([a-z0-9]\)\s*=|\b\d*[xyzn] ?[-+=*/] ?\d|\d ?[-+*/×÷=^] ?\(?\d"
)
# What every formula has, and most prose has not; it is found at a fraction of the cost.
_FORMULA_MARK = re.compile(r"[$\\^=∀∃⊃∑∫√≤≥≠∞π∨∧¬≡·+*/×÷-](?:(?<=[$\\^=∀∃⊃∑∫√≤≥≠∞π∨∧¬≡·])| ?\(?\d)")
# A number begins with its currency or a digit; said first, so that only these are looked at.
_NUMBER = re.compile(r"[$€£\d](?<![\w./-].)(?:(?<=\d)|(?<=[$€£])\d)[\d,]*(?:\.\d+)?%?(?![\w/-])")
_PATH = re.compile(r"(?<![\w/])(?:~|\.{1,2})?/(?:[\w.-]+/)*[\w.-]+")
_CODE_FILE = re.compile(
    r"\.(?:py|js|ts|go|rs|java|c|cpp|h|rb|php|sh|yml|yaml|toml|json|md|conf|cfg|ini|sql|html|css|tsx|jsx|kt)\b"
)
_DATA_FILE = re.compile(r"\.(?:csv|tsv|xlsx?|parquet|db|sqlite)\b", re.IGNORECASE)
_IDENTIFIER = re.compile(r"\b(?:[a-z]+_[a-z_]+\w*|[a-z]+[A-Z]\w+|[A-Z][a-z]+[A-Z]\w+)\b|\b\w+\(\)|`[^`\n]+`")
_HUMP = re.compile(r"[A-Z](?<=[a-z].)")
_LOG_FILE = re.compile(r"\.(?:log|txt|bak|gz|zip)\b|/(?:var|etc|usr|home|tmp|opt|proc|dev)\b")
_COMMIT = re.compile(
    r"(?:feat|fix|docs?|chore|refactor|perf|test|build|ci|style)(?:\([^)]*\))?!?: ", re.IGNORECASE
)
_BRACE = re.compile(r"\{[^}\n]*\}|@\w+\[")
_QUOTED = re.compile(r"\"[^\"\n]{2,80}\"|“[^”\n]{2,80}”|'[\w][^'\n]{2,60}'")
_SELECT = re.compile(
    r"\b(?:SELECT\b.+\bFROM|INSERT INTO|UPDATE \w+ SET|CREATE TABLE|ALTER TABLE)\b", re.DOTALL
)

# Without one of these there is no `_SELECT`.
_STATEMENTS = ("SELECT", "INSERT INTO", "UPDATE ", "CREATE TABLE", "ALTER TABLE")

_CODE_LINES = (1, 4, 12)
# So many characters at either end of the prose are searched for numbers, paths, formulas and the like.
_ASKED = 400


class Layout(NamedTuple):
    """`prose` is the text without code, tables and traces; `kinds` what else there is; `signs` all that is known of
    its layout."""

    prose: str
    kinds: tuple[str, ...]
    signs: tuple[str, ...]


def layout_of(text: str) -> Layout:
    """The layout of `text`."""
    prose: list[str] = []
    seen: dict[str, int] = {}
    fenced, last = False, ""
    for line in text.splitlines():
        if line.lstrip().startswith("```"):
            fenced = not fenced
            seen["fence"] = seen.get("fence", 0) + 1
            continue
        if not line.strip():
            prose.append("")
            continue
        kind = "code" if fenced or (last == "code" and line[0] in " \t}") else _kind_of(line)
        last = kind if kind != "bracket" else last
        if kind:
            seen[kind] = seen.get(kind, 0) + 1
        if kind == "bracket":
            continue
        if kind in ("", "bullet", "option", "heading"):
            prose.append(line)
    asked = "\n".join(prose)
    kinds = tuple(
        kind
        for kind in ("code", "table", "trace", "log", "shell", "diff")
        if seen.get(kind, 0) > (2 if kind == "code" else 1) or (kind in ("trace", "diff") and kind in seen)
    )
    if not asked.strip():
        asked = text[:400]
        kinds = (*kinds, "bare")
    return Layout(asked, kinds, tuple(_signs(text, asked, seen, kinds)))


def _kind_of(line: str) -> str:
    if _BRACKETS.fullmatch(line) is not None:
        return "bracket"
    if _TRACE.match(line):
        return "trace"
    if _LOG.match(line):
        return "log"
    bullet = _BULLET.match(line)
    if bullet or _OPTION.match(line):
        if _ends_like_code(line) and len(line.split()) <= 12:
            return "code"
        return "bullet" if bullet else "option"
    if (line.count(",") >= 3 or _CELLS.search(line) is not None) and _TABLE.match(line):
        return (
            "table"
            if line.count(",") < 3 or "|" in line or "\t" in line or line[:1] in "[{" or _celled(line)
            else ""
        )
    if _SHELL.match(line):
        return "shell"
    if _ends_like_code(line) or (_CODE.match(line) and not _sentence(line)):
        return "code"
    if _DIFF.match(line):
        return "diff"
    return "heading" if _HEADING.match(line) else ""


def _ends_like_code(line: str) -> bool:
    """Whether a statement, a block or a signature ends with `line`."""
    end = line.rstrip()
    if end.endswith((";", "{", "}", "=>")) or line.endswith("\\"):
        return True
    if end.endswith(":") and end[:-1].rstrip().endswith(")"):
        return True
    return "->" in line and _ARROW_END.search(line) is not None


def _celled(line: str) -> bool:
    """Whether a line with commas is a row of cells: no blank follows most of its commas."""
    return line.count(", ") * 2 < line.count(",")


def _sentence(line: str) -> bool:
    """Whether a line that begins like code reads like a sentence."""
    words = line.split()
    return len(words) > 4 and sum(word.strip(".,?!:;'\"").isalpha() for word in words) * 4 > len(words) * 3


def _has_formula(asked: str) -> bool:
    return _FORMULA_MARK.search(asked) is not None and _FORMULA.search(asked) is not None


def _has_url(asked: str) -> bool:
    return "http://" in asked or "https://" in asked or "www." in asked


def _has_path(asked: str) -> bool:
    return ("/" in asked and _PATH.search(asked) is not None) or _names_file(_CODE_FILE, asked)


def _has_data_file(asked: str) -> bool:
    return _names_file(_DATA_FILE, asked)


def _names_file(ending: re.Pattern[str], asked: str) -> bool:
    """Whether such an ending follows a name: hyphens may end that, but are none by themselves."""
    if "." not in asked:
        return False
    for found in ending.finditer(asked):
        name = asked[: found.start()].rstrip("-")
        if name and (name[-1].isalnum() or name[-1] == "_"):
            return True
    return False


def _has_identifier(asked: str) -> bool:
    if "_" in asked or "`" in asked or "()" in asked or _HUMP.search(asked) is not None:
        return _IDENTIFIER.search(asked) is not None
    return False


def _has_log_file(asked: str) -> bool:
    return ("." in asked or "/" in asked) and _LOG_FILE.search(asked) is not None


def _has_brace(asked: str) -> bool:
    return ("{" in asked or "@" in asked) and _BRACE.search(asked) is not None


def _has_quote(asked: str) -> bool:
    return ('"' in asked or "'" in asked or "“" in asked) and _QUOTED.search(asked) is not None


# What the prose may have in it. Each looks first for the characters without which there is none.
_PRESENT: Final[Mapping[str, Callable[[str], bool]]] = {
    "formula": _has_formula,
    "url": _has_url,
    "path": _has_path,
    "datafile": _has_data_file,
    "identifier": _has_identifier,
    "logfile": _has_log_file,
    "brace": _has_brace,
    "quoted": _has_quote,
}


def _signs(text: str, asked: str, seen: dict[str, int], kinds: tuple[str, ...]) -> list[str]:
    signs = list(kinds)
    for kind, times in seen.items():
        signs += [f"{kind}>{bound}" for bound in _CODE_LINES if times >= bound]
    if seen and not kinds:
        signs.append("few")
    asked = asked if len(asked) <= 2 * _ASKED else f"{asked[:_ASKED]}\n{asked[-_ASKED:]}"
    numbers = len(_NUMBER.findall(asked))
    signs += [f"number>{bound}" for bound in (0, 1, 2, 4, 8) if numbers > bound]
    signs += [name for name, has in _PRESENT.items() if has(asked)]
    if any(word in text for word in _STATEMENTS) and _SELECT.search(text) is not None:
        signs.append("select")
    if _COMMIT.match(asked):
        signs.append("commit")
    head = asked.lstrip()[:200]
    if head == head.lower() != head.upper():
        signs.append("lower")
    if asked.rstrip()[-1:] not in ".?!:\"'”)。？！":
        signs.append("open")
    if not text.isascii():
        foreign = sum(not character.isascii() and character.isalpha() for character in asked[:300])
        if foreign > 20 or foreign * 3 > len(asked):
            signs.append("foreign")
    return signs
