"""The days of members: MemberService.SetBirthday, CheckIn."""

from zoneinfo import ZoneInfo

from loyalty import balance, program
from stubs import loyalty as pb
from suite import copy


def birthdays(suite):
    """Who proves at the till that today is the day is greeted, and given points once."""
    terms = program(suite)
    terms.occasions.add(id="birthday", display_name="Birthday", kind=pb.OCCASION_KIND_BIRTHDAY, points=88)
    name = f"days-{suite.tag}"
    suite.ask(pb.CreateProgramRequest(program_id=name, program=terms))
    member = suite.ask(pb.EnrollMemberRequest(program=f"programs/{name}", customer=suite.second)).member.name
    today = suite.now.astimezone(ZoneInfo("Asia/Shanghai"))
    gregorian, document = pb.CALENDAR_GREGORIAN, pb.BIRTHDAY_SOURCE_DOCUMENT
    born = pb.Birthday(month=today.month, day=today.day, source=document, calendar=gregorian)
    request = pb.SetBirthdayRequest(member=member, birthday=born)
    other = copy(request)
    other.time_zone = "Europe/Berlin"
    suite.same(suite.once(request, other).birthday, born, "the birthday")
    check_in = pb.CheckInRequest(member=member, store="till")
    other = copy(check_in)
    other.store = "another"
    greeting = suite.once(check_in, other).celebrations
    suite.same([(one.rule, one.display_name, one.points) for one in greeting], [("birthday", "Birthday", 88)], "today")
    suite.same(greeting[0].day, today.date().isoformat(), "the day")
    again = suite.ask(pb.CheckInRequest(member=member)).celebrations
    suite.same([(one.rule, one.given_now) for one in again], [("birthday", False)], "the second greeting")
    suite.same(balance(suite, member).available, 88, "the points of the day, once")
    none = suite.ask(pb.SetBirthdayRequest(member=member))
    suite.true(not none.HasField("birthday"), "the birthday is not forgotten")
    suite.same(len(suite.ask(pb.CheckInRequest(member=member)).celebrations), 0, "nothing is known any more")


def bad_requests(suite):
    """Days that there are not, and nobody's days."""
    nobody = suite.other("members")
    suite.invalid(pb.SetBirthdayRequest(member="x"), "request_id", "member")
    born = pb.Birthday(month=2, day=30, source=pb.BIRTHDAY_SOURCE_MEMBER)
    wrong = pb.SetBirthdayRequest(member=suite.member, birthday=born, time_zone="Mars/Olympus")
    suite.invalid(wrong, "birthday.day=DATE_NEVER", "time_zone=ZONE_UNKNOWN")
    suite.invalid(
        pb.SetBirthdayRequest(member=suite.member, birthday=pb.Birthday(month=13, day=0)),
        *("birthday.month", "birthday.day", "birthday.source"),
    )
    leap = pb.Birthday(month=6, day=1, leap_month=True, source=pb.BIRTHDAY_SOURCE_MEMBER)
    suite.invalid(
        pb.SetBirthdayRequest(member=suite.member, birthday=leap),
        "birthday.leap_month=CALENDAR_CONTRADICTS",
    )
    number = pb.CheckInRequest(member=suite.member, id_number="110105194912310020")
    suite.invalid(number, "id_number=ID_NUMBER_WRONG")
    suite.missing(pb.SetBirthdayRequest(member=nobody), "member", nobody)
    suite.invalid(pb.CheckInRequest(member="x", store="x" * 161), "request_id", "member", "store")
    suite.missing(pb.CheckInRequest(member=nobody), "member", nobody)
    terms = program(suite)
    for _ in range(2):
        terms.occasions.add(id="day", display_name="Day", kind=pb.OCCASION_KIND_SIGN_UP, points=1)
    suite.invalid(
        pb.CreateProgramRequest(program_id=f"no-days-{suite.tag}", program=terms),
        "program.occasions[1].id=OCCASION_REPEATED",
    )
