"""Runs real services on this machine, for a try or a course."""

from __future__ import annotations

import shlex
import shutil
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from stillwell import lab
from stillwell.cli.base import Json, Outcome, Output
from stillwell.errors import StillwellError, fail
from stillwell.lab.base import Service

PLACE = ("lab", 1)
EXAMPLES = (
    "stillwell lab up kafka --tls",
    'eval "$(stillwell lab env)"',
    "stillwell lab status --json",
    "stillwell lab logs kafka --follow",
    "stillwell lab down --remove",
    "stillwell lab fetch kafka",
)

_LABEL = 9
_QUESTIONS = 5
"""How often a busy service is asked before it is called silent."""

Folder = Annotated[Path, typer.Option(metavar="DIR", help="Where the data, certificates and logs of its services are.")]
Names = Annotated[list[str] | None, typer.Argument(metavar="SERVICE", help="Which ones; all of this folder.")]
DEFAULT = Path(".stillwell") / "lab"


def up(
    names: Annotated[list[str], typer.Argument(metavar="SERVICE", help=f"Which ones: {', '.join(lab.services())}.")],
    tls: Annotated[bool, typer.Option("--tls", help="Listen with TLS too, and make certificates.")] = False,
    folder: Folder = DEFAULT,
    json: Json = False,
) -> Outcome:
    """Start services, which go on after this command has ended.

    They listen on this machine only. What an earlier one left in the folder is gone on with: data, secrets, and the
    ports unless somebody took them. A service that runs already is left as it is.
    """
    output = Output(json=json)
    services = [kind(folder / kind.name, tls=tls) for kind in map(lab.service, names)]
    for service in services:
        if running := service.process:
            if tls and not service.state.tls:
                what = f"{service.title} runs already, without TLS."
                raise fail(StillwellError, "already-running", what, f"{_typed('down', folder, service)}, then again.")
            output.say(f"{service.title} runs already, as process {running.pid}.")
        else:
            output.progress(f"{service.title} starts …")
            service.start(loose=True)
            output.progress("")
    _tell(services, output)
    output.say(f'As variables of your shell: eval "$({_typed("env", folder)})"')
    return Outcome.YES


def down(
    names: Names = None,
    remove: Annotated[bool, typer.Option("--remove", help="Delete their data, certificates and logs too.")] = False,
    folder: Folder = DEFAULT,
    json: Json = False,
) -> Outcome:
    """Stop services that were started in this folder, and nothing else."""
    output = Output(json=json)
    found = _found(names, folder)
    for service in found:
        running = service.process
        service.stop()
        if remove:
            shutil.rmtree(service.folder)
        done = "is stopped" if running else "did not run"
        output.say(f"{service.title} {done}{', and its folder is gone' if remove else ''}.")
    if not found:
        output.say(f"Nothing was started in {folder}.")
    output.emit("lab", {"services": [_described(service) for service in found]})
    return Outcome.YES


def status(names: Names = None, folder: Folder = DEFAULT, json: Json = False) -> Outcome:
    """Say what runs, and where.

    Exit code: 0 if every service that was started in this folder answers, 1 if one does not, or there is none.
    """
    output = Output(json=json)
    found = _found(names, folder)
    if not found:
        output.say(f"Nothing was started in {folder}.")
    told = _tell(found, output)
    return Outcome.YES if told and all(one["state"] == "answers" for one in told) else Outcome.NO


def logs(
    name: Annotated[str, typer.Argument(metavar="SERVICE", help="Which one.")],
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until it ends.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", metavar="N", min=1, help="How many of the last ones.")] = 100,
    folder: Folder = DEFAULT,
) -> Outcome:
    """Show what a service wrote to its log."""
    output = Output()
    (service,) = _found([name], folder)
    with service.log.open(encoding="utf-8", errors="replace") as log:
        for line in log.readlines()[-lines:]:
            output.say(line.rstrip("\n"))
        while follow:
            # Asked before reading: what it wrote last is not missed.
            follow = service.process is not None
            for line in log:
                output.say(line.rstrip("\n"))
            time.sleep(0.2)
    return Outcome.YES


def env(names: Names = None, folder: Folder = DEFAULT, json: Json = False) -> Outcome:
    """Write the variables by which others find the services, for a shell to evaluate; passwords too."""
    output = Output(json=json)
    running = [service for service in _found(names, folder) if service.process]
    if not running:
        what = f"No service of {folder} runs, so there is nothing to tell of."
        fix = f"{_typed('up NAME', folder)} starts one: {', '.join(lab.services())}."
        raise fail(StillwellError, "not-running", what, fix)
    variables = {name: value for service in running for name, value in service.variables().items()}
    if json:
        output.emit("lab-env", {"variables": variables})
    else:
        for name, value in variables.items():
            output.say(f"export {name}={shlex.quote(value)}")
    return Outcome.YES


def fetch(
    names: Annotated[list[str], typer.Argument(metavar="SERVICE", help=f"Which ones: {', '.join(lab.services())}.")],
) -> Outcome:
    """Fetch what services consist of, and compare what is there already byte by byte; nothing is started.

    `lab up` does it by itself. What is fetched goes to the cache (XDG_CACHE_HOME, or ~/.cache), once for this user.
    """
    output = Output()
    for kind in [lab.service(name) for name in names]:
        output.progress(f"{kind.title} …")
        kind.fetch(thorough=True)
        output.progress("")
        output.say(f"{kind.title} is here.")
    return Outcome.YES


def _found(names: list[str] | None, folder: Path) -> list[Service]:
    """The services that were started in this folder, or those of these names."""
    asked = [lab.service(name) for name in names or lab.services()]
    found = [kind(folder / kind.name) for kind in asked if lab.known(folder / kind.name)]
    if names and len(found) < len(asked):
        missing = next(kind for kind in asked if not lab.known(folder / kind.name))
        what = f"{missing.title} was never started in {folder}."
        raise fail(StillwellError, "not-running", what, f"{_typed('up', folder, missing)}, or name its --folder.")
    return found


def _typed(verb: str, folder: Path, *services: Service | type[Service]) -> str:
    """What a person types to do this."""
    told = [] if folder == DEFAULT else ["--folder", shlex.quote(str(folder))]
    return " ".join(["stillwell lab", verb, *(service.name for service in services), *told])


def _tell(services: list[Service], output: Output) -> list[dict[str, Any]]:
    told = [_described(service) for service in services]
    for service, one in zip(services, told, strict=True):
        style = "good" if one["state"] == "answers" else "bad"
        output.say(f"{output.paint(service.title, 'bold')}  {output.paint(one['state'], style)}")
        for role, address in one["addresses"].items():
            output.say(f"  {role:{_LABEL}}{address}")
        output.say(f"  {'folder':{_LABEL}}{one['folder']}")
    output.emit("lab", {"services": told})
    return told


def _described(service: Service) -> dict[str, Any]:
    process = service.process
    if process:
        state = "answers" if any(service.answers() for _ in range(_QUESTIONS)) else "silent"
    else:
        state = "ended" if service.state.process else "stopped"
    return {
        "service": service.name,
        "state": state,
        "process": process.pid if process else None,
        "addresses": service.addresses if process else {},
        "folder": str(service.folder),
        "log": str(service.log),
    }


VERBS = (up, down, status, logs, env, fetch)
