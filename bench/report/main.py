# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""benchmark - everything that Hearth says about its speed, measured side by side in one run"""

import argparse
import datetime
import json
import pathlib
import signal
import sys
import time

sys.dont_write_bytecode = True
import collect  # noqa: E402  (no caches in the tree)
import figures  # noqa: E402
import leftovers  # noqa: E402
import machine  # noqa: E402
import maths  # noqa: E402
import page  # noqa: E402
import pages  # noqa: E402
import programs  # noqa: E402
import rig as rigs  # noqa: E402
import schedule  # noqa: E402
import sections  # noqa: E402
import steps  # noqa: E402

QUICK_SECONDS, FULL_SECONDS = 240, 3300


def arguments():
    parser = argparse.ArgumentParser(
        prog="tools/benchmark", description=__doc__,
        epilog="Writes build/benchmark/report.json, report.html and raw/. Everything happens in network "
        "namespaces of its own; what is reserved or started is given back and ended, however it ends.")
    parser.add_argument("--full", action="store_true",
                        help="ten million devices, every scenario, longer trials: within an hour")
    parser.add_argument("--seconds", type=int, help="end after about so many (%d, full: %d)" % (
        QUICK_SECONDS, FULL_SECONDS))
    parser.add_argument("--repetitions", type=int, default=3, metavar="N",
                        help="of what is compared, alternating (3)")
    parser.add_argument("--only", metavar="STEP,..", help="these steps only; the rest is null then")
    parser.add_argument("--list", action="store_true", help="name the steps and their times, run none")
    parser.add_argument("--void", type=float, default=maths.VOID_SHARE, metavar="SHARE",
                        help="a run is void if others had more of the CPUs' time (%g)" % maths.VOID_SHARE)
    parser.add_argument("--keep", metavar="DIR", help="write report.json, report.html and README.md "
                        "there besides: a dated result to commit")
    parser.add_argument("--out", metavar="DIR", help="write there (build/benchmark)")
    parser.add_argument("--build", default=str(rigs.ROOT / "build"), help=argparse.SUPPRESS)
    return parser.parse_args()


def say(text):
    print("benchmark: %s" % text, flush=True)


def keeper(raw):
    """Keeps each record as it comes: what was measured is there even if the rest is not."""
    raw.mkdir(parents=True, exist_ok=True)
    for old in raw.glob("*.json"):
        old.unlink()
    numbers = iter(range(1, 10000))

    def keep(record):
        path = raw / ("%02d-%s-%d.json" % (next(numbers), record.step, record.repetition))
        path.write_text(json.dumps(record.as_dict(), indent=1) + "\n", "utf-8")
    return keep


def wire_of(rig):
    return ("memif between hearthd (CPU %d) and the instrument (CPU %d), rings of %d; packaged servers and the "
            "twin over the loopback of a network namespace, on the same CPUs" % (
                rig.broker_cpu, rig.load_cpu, 1 << rig.rsize))


def make_report(options, rig, runs, began):
    records = [record.as_dict() for record in runs.records]
    found = collect.Found(records, runs.left_out)
    collected = collect.collect(found, options.full)
    scaling = [(result["workers"], result["rate"]) for step in sorted(
        {record["step"] for record in records if record["step"].startswith("scaling-")})
        for result in found.results(step).values()]
    report = {"date": began.isoformat(timespec="seconds"), "kind": "full" if options.full else "quick",
              "machine": machine.facts(), "wire": wire_of(rig), "void_share": options.void,
              "figures": collected, **({"scaling": scaling} if scaling else {})}
    for problem in figures.problems(report):
        say("report.json is not what it should be: %s" % problem)
    text = page.render(report, records, sections.build(
        report, found, steps.FAULTS if options.full else ()))
    return report, text


def write(folder, report, text):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    (folder / "report.html").write_text(text, "utf-8")


