from __future__ import annotations

from dataclasses import fields

from hypothesis import given
from hypothesis import strategies as st
from tests.store.samples import DECISION

from trunkline.domain.decisions import Decision, Ranked, Reason, Rejection, RejectionCode, Terms
from trunkline.domain.routes import Route
from trunkline.store import codec, packed

SHARE = st.floats(0, 1)
ROUTES = st.builds(Route, st.text(), st.text(), st.text())
FACTS = st.lists(
    st.tuples(st.text(), st.none() | st.text() | st.integers(-(2**53), 2**53) | SHARE), max_size=3
).map(tuple)
RANKED = st.builds(
    Ranked,
    ROUTES,
    SHARE,
    st.builds(Terms, *[SHARE] * 3, *[st.none() | SHARE] * 3, SHARE),
    st.none() | st.integers(0, 2**53),
    st.integers(0, 2),
)
DECISIONS = st.builds(
    Decision,
    route=ROUTES,
    reason=st.sampled_from(Reason),
    rule=st.none() | st.text(),
    confidence=SHARE,
    ranking=st.lists(RANKED, max_size=3).map(tuple),
    rejected=st.lists(
        st.builds(Rejection, st.text(), st.sampled_from(RejectionCode), FACTS, st.none() | st.integers(0, 9)),
        max_size=3,
    ).map(tuple),
    stayed=st.booleans(),
    facts=FACTS,
)
FIELDS = {
    Route: "provider account model",
    Terms: "preference quota context cost quality speed health",
    Ranked: "route score terms cost_pico order behind",
    Rejection: "route code facts until_ms count",
    Decision: "route reason rule confidence ranking rejected stayed facts",
}


@given(DECISIONS)
def test_a_decision_survives_packing(decision: Decision) -> None:
    assert packed.unpack(packed.pack(decision)) == decision


def test_it_is_worth_it() -> None:
    assert len(packed.pack(DECISION)) < len(codec.encode(DECISION)) / 2


def test_the_order_of_fields_is_that_of_stored_decisions() -> None:
    assert {kind: " ".join(field.name for field in fields(kind)) for kind in FIELDS} == FIELDS
