"""Files that survive a crash: written aside, synced, and put in their place in one step."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from stillwell.errors import ConnectorError, fail

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FULL_TOLD = tuple(os.strerror(number) for number in _FULL)
_STALE = 3600.0


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Say in one shape that `path` cannot be written: code `disk-full` or `unwritable`."""
    try:
        yield
    except OSError as error:
        raise refusal(path, error) from error


def refusal(path: Path, error: Exception) -> ConnectorError:
    """The error of a write that failed; libraries that hide the number of an `OSError` name it in their text."""
    number = getattr(error, "errno", None)
    told = re.search(r"(?:os error |errno |\[Errno )(\d+)", str(error))
    if number is None and told:
        number = int(told.group(1))
    if number in _FULL or any(words in str(error) for words in _FULL_TOLD):
        found = fail(
            ConnectorError,
            "disk-full",
            f"There is no room left to write {path}.",
            "Make room and start again; what was committed is undamaged.",
        )
    else:
        found = fail(
            ConnectorError,
            "unwritable",
            f"{path} cannot be written: {_told(error)}",
            "Give this user the right to write there, or name another place.",
        )
    assert isinstance(found, ConnectorError)
    return found


def door(path: Path) -> None:
    """Refuse a place that could not be written, and leave nothing: its nearest existing folder must let us in.

    Raises:
        ConnectorError: code `unwritable`.
    """
    above = next(folder for folder in path.parents if folder.exists())
    if not above.is_dir():
        raise refusal(path, NotADirectoryError(errno.ENOTDIR, f"{above} is not a folder"))
    if not os.access(path if path.exists() else above, os.W_OK):
        raise refusal(path, PermissionError(errno.EACCES, "permission denied"))
    if not path.exists():
        # Rights are not all: /proc lets root in and takes nothing. Only trying tells.
        try:
            Path(tempfile.mkdtemp(prefix=".stillwell-", dir=above)).rmdir()
        except OSError as error:
            raise refusal(path, OSError(error.errno, f"{above} takes nothing new ({error.strerror})")) from error


def sync_folder(folder: Path) -> None:
    """Make names created or replaced in `folder` durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folder(folder: Path) -> None:
    """Create `folder` where missing, and sweep out what a killed writer left in it more than an hour ago."""
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob(".*.aside"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - left.stat().st_mtime > _STALE:
                left.unlink()


def aside(path: Path) -> Path:
    """A name beside `path` that no other writer uses and no reader of the folder sees."""
    return path.with_name(f".{path.name}.{uuid.uuid4().hex}.aside")


def sync_file(path: Path) -> None:
    """Make the content of `path` durable."""
    with path.open("rb") as handle:
        os.fsync(handle.fileno())


def link_new(written: Path, path: Path) -> bool:
    """Give the finished file `written` the name `path`: False, and nothing done, if that name is taken.

    This is the compare-and-swap of a folder. `written` is gone afterwards.
    """
    try:
        os.link(written, path)
    except FileExistsError:
        return False
    finally:
        written.unlink()
    sync_folder(path.parent)
    return True


def put_new(path: Path, content: bytes) -> bool:
    """Create `path` with `content`, whole or not at all: False if it is there already."""
    written = aside(path)
    _fill(written, content)
    return link_new(written, path)


def replace(path: Path, content: bytes) -> None:
    """Put `content` in place of what `path` held, in one step."""
    written = aside(path)
    _fill(written, content)
    written.replace(path)
    sync_folder(path.parent)


def _fill(path: Path, content: bytes) -> None:
    try:
        with path.open("wb") as handle:
            handle.write(content)
            handle.flush()
            os.fsync(handle.fileno())
    except OSError:
        path.unlink(missing_ok=True)
        raise


def _told(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error)).splitlines()[0]
