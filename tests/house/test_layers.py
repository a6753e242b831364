"""Imports go down only: the picture in ARCHITECTURE.md, held by a test."""

from __future__ import annotations

FLOORS = (
    {"cli"},
    {""},  # the package itself: the three lines of the Python API
    {"api"},
    {"pipeline"},
    {"engines"},
    {"monitor", "views"},
    {"connectors"},
    {"detectors", "drift", "alerts", "models"},
    {"delivery", "suggest"},
    {"kernel"},
    {"contract"},
    {"lab"},
    {"_find", "_hidden", "_need", "_version"},
    {"errors"},
)
"""From the roof to the ground; rooms on one floor do not know each other."""

LEAVES = {"engines", "views", "connectors", "detectors", "drift", "alerts"}
"""Rooms of plug-ins, which know their own files, the room's `base` and its private modules, but not each other."""

FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}


def room_of(parts: tuple[str, ...]) -> str:
    """The room of a place inside the package; a name that is no room belongs to the package itself."""
    return parts[0] if parts and parts[0] in FLOOR else ""


def test_every_room_has_its_floor(modules):
    homeless = {module.parts[0] for module in modules if module.parts} - FLOOR.keys()
    assert not homeless, f"say in FLOORS on which floor these live: {sorted(homeless)}"


def test_imports_go_down_only(modules):
    wrong = []
    for module in modules:
        here = room_of(module.parts)
        for line, imported in module.imports():
            if imported[0] == "stillwell" and (there := room_of(imported[1:])) != here and FLOOR[there] <= FLOOR[here]:
                wrong.append(f"{module.path}:{line}: {here or 'stillwell'} must not know {there or 'stillwell'}")
    assert not wrong, "\n".join(wrong)


def test_plug_ins_of_one_room_do_not_know_each_other(modules):
    wrong = []
    for module in modules:
        if len(module.parts) < 2 or module.parts[0] not in LEAVES:
            continue
        room, plug_in = module.parts[:2]
        for line, imported in module.imports():
            if imported[:2] != ("stillwell", room) or len(imported) < 3:
                continue
            if imported[2] not in ("base", plug_in) and not imported[2].startswith("_"):
                wrong.append(f"{module.path}:{line}: {room}.{plug_in} must not know {room}.{imported[2]}")
    assert not wrong, "\n".join(wrong)
