"""Count the imports between rooms: `tests/.venv/bin/python tests/arrows.py` in the checkout.

Prints each room with the rooms that it imports, then the totals.
"""

from __future__ import annotations

import sys
from pathlib import Path

import grimp


def rooms_of(package: str) -> dict[str, set[str]]:
    """Return each room (a top-level package or module) with the rooms that it imports."""
    graph = grimp.build_graph(package, cache_dir=None)
    found: dict[str, set[str]] = {}
    for module in graph.modules - {package}:
        room = module.split(".")[1]
        imported = graph.find_modules_directly_imported_by(module) - {package}
        found.setdefault(room, set()).update(name.split(".")[1] for name in imported)
    return {room: found[room] - {room} for room in sorted(found)}


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    rooms = rooms_of("cos_migrate")
    for room, imported in rooms.items():
        print(f"{room:12} {' '.join(sorted(imported))}")
    print(f"{len(rooms)} rooms, {sum(map(len, rooms.values()))} arrows")
