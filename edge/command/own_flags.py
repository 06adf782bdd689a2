"""Flags and arguments that a command has for itself; those of its station are in `flags`."""

from collections.abc import Callable
from pathlib import Path

from edge.command.parser import Parser, place_s, positive, positive_number, positives, seconds
from edge.command.web_flags import web_flags
from edge.report.form_names import FORM_NAMES

ACTIONS = ("list", "show", "add", "remove")
"""Of `species`."""


def add_hearing_commands(add: Callable[[str], Parser]) -> None:
    """Those that hear birds."""
    listen = add("listen")
    listen.add_argument(
        "--watch", action="store_true", help="a folder: go on with the files that come"
    )
    listen.add_argument("--explain", action="store_true", help="what speaks for every record")
    _show_flag(listen)
    _again_flag(listen)
    _add_analyze_flags(add("analyze"))
    _add_table_flags(rematch := add("rematch"))
    rematch.add_argument("output", type=Path, metavar="DIR", help="of analyze --keep-embeddings")
    files = add("identify")
    files.add_argument("files", nargs="+", type=Path, metavar="PATH", help="files, or folders")
    files.add_argument("--top", type=positive, default=5, help="species a file (default 5)")
    _show_flag(files)
    _show_flag(add("demo"))


def path_or_url(text: str) -> Path | str:
    """A path, or the URL of an object store as it is."""
    return text if "://" in text else Path(text)


def _add_analyze_flags(analyze: Parser) -> None:
    own = analyze.add_argument
    own("paths", nargs="+", type=path_or_url, metavar="PATH", help="recordings, folders, s3://...")
    own("--output", type=Path, metavar="DIR", help="folder of tables and records (default: stdout)")
    _add_table_flags(analyze)
    own("--keep-embeddings", action="store_true", help="so that `rematch` need not hear again")
    own("--jobs", type=positive, metavar="N", help="worker processes (default: one a core)")
    own("--ray", metavar="ADDRESS", help="hear by a Ray cluster: auto, local, ray://HOST:10001")
    own("--explain", action="store_true", help="what speaks for every record")
    _show_flag(analyze)
    _again_flag(analyze)


def _add_table_flags(command: Parser) -> None:
    own = command.add_argument
    own(
        "--format",
        dest="form",
        metavar="NAMES",
        help=f"of tables: {', '.join(FORM_NAMES)}; several by commas (default csv)",
    )
    own("--combine", action="store_true", help="one table of all recordings, too")


def _show_flag(command: Parser) -> None:
    text = "draw the picture of a match, in a terminal that can"
    command.add_argument("--show", action="store_true", help=text)


def _again_flag(command: Parser) -> None:
    command.add_argument("--again", action="store_true", help="hear recordings known already, too")


def add_machine_commands(add: Callable[[str], Parser]) -> None:
    """Those that set up a recorder."""
    add("devices")
    doctor = add("doctor")
    doctor.add_argument(
        "--seconds",
        type=seconds,
        default=3.0,
        metavar="S",
        help="to record for the level; 0: none",
    )
    trials = add("bench")
    trials.add_argument(
        "--threads",
        dest="trials",
        type=positives,
        default=[1, 2],
        metavar="N,...",
        help="how many to try (default 1,2)",
    )
    _add_service_flags(add)
    web_flags(add("web").add_argument)


def add_records_commands(add: Callable[[str], Parser]) -> None:
    """Those that look back."""
    today, records = add("today"), add("records").add_argument
    today.add_argument("day", nargs="?", metavar="DATE", help="default today; or yesterday")
    _add_search_flags(add("search"))
    page = add("report").add_argument
    page("--output", type=Path, required=True, metavar="FILE", help="the page, such as week.html")
    exports = add("export").add_argument
    exports(
        "form_of",
        choices=("ebird", "clips"),
        metavar="ebird|clips",
        help="a pair of files for eBird; or the clips as WAV, each with its species as GUANO",
    )
    exports("--output", type=Path, required=True, metavar="DIR", help="folder of the files")
    exports("--location", metavar="NAME", help="of the place, for eBird (default birdlisten)")
    imports = add("import").add_argument
    imports("form_of", choices=("birdnet-pi",), metavar="birdnet-pi", help="the only kind")
    imports("database", type=Path, metavar="DB", help="its birds.db, or BirdDB.txt")
    for command in (records, exports):
        command("--since", metavar="MOMENT", help="such as 2026-05-01 or 2026-05-01T04:30")
        command("--until", metavar="MOMENT", help="likewise")
    add("publish").add_argument("--since", metavar="MOMENT", help="tell again from then on, once")
    for flag, text in (("--day", "of that day"), ("--week", "of the seven days up to that one")):
        for command in (records, page, exports):
            command(flag, nargs="?", const="today", metavar="DATE", help=f"{text} (default today)")
    records("--species", dest="named", metavar="NAME", help="of that one")
    records("--format", dest="form", metavar="NAME", help=f"of {', '.join(FORM_NAMES)}")


