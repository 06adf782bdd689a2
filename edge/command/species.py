"""`birdlisten species list|show|remove`: what the station has of its own birds."""

from collections import Counter
from collections.abc import Collection

from edge.command.opening import open_bundle, open_overlay, own_species
from edge.config import Settings
from edge.contract.errors import ConfigError
from edge.contract.taxonomy import Species
from edge.contract.text import counted, json_line
from edge.decision.naming import find_species
from edge.recognition.added import AddedSpecies
from edge.recognition.overlay import Overlay
from edge.recognition.own_species import StationPicture
from edge.records.lessons import LessonBook
from edge.system.terminal import say, say_row


def check_action(action: str, given: Collection[str]) -> None:
    """Refuse an action that lacks the species' name, or has no use for what was given.

    Args:
        action: of add, list, show and remove.
        given: names of the arguments that were given.

    Raises:
        ConfigError: it does.
    """
    takes_name = action != "list"
    if takes_name and "name" not in given:
        raise ConfigError(f"species {action}: which? give a name")
    idle = sorted(set(given) - ({"name"} if takes_name else set()))
    if action != "add" and idle:
        raise ConfigError(f"species {action}: has no use for {idle[0]}")


def remove(settings: Settings, name: str, undo: bool = False) -> int:
    """Take back what was added of a species, or with `undo` only what came last.

    Raises:
        ConfigError: nothing was added of it.
    """
    bundle = open_bundle(settings)
    species = find_species(bundle.taxonomy, name)
    added = AddedSpecies(settings.station_path, bundle.manifest, species.species_id)
    labels = added.labels()
    if not labels:
        taught = (
            "; verdicts taught it: birdlisten learnt --undo" if _taught(settings, species) else ""
        )
        raise ConfigError(f"{species.scientific_name}: nothing was added of it here{taught}")
    taken = added.take_back(labels[-1:] if undo else labels)
    gone_too = f"{counted(taken.pictures, 'picture')} and {counted(taken.sounds, 'sound')}"
    say(f"{species.scientific_name}: {gone_too} taken back")
    return 0


def show_all(settings: Settings) -> int:
    """List the species of which the station has anything of its own."""
    bundle = open_bundle(settings)
    additions = own_species(settings, bundle.manifest).load()
    overlay = open_overlay(settings, bundle.manifest)
    pictures = Counter(picture.species_id for picture in additions.pictures)
    named = {*bundle.own, *pictures, *overlay.load().exemplars}
    for species in bundle.taxonomy.species:
        if species.species_id in named:
            sounds = _sounds(settings, overlay, species)
            _show(species, pictures[species.species_id], sounds, settings.json)
    return 0


def show(settings: Settings, name: str) -> int:
    """Show what the station has of a species, and whose pictures these are.

    Raises:
        ConfigError: no such species.
    """
    bundle = open_bundle(settings)
    species = find_species(bundle.taxonomy, name)
    own = [
        row
        for row in bundle.gallery.table
        if isinstance(row, StationPicture) and row.species_id == species.species_id
    ]
    sounds = _sounds(settings, open_overlay(settings, bundle.manifest), species)
    _show(species, len(own), sounds, settings.json)
    for row in own if not settings.json else ():
        say_row(f"  {settings.station_path / str(row.file)}  ({row.author}, {row.licence})")
    return 0


def _show(species: Species, pictures: int, sounds: int, as_json: bool) -> None:
    if as_json:
        say(json_line({**species.line, "pictures": pictures, "sounds": sounds}))
        return
    names = f"{species.common_name} ({species.scientific_name})"
    say_row(
        f"{names}: {counted(pictures, 'picture')} and {counted(sounds, 'sound')} of this station"
    )


def _sounds(settings: Settings, overlay: Overlay, species: Species) -> int:
    """Count of the sounds that were added of it, and of the verdicts that taught it."""
    return len(overlay.exemplars(species.species_id)) + _taught(settings, species)


def _taught(settings: Settings, species: Species) -> int:
    lessons = [given.review.lesson for given in LessonBook(settings.station_path).holding()]
    return sum(lesson is not None and lesson.taught == species.species_id for lesson in lessons)
