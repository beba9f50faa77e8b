"""Every error a user can cause: what is wrong, where, and what to do about it."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType


class AssetpipeError(Exception):
    """An error that the user can mend; printed without a traceback.

    Attributes:
        message: what is wrong, one sentence without a final full stop.
        where: ``file``, ``file:line`` or ``file:line:column`` (lines and columns count from 1,
            columns in characters), or an option's name; ``None`` when no place is to blame.
        hint: what to do, one sentence.
        exit_code: the process's exit status (1 input, 2 usage or configuration, 3 the outside).
    """

    exit_code = 1

    def __init__(self, message: str, *, where: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        cure = f"\n  {self.hint}" if self.hint else ""
        return f"{place}{self.message}{cure}"


class InputError(AssetpipeError):
    """A source file has a problem."""

    exit_code = 1


class ConfigError(AssetpipeError):
    """The command line or the configuration is wrong."""

    exit_code = 2


class MissingExtraError(ConfigError):
    """A feature was asked for whose optional packages are not installed."""

    def __init__(self, feature: str, extra: str, package: str) -> None:
        super().__init__(
            f"{feature} needs the package {package}, which is not installed",
            hint=f'run: pip install "assetpipe[{extra}]"',
        )


class OutsideError(AssetpipeError):
    """Disk, network or permissions failed; the last good release is untouched."""

    exit_code = 3


class ManifestError(AssetpipeError):
    """The manifest is missing, unreadable or of a newer schema."""

    exit_code = 2


class UnknownAssetError(AssetpipeError):
    """A name was looked up that the manifest does not have."""

    exit_code = 1


def need(module: str, *, feature: str, extra: str) -> ModuleType:
    """Import an optional package.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        raise MissingExtraError(feature, extra, module) from None
