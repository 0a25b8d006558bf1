"""The cards of members: MemberService.LookupCard, ListCards, AssignCard, ReplaceCard."""

from loyalty import program
from stubs import loyalty as pb
from suite import copy


def cards(suite):
    """A card identifies its member until it is lost; then another does."""
    name = f"cards-{suite.tag}"
    suite.ask(pb.CreateProgramRequest(program_id=name, program=program(suite)))
    club = f"programs/{name}"
    member = suite.ask(pb.EnrollMemberRequest(program=club, customer=suite.first)).member.name
    assign = pb.AssignCardRequest(member=member, number="6200 0011-22ab")
    other = copy(assign)
    other.number = "99998888"
    card = suite.once(assign, other).card
    suite.same((card.number, card.member, card.HasField("end_time")), ("6200001122AB", member, False), "the card")
    found = suite.ask(pb.LookupCardRequest(program=club, number="62-00-00-11-22-AB")).member
    suite.same(found.name, member, "whose card it is")
    replace = pb.ReplaceCardRequest(member=member, number="77776666", reason=pb.CARD_END_STOLEN)
    other = copy(replace)
    other.number = "77775555"
    replaced = suite.once(replace, other)
    suite.same((replaced.card.number, replaced.blocked.number), ("77776666", "6200001122AB"), "the new and the old one")
    suite.same(replaced.blocked.ended_by, pb.CARD_END_STOLEN, "why")
    suite.same(replaced.blocked.end_time, replaced.card.start_time, "one ends when the other begins")
    listed = suite.ask(pb.ListCardsRequest(member=member)).cards
    suite.same(list(listed), [replaced.card, replaced.blocked], "the history")
    suite.refused(pb.LookupCardRequest(program=club, number="6200001122AB"), "FAILED_PRECONDITION", "CARD_BLOCKED")
    suite.refused(pb.AssignCardRequest(member=member, number="1234"), "FAILED_PRECONDITION", "CARD_HELD")
    second = suite.ask(pb.EnrollMemberRequest(program=club, customer=suite.second)).member.name
    suite.refused(pb.AssignCardRequest(member=second, number="77776666"), "FAILED_PRECONDITION", "CARD_TAKEN")
    suite.refused(pb.AssignCardRequest(member=second, number="6200001122AB"), "FAILED_PRECONDITION", "CARD_BLOCKED")


def bad_requests(suite):
    """Numbers that are none, and nobody's cards."""
    nobody = suite.other("members")
    suite.invalid(pb.LookupCardRequest(program="x"), "program", "number")
    suite.invalid(pb.ListCardsRequest(member="x"), "member")
    suite.missing(pb.ListCardsRequest(member=nobody), "member", nobody)
    suite.invalid(pb.AssignCardRequest(), "request_id", "member", "number")
    suite.invalid(pb.AssignCardRequest(member=suite.member, number="1/2/3/4"), "number=CARD_MALFORMED")
    suite.missing(pb.AssignCardRequest(member=nobody, number="12345678"), "member", nobody)
    suite.invalid(pb.ReplaceCardRequest(), "request_id", "member", "number", "reason")
    replace = pb.ReplaceCardRequest(member=suite.member, old_number="?", number="!", reason=pb.CARD_END_LOST)
    suite.invalid(replace, "old_number=CARD_MALFORMED", "number=CARD_MALFORMED")
    replace = pb.ReplaceCardRequest(member=nobody, number="12345678", reason=pb.CARD_END_LOST)
    suite.missing(replace, "member", nobody)
