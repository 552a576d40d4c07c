# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""What devices know against what the backend has: the delivery promise, line by line.

The journal is hearth-fleet's, the events are hearth-feed's lines or what a backend kept of them. A
report is known by its number among all that its device ever made; what has no number (sub-devices,
voice) by the connect it was sent in and its count there.
"""

import collections

UNNUMBERED = (2012, 2016, 2018, 2020, 3000, 3002)

# Outcomes of commands that never left the broker.
UNSENT = ("offline", "expired", "queue-full", "too-large", "refused")

Command = collections.namedtuple("Command", "device code mark state request reason answer")
Line = collections.namedtuple("Line", "what device connect count sequence code number")


class Broken(AssertionError):
    """A promise that was not kept; the message says which, and by what."""


def read_journal(path):
    with open(path, encoding="ascii") as file:
        for text in file:
            what, device, connect, count, sequence, code, number = text.split()
            yield Line(what, device, int(connect), int(count), int(sequence), int(code), number)


def number_in(payload):
    """The "n" that hearth-fleet put into a report, wherever it stands."""
    pending = [payload]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            if "n" in value:
                return str(value["n"])
            pending.extend(value.values())
        elif isinstance(value, list):
            pending.extend(value)
    return None


def once_each(events):
    """A consumer that was killed sees its last events again: the same ids, the same events."""
    seen, newest = {}, {}
    for event in events:
        worker, position = event["id"].split("-")
        known = seen.get(event["id"])
        if known is not None:
            if known != event:
                raise Broken("one id, two events: %r and %r" % (known, event))
            continue
        if int(position) <= newest.get(worker, -1):
            raise Broken("an id that does not grow: %r" % event)
        newest[worker] = int(position)
        seen[event["id"]] = event
    return list(seen.values())


def examples(found):
    return "%d, such as %r" % (len(found), sorted(found)[:3])


def segment(event):
    """A voice segment's number in its series: segments share all else."""
    parameters = event["payload"].get("ctrlParam", {})
    return "sn%s" % parameters["sn"] if "sn" in parameters else "-"


