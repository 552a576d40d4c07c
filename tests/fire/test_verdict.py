# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""The verdict itself: a feed that keeps every promise passes, each broken promise is named."""

import copy

import pytest

import verdict
from verdict import Line

DEVICE = "100"


def event(position, kind, session=7, **members):
    return {"id": "0-%d" % position, "event": kind, "device": DEVICE, "session": session,
            **members}


def uplink(position, count, number, code=2006, session=7):
    return event(position, "uplink", session, count=count, code=code,
                 payload={"statusSerials": [{"n": str(number)}]})


def voice(position, count, sn):
    return event(position, "uplink", count=count, code=3002, payload={"ctrlParam": {"sn": sn}})


def line(what, count, number, code=2006, connect=1):
    return Line(what, DEVICE, connect, count, 40000 + count, code, str(number))


def sound():
    """A journal and a feed of two sessions, with a segment pair and a sub-device between."""
    journal = [line("connected", 0, "udp", 1004)]
    for count, number, code in ((1, 1, 2006), (2, 2, 2022), (3, "-", 2012), (4, "sn1", 3002),
                                (4, "sn2", 3002), (5, 3, 2006)):
        journal += [line("sent", count, number, code), line("acknowledged", count, number, code)]
    journal += [line("connected", 0, "udp", 1004, 2), line("sent", 1, 4, 2006, 2)]
    feed = [event(0, "online"), uplink(16, 1, 1), uplink(32, 2, 2, 2022),
            event(48, "uplink", count=3, code=2012, payload={}), voice(64, 4, 1), voice(80, 4, 2),
            uplink(96, 5, 3), event(112, "offline"), event(128, "online", 8),
            uplink(144, 1, 4, session=8)]
    return journal, feed


def test_a_sound_feed_passes():
    journal, feed = sound()
    figures = verdict.Verdict(journal, feed).check()
    assert (figures["sent"], figures["acknowledged"], figures["received"]) == (7, 6, 7)


def test_last_events_may_come_again():
    journal, feed = sound()
    verdict.Verdict(journal, feed + copy.deepcopy(feed[-2:])).check()


def without(position):
    return lambda journal, feed: feed.pop(position)


def changed(position, **members):
    return lambda journal, feed: feed[position].update(members)


@pytest.mark.parametrize("defect,words", [
    (without(1), "acknowledged and not received"),
    (without(3), "acknowledged and not received"),
    (without(5), "acknowledged and not received"),
    (without(0), "0 times online"),
    (without(7), "0 times offline"),
    (lambda journal, feed: feed.append(uplink(160, 2, 9, session=8)), "received and not sent"),
    (lambda journal, feed: feed.append(uplink(160, 2, 4, session=8)), "received twice"),
    (lambda journal, feed: feed.append(uplink(160, 1, 4, session=8)), "stands under"),
    (lambda journal, feed: feed.append(voice(160, 4, 2)), "stands under"),
    (lambda journal, feed: feed.append(event(160, "online", 8)), "2 times online"),
    (lambda journal, feed: feed.append(event(160, "offline", 7)), "2 times offline"),
    (lambda journal, feed: feed.append(uplink(16, 9, 9)), "one id, two events"),
    (lambda journal, feed: feed.append(event(136, "offline", 8)), "does not grow"),
    (changed(1, count=11), "the device's count is 1"),
    (lambda journal, feed: (feed[6].update(session=8), feed[9].update(count=2),
                            journal.remove(line("sent", 1, 4, 2006, 2)),
                            journal.append(line("sent", 2, 4, 2006, 2))), "one connect, sessions"),
])
def test_each_broken_promise_is_named(defect, words):
    journal, feed = sound()
    defect(journal, feed)
    with pytest.raises(verdict.Broken, match=words):
        verdict.Verdict(journal, feed).check()


def subdevice(position, kind, session=8):
    return event(position, kind, session, device="200", gateway=DEVICE)


@pytest.mark.parametrize("session,kinds,words", [
    (8, ("online", "offline", "online"), None),
    (8, ("online", "online"), "by turns"),
    (8, ("offline",), "by turns"),
    (7, ("online",), "in a session that ended"),
    (7, ("online", "offline"), None),
])
def test_lives_of_subdevices(session, kinds, words):
    journal, feed = sound()
    feed += [subdevice(160 + 16 * at, kind, session) for at, kind in enumerate(kinds)]
    if not words:
        verdict.Verdict(journal, feed).check()
        return
    with pytest.raises(verdict.Broken, match=words):
        verdict.Verdict(journal, feed).check()


def answered(request, code=2004, result=0, position=200):
    return event(position, "response", request=request, code=code, payload={"result": result})


def undelivered(request, reason, position=200):
    return event(position, "undelivered", request=request, code=2005, reason=reason)


def executed(mark):
    return Line("executed", DEVICE, 1, 1, 9, 2005, mark)


def command(state="answered", request=50, mark="c1", code=2005, device=DEVICE):
    return verdict.Command(device, code, mark, state, request, None, None)


@pytest.mark.parametrize("commands,lines,outcomes", [
    ([command()], [executed("c1")], [answered(50)]),
    ([command()], [], [answered(50, result=300002)]),
    ([command("undelivered")], [], [undelivered(50, "offline")]),
    ([command("undelivered")], [executed("c1")], [undelivered(50, "unknown")]),
    ([command("undelivered")], [], [undelivered(50, "no-answer")]),
    ([command("uncertain", None)], [executed("c1")], [answered(50)]),
    ([command("uncertain", None)], [], []),
])
def test_outcomes_that_may_be(commands, lines, outcomes):
    journal, feed = sound()
    verdict.Verdict(journal + lines, feed + outcomes, commands).check()


@pytest.mark.parametrize("commands,lines,outcomes,words", [
    ([command()], [executed("c1"), executed("c1")], [answered(50)], "executed more than once"),
    ([command()], [executed("c1")], [answered(50), answered(50, position=216)], "2 outcomes"),
    ([command()], [executed("c1")], [answered(50), undelivered(50, "unknown", 216)], "2 outcomes"),
    ([command("sent")], [], [], "no outcome"),
    ([command()], [executed("c1")], [], "has the outcome None"),
    ([command()], [], [answered(50)], "0 times executed"),
    ([command()], [executed("c1")], [answered(50, 2030)], "is answered by"),
    ([command(device="other")], [executed("c1")], [answered(50)], "has the outcome"),
    ([command("undelivered")], [executed("c1")], [undelivered(50, "offline")], "and executed"),
    ([command("undelivered")], [executed("c1")], [undelivered(50, "expired")], "and executed"),
    ([], [], [answered(50)], "nobody asked"),
])
def test_each_wrong_outcome_is_named(commands, lines, outcomes, words):
    journal, feed = sound()
    with pytest.raises(verdict.Broken, match=words):
        verdict.Verdict(journal + lines, feed + outcomes, commands).check()