def _add_search_flags(search: Parser) -> None:
    own = search.add_argument
    text = "output of analyze --keep-embeddings (default: the station)"
    own("folder", nargs="?", type=Path, metavar="DIR", help=text)
    search.set_defaults(folder=None)
    own("--picture", type=Path, metavar="FILE", help="a photograph (needs Pillow)")
    own("--text", metavar="NAMES", help="of species, genera, families or orders, in any language")
    own("--sound", type=Path, metavar="FILE", help="a recording")
    text = "the bundle's pictures; or a table of them (python -m gallery.lance), in DIR or at a URL"
    own("--in", dest="within", metavar="gallery|lance:DIR|URL", help=f"not in sounds, but {text}")
    own("--top", type=positive, metavar="N", help="how many are found (default 10)")


def add_review_commands(add: Callable[[str], Parser]) -> None:
    """Those that teach."""
    why = add("why")
    why.add_argument(
        "id", nargs="?", default=None, help="or a part of it; without one the last are listed"
    )
    text = "draw its pictures there, each with the places that match the sound (.png, .jpg)"
    why.add_argument("--map", dest="map_file", type=Path, metavar="FILE", help=text)
    yes, no = add("confirm"), add("reject")
    for command in (yes, no):
        command.add_argument("id", help="or a part of it; `birdlisten why` lists the last ones")
    either = yes.add_mutually_exclusive_group()
    either.add_argument("--as", dest="name", metavar="SPECIES", help="it was another one")
    yes.set_defaults(name=None)
    for group in (either, no):
        group.add_argument("--undo", action="store_true", default=False, help="take it back")
    _add_species_command(add)
    teach = add("teach").add_argument
    teach("file", type=Path, metavar="FILE", help="a recording")
    teach("--as", dest="name", metavar="SPECIES", required=True, help="that is heard in it")
    teach("--from", dest="begin_s", type=place_s, metavar="S", help="where it begins")
    teach("--to", dest="end_s", type=place_s, metavar="S", help="and ends (default: the whole)")
    learnt, site = add("learnt"), add("learn-background")
    site.add_argument("--minutes", type=positive_number, default=10.0, help="default 10")
    for command in (learnt, site):
        command.add_argument(
            "--undo", action="store_true", default=False, help="only what came last"
        )


def _add_species_command(add: Callable[[str], Parser]) -> None:
    species = add("species")
    species.add_argument("action", nargs="?", choices=ACTIONS, default=ACTIONS[0])
    species.add_argument("name", nargs="?", help="scientific, or one that the bundle knows")
    species.set_defaults(name=None)
    undo = species.add_argument_group("of remove")
    undo.add_argument("--undo", action="store_true", default=False, help="only what came last")
    new = species.add_argument_group("of add").add_argument
    new("--sounds", nargs="+", type=Path, metavar="FILE", help="recordings of it, or folders")
    new("--pictures", nargs="+", type=Path, metavar="FILE", help="likewise (needs Pillow)")
    new("--common", metavar="NAME", help="its common name")
    new("--family", help="default: its genus', where the bundle knows that")
    new("--order", help="likewise")
    new("--author", metavar="NAME", help="of the pictures")
    new("--licence", metavar="NAME", help="likewise")


def _add_service_flags(add: Callable[[str], Parser]) -> None:
    service = add("service")
    service.add_argument("action", choices=("install", "show", "status", "uninstall"))
    service.add_argument("--user", default=None, help="who runs it (default: who calls sudo)")
    service.add_argument("--explain", action="store_true", help="what speaks for every record")