class Verdict:
    """Built from a journal, a feed and the backend's commands; check() raises Broken at the first
    promise not kept."""

    def __init__(self, journal, events, commands=()):
        self.lines, self.commands = list(journal), list(commands)
        self.events = once_each(events)
        self.uplinks = [event for event in self.events if event["event"] == "uplink"]

    def check(self):
        self.no_count_twice()
        self.nothing_lost_or_invented()
        self.sessions_are_connects()
        self.lives_are_whole()
        self.subdevices_follow()
        self.commands_end_once()
        return self.figures()

    def figures(self):
        kinds = collections.Counter(line.what for line in self.lines)
        return {"sent": kinds["sent"], "acknowledged": kinds["acknowledged"],
                "received": len(self.uplinks), "executed": kinds["executed"],
                "events": len(self.events), "connects": kinds["connected"],
                "commands": len(self.commands), **{state: sum(
                    command.state == state for command in self.commands)
                    for state in ("answered", "undelivered", "uncertain")}}

    def no_count_twice(self):
        """No (device, session, count) under two ids; segments of a voice series share theirs."""
        seen = {}
        for event in self.uplinks:
            key = (event["device"], event["session"], event["count"],
                   segment(event) if event["code"] == 3002 else "-")
            if seen.setdefault(key, event["id"]) != event["id"]:
                raise Broken("%r stands under %s and %s" % (key, seen[key], event["id"]))

    def nothing_lost_or_invented(self):
        """Acknowledged minus received, and received minus sent, are empty; nothing came twice."""
        received = collections.Counter(
            (event["device"], number_in(event["payload"]), event["code"])
            for event in self.uplinks if event["code"] not in UNNUMBERED)
        known = collections.defaultdict(set)
        for line in self.lines:
            if line.what in ("sent", "acknowledged") and line.code not in UNNUMBERED:
                known[line.what].add((line.device, line.number, line.code))
        lost = known["acknowledged"] - set(received)
        if lost:
            raise Broken("acknowledged and not received: " + examples(lost))
        invented = set(received) - known["sent"]
        if invented:
            raise Broken("received and not sent: " + examples(invented))
        doubled = [key for key, times in received.items() if times > 1]
        if doubled:
            raise Broken("received twice: " + examples(doubled))

    def sessions_are_connects(self):
        """A connect that the device knows of is one session, and its counts are the feed's; with
        that, what has no number of its own is checked too."""
        sent, sessions, counts = {}, {}, collections.defaultdict(dict)
        for line in self.lines:
            if line.what == "sent" and line.code not in UNNUMBERED:
                sent[(line.device, line.number, line.code)] = line
        for event in self.uplinks:
            counts[(event["device"], event["session"])][(
                event["count"], segment(event) if event["code"] == 3002 else "-")] = event["code"]
            line = sent.get((event["device"], number_in(event["payload"]), event["code"]))
            if event["code"] in UNNUMBERED or not line:
                continue
            if line.count != event["count"]:
                raise Broken("the device's count is %d: %r" % (line.count, event))
            known = sessions.setdefault((line.device, line.connect), event["session"])
            if known != event["session"]:
                raise Broken("one connect, sessions %d and %d: %r" % (
                    known, event["session"], event))
        if len(set((device, number) for (device, _), number in sessions.items())) != len(sessions):
            raise Broken("one session for two connects of a device")
        for line in self.lines:
            if line.what != "acknowledged" or line.code not in UNNUMBERED:
                continue
            number = sessions.get((line.device, line.connect))
            place = (line.count, line.number if line.code == 3002 else "-")
            if number is not None and counts[(line.device, number)].get(place) != line.code:
                raise Broken("acknowledged and not received: %r" % (line,))

    def lives_are_whole(self):
        """Each session has one online, before all else of it, and one offline, the newest session
        perhaps not yet. Ids put a session's events in order where one worker wrote them."""
        online, offline = collections.Counter(), collections.Counter()
        newest = {}
        for event in self.events:
            key = (event["device"], event["session"])
            if "gateway" in event:
                continue
            if event["event"] == "online":
                online[key] += 1
            elif event["event"] == "offline":
                offline[key] += 1
            elif event["event"] != "uplink":
                continue
            newest[event["device"]] = max(newest.get(event["device"], 0), event["session"])
        for key in {(event["device"], event["session"]) for event in self.uplinks} | set(offline):
            if online[key] != 1:
                raise Broken("%d times online: %r" % (online[key], key))
        for key, times in online.items():
            ended = offline[key]
            if times != 1 or ended > 1 or (ended == 0 and key[1] != newest[key[0]]):
                raise Broken("%d times online, %d times offline: %r" % (times, ended, key))

    def subdevices_follow(self):
        """Within a session of their gateway sub-devices come and go by turns; its end is theirs.
        Events of one session may stand in several rings: they are counted, not put in order."""
        there, ended = collections.Counter(), set()
        for event in self.events:
            if event["event"] not in ("online", "offline"):
                continue
            change = 1 if event["event"] == "online" else -1
            if "gateway" in event:
                there[(event["device"], event["gateway"], event["session"])] += change
            elif change < 0:
                ended.add((event["device"], event["session"]))
        wrong = [key for key, times in there.items() if times not in (0, 1)]
        if wrong:
            raise Broken("not online and offline by turns: " + examples(wrong))
        left = [key for key, times in there.items() if times and key[1:] in ended]
        if left:
            raise Broken("online in a session that ended: " + examples(left))

    def commands_end_once(self):
        """Each request has one outcome; no command is executed twice, none that was never sent, and
        each that was answered with 0 once."""
        outcomes = collections.defaultdict(list)
        executed = collections.Counter(
            line.number for line in self.lines if line.what == "executed")
        for event in self.events:
            if event["event"] in ("response", "undelivered"):
                outcomes[event["request"]].append(event)
        doubled = [(mark, times) for mark, times in executed.items() if times > 1 and mark != "-"]
        if doubled:
            raise Broken("executed more than once: " + examples(doubled))
        for request, events in outcomes.items():
            if len(events) > 1:
                raise Broken("request %d has %d outcomes: %r" % (request, len(events), events))
        uncertain = 0
        subdevices = {event["device"] for event in self.events if "gateway" in event}
        for command in self.commands:
            if command.state == "uncertain":
                uncertain += 1  # its sender was killed between sending it and writing that down
                continue
            if command.state not in ("answered", "undelivered"):
                raise Broken("no outcome: %r" % (command,))
            event, = outcomes.pop(command.request, [None])
            self.outcome_fits(command, event, executed[command.mark], subdevices)
        if len(outcomes) > uncertain:
            raise Broken("outcomes of what nobody asked: " + examples(list(outcomes)))

    @staticmethod
    def outcome_fits(command, event, executed, subdevices):
        # What is asked of a sub-device is asked, and ends, in its gateway's session.
        if event is None or (event["device"] != command.device and
                             command.device not in subdevices):
            raise Broken("%r has the outcome %r" % (command, event))
        if event["event"] == "response":
            if event["code"] != command.code - 1:
                raise Broken("%r is answered by %r" % (command, event))
            if event["payload"]["result"] == 0 and executed != 1:
                raise Broken("%d times executed, and answered: %r" % (executed, command))
        elif event["reason"] in UNSENT and executed:
            raise Broken("%s, and executed: %r" % (event["reason"], command))
