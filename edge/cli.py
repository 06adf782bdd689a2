"""The command line: `birdlisten --device 0`."""

import argparse
import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import fields
from types import FrameType
from typing import Any

from edge.command.arguments import NOT_SETTINGS, parse
from edge.command.stop import Terminated
from edge.config import Settings, resolve
from edge.contract.errors import BirdlistenError, in_words
from edge.system.outlet import ensure_streams
from edge.system.terminal import complain, log_to_stderr, never_refuse, say, say_row


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; the exit code is 0 ok, 1 failure, 2 usage, 130 interrupted."""
    ensure_streams()
    never_refuse()
    arguments = list(sys.argv[1:] if argv is None else argv)
    signal.signal(signal.SIGTERM, _terminate)
    try:
        args = parse(arguments, COMMANDS)
        settings = _settings(args)
        _talk(settings)
        code = COMMANDS[args.command](args, settings)
        sys.stdout.flush()  # a disk that is full shall be told by us
        return code
    except BirdlistenError as error:
        complain(error)
        return error.exit_code
    except BrokenPipeError:
        # The reader of stdout has gone (`birdlisten | head`): nobody is left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        complain(in_words(error)[:300])
        return 1
    except KeyboardInterrupt:
        return 130
    except Terminated:
        return 0


def _listen(args: argparse.Namespace, settings: Settings) -> int:
    from edge.command.listen import listen
    from edge.command.origin import SettingsOrigin

    again = bool(vars(args).get("again"))
    return listen(settings, SettingsOrigin(_flags(args), args.config), again)


def _analyze(args: argparse.Namespace, settings: Settings) -> int:
    from edge.command.analyze import AnalysisRequest, analyze

    return analyze(settings, AnalysisRequest(**_given(args, AnalysisRequest)))


def _rematch(args: argparse.Namespace, settings: Settings) -> int:
    from edge.command.rematch import RematchRequest, rematch

    return rematch(settings, RematchRequest(**_given(args, RematchRequest)))


def _identify(args: argparse.Namespace, settings: Settings) -> int:
    from edge.command.identify import identify_shown, recordings, to_json, to_text
    from edge.command.opening import open_recognizer
    from edge.command.picture_show import drawer

    recognizer, draw = open_recognizer(settings), drawer(settings)
    failed = 0
    for file in recordings(args.files):
        record, pictures = identify_shown(file, recognizer, args.top)
        say(to_json(record) if settings.json else to_text(record))
        if draw and (drawing := draw(pictures)):
            print(drawing, flush=True)
        if "error" in record:
            failed += 1
            complain(record["error"])
    return 1 if failed else 0


def _devices(args: argparse.Namespace, settings: Settings) -> int:
    from edge.source.microphone import as_json, describe_devices, input_devices

    devices = input_devices(settings.backend)
    if settings.json:
        print(as_json(devices))
    else:
        for line in describe_devices(settings.backend).split("\n"):
            (say_row if line.startswith(" ") else say)(line)
    return 0 if devices else 1


def _today(args: argparse.Namespace, settings: Settings) -> int:
    from edge.command.today import show_today

    return show_today(settings, vars(args).get("day"))


def _records(args: argparse.Namespace, settings: Settings) -> int:
    from edge.command.records import RecordsRequest, show_records

    return show_records(settings, RecordsRequest(**_given(args, RecordsRequest)))


def _report(args: argparse.Namespace, settings: Settings) -> int:
    from edge.command.report import ReportRequest, report

    return report(settings, ReportRequest(**_given(args, ReportRequest)))


def _export(args: argparse.Namespace, settings: Settings) -> int:
    from edge.command.export import ExportRequest, export_ebird
    from edge.command.export_clips import export_clips

    export = export_clips if args.form_of == "clips" else export_ebird
    return export(settings, ExportRequest(**_given(args, ExportRequest)))


def _search(args: argparse.Namespace, settings: Settings) -> int:
    from edge.command.retrieval import SearchRequest, search

    return search(settings, SearchRequest(**_given(args, SearchRequest)))


def _import(args: argparse.Namespace, settings: Settings) -> int:
    from edge.command.import_birdnet_pi import import_birdnet_pi

    return import_birdnet_pi(settings, args.database)


def _publish(args: argparse.Namespace, settings: Settings) -> int:
    from edge.command.publish import PublishRequest, publish

    return publish(settings, PublishRequest(**_given(args, PublishRequest)))


def _why(args: argparse.Namespace, settings: Settings) -> int:
    from edge.command.why import why

    return why(args.id, settings, vars(args).get("map_file"))


def _confirm(args: argparse.Namespace, settings: Settings) -> int:
    from edge.command.review import confirm, take_back

    return take_back(args.id, settings) if args.undo else confirm(args.id, settings, args.name)


def _reject(args: argparse.Namespace, settings: Settings) -> int:
    from edge.command.review import reject, take_back

    return take_back(args.id, settings) if args.undo else reject(args.id, settings)


def _learn_background(args: argparse.Namespace, settings: Settings) -> int:
    from edge.command.learn import learn_background, take_back_background

    return take_back_background(settings) if args.undo else learn_background(settings, args.minutes)


def _teach(args: argparse.Namespace, settings: Settings) -> int:
    from edge.command.teach import TeachRequest, teach

    return teach(settings, TeachRequest(**_given(args, TeachRequest)))


def _learnt(args: argparse.Namespace, settings: Settings) -> int:
    from edge.command.teach import learnt

    return learnt(settings, args.undo)


def _species(args: argparse.Namespace, settings: Settings) -> int:
    from edge.command.addition import SpeciesRequest, add
    from edge.command.species import check_action, remove, show, show_all

    check_action(args.action, given := _given(args, SpeciesRequest))
    if args.action == "add":
        return add(settings, SpeciesRequest(**given))
    if args.action == "list":
        return show_all(settings)
    if args.action == "show":
        return show(settings, args.name)
    return remove(settings, args.name, args.undo)


def _gallery(args: argparse.Namespace, settings: Settings) -> int:
    from edge.command.gallery import gallery

    own = set(NOT_SETTINGS) - {"command", "config", "action"}
    given = {name: value for name, value in vars(args).items() if name in own}
    return gallery(settings, args.action, given)


def _bench(args: argparse.Namespace, settings: Settings) -> int:
    from edge.command.bench import bench

    return bench(settings, args.trials)


def _doctor(args: argparse.Namespace, settings: Settings) -> int:
    from edge.command.doctor import doctor

    return doctor(settings, args.seconds)


def _service(args: argparse.Namespace, settings: Settings) -> int:
    from edge.command import service

    if args.action == "status":
        return service.status()
    if args.action == "uninstall":
        return service.uninstall()
    # A wrong flag shall be told now, not at boot.
    user = service.service_user(args.user)
    plan = service.plan(_flags(args), args.config)
    text = service.unit(plan, user)
    if args.action == "show":
        return service.show(text)
    return service.install(text, secrets=plan.secrets, announced=plan.announced)


def _web(args: argparse.Namespace, settings: Settings) -> int:
    from edge.command.origin import SettingsOrigin
    from edge.command.web import WebRequest, web

    origin = SettingsOrigin(_flags(args), args.config)
    return web(settings, WebRequest(**_given(args, WebRequest)), origin)


def _demo(args: argparse.Namespace, settings: Settings) -> int:
    from edge.command.demo import demo

    return demo(settings)


COMMANDS: dict[str, Callable[[argparse.Namespace, Settings], int]] = {
    "listen": _listen,
    "analyze": _analyze,
    "rematch": _rematch,
    "identify": _identify,
    "devices": _devices,
    "demo": _demo,
    "bench": _bench,
    "today": _today,
    "records": _records,
    "search": _search,
    "report": _report,
    "export": _export,
    "import": _import,
    "publish": _publish,
    "why": _why,
    "confirm": _confirm,
    "reject": _reject,
    "teach": _teach,
    "learnt": _learnt,
    "learn-background": _learn_background,
    "species": _species,
    "gallery": _gallery,
    "doctor": _doctor,
    "service": _service,
    "web": _web,
}


def _flags(args: argparse.Namespace) -> dict[str, Any]:
    """Settings that were given."""
    return {name: value for name, value in vars(args).items() if name not in NOT_SETTINGS}


def _given(args: argparse.Namespace, kind: type[Any]) -> dict[str, Any]:
    """The fields of a request that were given."""
    given = {field.name: vars(args).get(field.name) for field in fields(kind)}
    return {name: value for name, value in given.items() if value is not None}


def _settings(args: argparse.Namespace) -> Settings:
    return resolve(_flags(args), os.environ, args.config)


def _talk(settings: Settings) -> None:
    logging.raiseExceptions = False  # a log that can't be written is nobody's traceback
    level = logging.ERROR if settings.quiet else logging.INFO
    log_to_stderr(logging.DEBUG if settings.verbose else level)


def _terminate(number: int, frame: FrameType | None) -> None:
    raise Terminated
