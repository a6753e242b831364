"""The frame of all verbs: finds them by their file names, lists them in groups, and gives every end an exit code."""

from __future__ import annotations

import ast
import functools
import importlib
import importlib.util
import os
import pkgutil
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

import stillwell.cli
from stillwell.cli._crash import crash
from stillwell.cli._early import heed
from stillwell.cli.base import GROUPS, Outcome, Output, silence
from stillwell.errors import Problem, StillwellError, did_you_mean, fail

_FRAME = {"base"}

# typer brings its own click, or uses the one that is installed: what both raise is found by kin.
_Refused: type[Exception] = typer.BadParameter.__mro__[2]


@dataclass(frozen=True)
class Verb:
    """What is known of a verb without importing it."""

    name: str
    purpose: str
    group: str
    rank: int


def verbs() -> list[str]:
    """The names of all verbs."""
    found = (module.name for module in pkgutil.iter_modules(stillwell.cli.__path__))
    return sorted(name for name in found if not name.startswith("_") and name not in _FRAME)


def described(name: str) -> Verb:
    """What the file of a verb says about it."""
    spec = importlib.util.find_spec(f"{__package__}.{name}")
    assert spec is not None
    assert spec.origin is not None
    tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    purpose = " ".join((ast.get_docstring(tree) or "").split("\n\n")[0].split())
    said = (
        node.value for node in tree.body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "PLACE"
    )
    group, rank = ast.literal_eval(next(said))
    return Verb(name, purpose, group, rank)


def command(name: str) -> TyperCommand | TyperGroup:
    """The verb itself, imported now."""
    module = importlib.import_module(f"{__package__}.{name}")
    app = typer.Typer(add_completion=False, rich_markup_mode=None, cls=SubVerbs, context_settings=_HELP)
    if hasattr(module, "VERBS"):
        app.callback(
            invoke_without_command=True,
            subcommand_metavar="VERB ...",
            help=described(name).purpose,
            epilog=_shown(module.EXAMPLES),
        )(_helped)
        for verb in module.VERBS:
            examples = [line for line in module.EXAMPLES if f"stillwell {name} {verb.__name__}" in line]
            app.command(verb.__name__, epilog=_shown(examples), context_settings=_HELP)(_heard(verb))
    else:
        app.command(name, epilog=_shown(module.EXAMPLES), context_settings=_HELP)(_heard(getattr(module, name)))
    made = typer.main.get_command(app)
    assert isinstance(made, TyperCommand | TyperGroup)
    made.name = name
    return made


def _shown(examples: Sequence[str]) -> str:
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in examples)


def _helped(ctx: typer.Context) -> Outcome:
    """The help, where a verb is missing."""
    if ctx.invoked_subcommand is None:
        sys.stderr.write(ctx.get_help() + "\n")
        return Outcome.UNKNOWN
    return Outcome.YES


def _heard(verb: Callable[..., Outcome]) -> Callable[..., Outcome]:
    """The verb, which ends well when nobody listens any more."""

    @functools.wraps(verb)
    def heard(*arguments: Any, **options: Any) -> Outcome:
        try:
            outcome = verb(*arguments, **options)
            sys.stdout.flush()
        except BrokenPipeError:
            silence()
            outcome = Outcome.YES
        return outcome

    return heard


class SubVerbs(TyperGroup):
    """A verb that consists of verbs, such as `lab up` and `lab down`."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The verb that is to run."""
        if args[0] not in self.commands and not ctx.resilient_parsing and not args[0].startswith("-"):
            raise _unknown(f"{self.name} {args[0]}", [f"{self.name} {verb}" for verb in self.commands])
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - typer's signature
        """Its verbs, with the first sentence that each says of itself."""
        with formatter.section("verbs"):
            formatter.write_dl([(name, (verb.help or "").split("\n\n")[0]) for name, verb in self.commands.items()])


class Verbs(TyperGroup):
    """The command without a verb."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - typer's signature
        """All verbs, as they stand in the help."""
        return [verb.name for verb in self._listed()]

    def get_command(self, ctx: Any, cmd_name: str) -> TyperCommand | None:  # noqa: ARG002 - typer's signature
        """A verb as the help and the shell's completion list it: its name and purpose."""
        return TyperCommand(cmd_name, help=described(cmd_name).purpose) if cmd_name in verbs() else None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The verb that is to run."""
        if args[0] in verbs():
            return args[0], command(args[0]), args[1:]
        if not ctx.resilient_parsing and not args[0].startswith("-"):
            raise _unknown(args[0], verbs())
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - typer's signature
        """The verbs in their groups."""
        listed = self._listed()
        widest = max(len(verb.name) for verb in listed)
        for group in GROUPS:
            rows = [(verb.name.ljust(widest), verb.purpose) for verb in listed if verb.group == group]
            if rows:
                with formatter.section(group):
                    formatter.write_dl(rows)

    def main(self, args: Sequence[str] | None = None, **extra: Any) -> Any:  # type: ignore[override]
        """Run, and leave the process with the exit code that was come to."""
        arguments = sys.argv[1:] if args is None else list(args)
        extra |= {"prog_name": "stillwell", "standalone_mode": False}
        run = functools.partial(super().main, arguments, **extra)
        sys.exit(int(_ended(run, Output(json="--json" in arguments), arguments)))

    @staticmethod
    def _listed() -> list[Verb]:
        return sorted(map(described, verbs()), key=lambda verb: (GROUPS.index(verb.group), verb.rank))


def _ended(run: Callable[[], Any], output: Output, arguments: list[str]) -> int:
    """The exit code of a run, whichever way it ends; why it could not be told is told."""
    try:
        return int(run() or 0)
    except StillwellError as error:
        output.problems(error.problems)
    except (KeyboardInterrupt, typer.Abort):
        return 128 + signal.SIGINT
    except _Refused as refused:
        output.problems((_usage(refused),))
    except Exception as error:  # noqa: BLE001 - this is where every crash ends
        output.problems((crash(error, arguments),))
    return Outcome.UNKNOWN


def _unknown(verb: str, known: list[str]) -> StillwellError:
    return fail(StillwellError, "usage", f"There is no verb `{verb}`.", did_you_mean(verb, known))


def _usage(refused: Any) -> Problem:
    where = getattr(refused.ctx, "command_path", "stillwell") if getattr(refused, "ctx", None) else "stillwell"
    close = getattr(refused, "possibilities", None)
    what = refused.message if close else refused.format_message()
    fix = did_you_mean(refused.option_name, close) if close else f"See `{where} --help`."
    return Problem("usage", what.rstrip(".") + ".", fix, path=where)


_HELP = {"help_option_names": ["-h", "--help"]}
app = typer.Typer(name="stillwell", cls=Verbs, rich_markup_mode=None, context_settings=_HELP)


@app.callback(invoke_without_command=True, subcommand_metavar="VERB ...")
def _start(
    ctx: typer.Context, version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False
) -> int:
    """Every record judged while it flows; nothing lost."""
    if version:
        Output().say(f"stillwell {stillwell.__version__}")
        raise typer.Exit(Outcome.YES)
    return _helped(ctx)


def main() -> None:
    """Run the command line of this process; always ends by SystemExit."""
    for name in ("stdout", "stderr"):
        # A process may be started with these closed, or with an encoding that lacks what we say.
        stream = getattr(sys, name) or open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
        stream.reconfigure(errors="backslashreplace")
        setattr(sys, name, stream)
    signal.signal(signal.SIGTERM, heed)
    typer.main.get_command(app).main()