def readme(report):
    """The table for those who read the result where it is kept."""
    values = {name: one["value"] for name, one in report["figures"].items()}
    lines = ["# Measured %s" % report["date"][:10], "",
             "%s run of `tools/benchmark`; [report.html](report.html) has the plots, [report.json]"
             "(report.json) the numbers." % report["kind"].capitalize(), ""]
    lines += ["- %s: %s" % pair for pair in page.machine_pairs(report["machine"])]
    lines += ["- wire: %s" % report["wire"], "", "| figure | measured | goal | |", "|---|---|---|---|"]
    for figure in figures.FIGURES:
        one, goal = report["figures"][figure.id], figures.goal_of(figure, values)
        lines.append("| %s | %s | %s | %s |" % (
            figure.title, page.value_text(one["value"], figure.unit),
            "" if goal is None else page.value_text(goal, figure.unit),
            page.verdict(figure, one["value"], values)[1]))
    notes = ["- %s: %s" % (name, page.remarks(one)) for name, one in report["figures"].items()
             if page.remarks(one)]
    return "\n".join(lines + [""] + notes) + "\n"


def summary(report):
    values = {name: one["value"] for name, one in report["figures"].items()}
    for figure in figures.FIGURES:
        one = report["figures"][figure.id]
        say("%-22s %14s  %-12s %s" % (
            figure.id, page.value_text(one["value"], figure.unit),
            page.verdict(figure, one["value"], values)[1],
            (one.get("note") or "") if one["value"] is None else ""))


def chosen(runs, only):
    if not only:
        return runs
    names = only.split(",")
    unknown = [name for name in names if name not in {step.key for step, _ in runs}]
    if unknown:
        sys.exit("benchmark: no step %s; --list names them" % ", ".join(unknown))
    return [(step, repetition) for step, repetition in runs if step.key in names]


def quiet_enough(watch, void_share):
    """A second of nothing of ours: what the machine does anyway."""
    watch.begin()
    time.sleep(1)
    shares = watch.shares()
    say("before anything is run: the host takes %.1f %% of the CPUs, other programs %.1f %%" % (
        100 * shares["stolen"], 100 * shares["others"]))
    if maths.is_void(shares["taken"], void_share):
        say("that is more than %g %%: as long as it stays so, every run is void" % (100 * void_share))


def measure(options, rig, out):
    all_steps = steps.Steps(rig, options.full, options.repetitions)
    runs = chosen(all_steps.all(), options.only)
    if options.list:
        for step in dict.fromkeys(step for step, _ in runs):
            print("%-22s %4d s  %s" % (step.key, step.seconds, step.title))
        return None
    watch = machine.Watch()
    began = datetime.datetime.now(datetime.timezone.utc)
    seconds = options.seconds or (FULL_SECONDS if options.full else QUICK_SECONDS)
    quiet_enough(watch, options.void)
    megabytes = max(step.megabytes for step, _ in runs)
    with pages.HugePages(megabytes, rig.directory / "pages") as huge:
        if not huge.enough():
            say("only %d huge pages of 2 MiB are free, %d were wanted" % (huge.free(), huge.wanted))
        plan = schedule.Schedule(seconds, watch, say, keeper(out / "raw"), options.void)
        all_steps.left = plan.left
        say("%d runs in at most %d s" % (len(runs), seconds))
        plan.run_all(runs)
    report, text = make_report(options, rig, plan, began)
    write(out, report, text)
    return report, text


def main():
    options = arguments()
    steps.complain_without_root()
    # SIGINT, too: a shell lets what it starts in the background ignore that.
    for number in signal.SIGTERM, signal.SIGHUP, signal.SIGINT:
        signal.signal(number, lambda *_: sys.exit(130))
    leftovers.remove()
    rig = rigs.Rig(options.build, say)
    try:
        if not options.list:
            programs.isolate()
        out = pathlib.Path(options.out or pathlib.Path(options.build) / "benchmark")
        made = measure(options, rig, out)
    except programs.Failed as error:
        sys.exit("benchmark: %s" % error)
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        rig.close()
    if made:
        report, text = made
        summary(report)
        say("written: %s and %s" % (out / "report.html", out / "report.json"))
        if options.keep:
            folder = pathlib.Path(options.keep)
            write(folder, report, text)
            (folder / "README.md").write_text(readme(report), "utf-8")
            say("kept in %s" % folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
