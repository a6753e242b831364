"""Puts settings of the command line (`--set source.generator.rows=1000`) into a pipeline before it is read."""

from __future__ import annotations

import re
from collections.abc import Sequence

from stillwell.contract.read import Broken, List, Map, Node, Problems, Text
from stillwell.errors import Where

_SETTING = re.compile(r"(?P<path>[\w-]+(?:\[\d+\])?(?:\.[\w-]+(?:\[\d+\])?)*)=(?P<value>.*)", re.DOTALL)


def with_settings(node: Node, settings: Sequence[str], problems: Problems) -> Node:
    """The tree with each setting in its place, the last of two winning; a value is one text, never YAML."""
    for setting in settings:
        found = _SETTING.fullmatch(setting)
        if not found or not found["value"]:
            named = setting.partition("=")[0]
            what = f"`{named}` has no value." if found else f"`{named}` is no path of keys with a value."
            problems.add("bad-value", what, "Write for example `--set source.generator.rows=1000`.", Where("--set"))
            continue
        where = Where(f"--set {found['path']}")
        steps = [int(one[1:-1]) if one[0] == "[" else one for one in re.findall(r"[\w-]+|\[\d+\]", found["path"])]
        node = _put(node, steps, Text(found["value"], where, plain=False), problems)
    return node


def _put(node: Node | None, steps: Sequence[str | int], text: Text, problems: Problems) -> Node:
    """The tree `node` with `text` where `steps` lead; maps on the way are made where there are none."""
    if not steps or isinstance(node, Broken):
        return text if not steps or node is None else node
    step, rest = steps[0], steps[1:]
    if isinstance(step, int):
        if not isinstance(node, List) or step >= len(node.items):
            problems.add("bad-value", f"There is no [{step}] here.", "Count from 0, in a list.", text.where)
            return node or Broken(text.where)
        items = [_put(one, rest, text, problems) if at == step else one for at, one in enumerate(node.items)]
        return List(tuple(items), node.where)
    # A plug-in that was written as its name alone opens up for its options.
    held = node if isinstance(node, Map) else Map({}, {}, node.where if node else text.where)
    entries = {**held.entries, step: _put(held.entries.get(step), rest, text, problems)}
    return Map(entries, {**held.keys, step: held.keys.get(step, text.where)}, held.where)
