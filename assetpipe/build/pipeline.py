"""The build on one page: prepare, link, encode, commit."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Collection, Iterable, Mapping, Sequence

from assetpipe import manifest, mediatypes
from assetpipe.build import records, sources, stamp
from assetpipe.build.cache import Cache
from assetpipe.build.config import Config
from assetpipe.build.link import Linked, Linker, Resolver, integrity
from assetpipe.build.model import Problem, Progress, Release, Source, Totals
from assetpipe.build.output import RESERVED, Output
from assetpipe.build.pool import Pool
from assetpipe.build.records import Record, State
from assetpipe.build.shipping import Shipment
from assetpipe.build.transforms import Prepared, Transforms
from assetpipe.build.workers import Workers
from assetpipe.errors import ConfigError, InputError
from assetpipe.globs import matcher
from assetpipe.manifest import Asset
from assetpipe.names import fingerprinted

_PREPARE, _ENCODE = 0, 1  # groups of the pool, in order of urgency
_TRANSFORM_COST = 6  # a byte's transform, in the unit of encode.cost


def rebuild(
    config: Config,
    found: Sequence[Source],
    cache: Cache,
    output: Output,
    progress: Progress,
) -> Release:
    """Build a release from the sources that were found; the output folder must be locked.

    Raises:
        InputError: a source cannot be built; with ``missing = "error"``, a reference matches
            no file. The last release stays.
        ConfigError: the configuration asks for what cannot be done.
        OutsideError: the disk is full or a folder cannot be written.
    """
    jobs = config.jobs or _available_cores()
    with Workers(jobs) as workers, Pool(jobs) as pool:
        output.clear_staging()
        release, left = _Build(config, found, cache, output, workers, pool).run(progress)
    records.save(cache, config, left)
    if all(record.signature for record in left.records.values()):
        seen = stamp.stamp(config, found, output.files)
        stamp.save_release(cache, config, seen, release)
    return release


class _Build:
    """One build, under the output folder's lock."""

    def __init__(
        self,
        config: Config,
        found: Sequence[Source],
        cache: Cache,
        output: Output,
        workers: Workers,
        pool: Pool,
    ) -> None:
        self._config = config
        self._found = found
        self._sources = {source.name: source for source in found}
        self._output = output
        self._pool = pool
        self._is_plain = matcher(config.plain)
        self._is_immutable = matcher(config.immutable)
        self._last = records.load(cache, config)
        self._transforms = Transforms(config, cache, workers)
        self._shipment = Shipment(
            output,
            cache,
            pool,
            _ENCODE,
            codings=config.encodings,
            taken={name for name in self._sources if self._is_fixed(name)},
            trusted=self._last.output,
            known={
                record.linked.file: (record.linked.digest, record.encodings)
                for record in self._last.records.values()
            },
        )
        # Nobody has touched what the last build left: what is reused need not be looked at.
        self._intact = self._last.output.items() <= output.files.items()

    def run(self, progress: Progress) -> tuple[Release, State]:
        started = time.time_ns()
        self._check_fixed_names()
        prepared = self._prepare(progress)
        linker = self._linker(prepared)
        linked = {}
        for file, data in linker.link():
            if self._standing(file) is None:
                self._ship(file, linker, data)
            linked[file.name] = file
        problems = [*sources.case_clashes(self._found), *self._notes(prepared), *linker.problems]
        problems += self._changed_immutables(prepared, linked)
        _raise_errors(problems)
        _check_files(linked, self._sources)
        self._pool.wait(_ENCODE, progress)
        known = {
            source.name: self._record(source, prepared[source.name], linked[source.name], started)
            for source in self._found
        }
        release_id, data = manifest.render([record.line for record in known.values()])
        release = Release(
            release_id,
            self._config.out,
            _totals(self._found, known.values(), self._config.encodings),
            tuple(
                sorted(problems, key=lambda problem: (problem.file, problem.line, problem.column))
            ),
        )
        self._output.commit(release_id, data)
        return release, State(known, self._left(known), stamp.settings(self._config))

    def _check_fixed_names(self) -> None:
        """Refuse names that stay as they are where the output has something else."""
        fixed = [name for name in self._sources if self._is_fixed(name)]
        if not fixed:
            return
        folders = {
            name[:at]: name
            for name in self._sources
            for at, character in enumerate(name)
            if character == "/"
        }
        for name in fixed:
            if name.partition("/")[0] in RESERVED:
                raise ConfigError(
                    f"the plain name {name!r} is assetpipe's own",
                    where=self._place(name),
                    hint="rename the file, or let it have a fingerprint: take it out of `plain`",
                )
            if name in folders:
                raise InputError(
                    f"both {name!r} and {folders[name]!r} would be written to {name!r}",
                    where=self._place(name),
                    hint="rename or ignore one of the two, or give its source another `prefix`",
                )

    def _prepare(self, progress: Progress) -> dict[str, Prepared]:
        """Transform what changed, in parallel; files that refer to nothing ship at once."""
        prepared: dict[str, Prepared] = {}
        same_settings = self._last.settings == stamp.settings(self._config)
        for source in self._found:
            record = self._last.records.get(source.name)
            if record and record.signature == source.signature:
                file = record.prepared
                if same_settings or file.transform == self._transforms.recipe(source.name):
                    prepared[source.name] = file
                    continue
            self._pool.submit(
                _PREPARE,
                source.size * _TRANSFORM_COST,
                lambda source=source: self._prepare_one(source, prepared),  # type: ignore[misc]
            )
        self._pool.wait(_PREPARE, progress)
        return prepared

    def _prepare_one(self, source: Source, prepared: dict[str, Prepared]) -> None:
        data = sources.read(source)
        digest = hashlib.sha256(data).hexdigest()
        result = self._transforms.run(source.name, data, digest)
        body = result.body
        file = prepared[source.name] = Prepared(
            source.name,
            digest,
            self._transforms.recipe(source.name),
            digest if body == data else hashlib.sha256(body).hexdigest(),
            integrity(body),
            len(body),
            result.encoding,
            result.references,
            result.notes,
        )
        if not file.references and not self._is_fixed(file.name):
            name = fingerprinted(file.name, file.digest)
            self._shipment.ship(name, file.digest, file.size, hold=False, data=lambda: body)

    def _linker(self, prepared: Mapping[str, Prepared]) -> Linker:
        return Linker(
            {name: prepared[name] for name in self._sources},
            Resolver(self._config.public_path, self._sources.keys()),
            fixed=self._is_fixed,
            policy=self._config.policy(),
            place=self._place,
            last={name: record.linked for name, record in self._last.records.items()},
            kept=self._kept(prepared),
            body=self._body,
        )

    def _kept(self, prepared: Mapping[str, Prepared]) -> set[str]:
        """Return the files whose references lead where they led in the last build."""
        last = self._last
        if last.settings != stamp.settings(self._config) or last.records.keys() != prepared.keys():
            return set()
        return {
            name
            for name, record in last.records.items()
            if record.prepared is prepared[name] and record.linked.whole
        }

    def _standing(self, file: Linked) -> Record | None:
        """Return the record of a file that stands in the output as the last build left it."""
        record = self._last.records.get(file.name) if self._intact else None
        return record if record and record.linked is file else None

    def _ship(self, file: Linked, linker: Linker, data: bytes | None) -> None:
        def final() -> bytes:
            return linker.final(file.name) if data is None else data

        fixed = self._is_fixed(file.name)
        self._shipment.ship(file.file, file.digest, file.size, hold=fixed, data=final)

    def _body(self, file: Prepared) -> bytes:
        """Return the bytes of a prepared file, from the cache or by making them again."""
        source = self._sources[file.name]
        data = sources.read(source)
        if hashlib.sha256(data).hexdigest() != file.source_digest:
            raise InputError(
                "the file changed while it was being built", where=source.path, hint="build again"
            )
        return self._transforms.run(file.name, data, file.source_digest).body

    def _asset(self, file: Linked, prepared: Prepared) -> Asset:
        return Asset(
            file=file.file,
            type=mediatypes.content_type(file.name, utf8=prepared.encoding == "utf-8"),
            size=file.size,
            integrity=file.integrity,
            immutable=not self._is_plain(file.name),
            encodings=self._shipment.encodings(file.file),
            references=file.references,
        )

    def _notes(self, prepared: Mapping[str, Prepared]) -> list[Problem]:
        return [
            Problem(self._place(name), note.message, note.line, note.column, note.hint)
            for name, file in prepared.items()
            for note in file.notes
        ]

    def _changed_immutables(
        self, prepared: Mapping[str, Prepared], linked: Mapping[str, Linked]
    ) -> list[Problem]:
        return [
            Problem(
                self._place(name),
                "is listed under `immutable`, but refers to files that get new names, so its bytes "
                "change under a name that is cached for ever",
                hint="list those files under `immutable` or `plain`, too",
            )
            for name, file in linked.items()
            if file.digest != prepared[name].digest and self._is_immutable(name)
        ]

    def _record(self, source: Source, prepared: Prepared, linked: Linked, started: int) -> Record:
        standing = self._standing(linked)
        if standing is not None:
            return standing
        asset = self._asset(linked, prepared)
        return Record(
            source.signature if sources.is_settled(source.signature, started) else "",
            prepared,
            linked,
            dict(asset.encodings),
            manifest.line(source.name, asset),
        )

    def _left(self, known: Mapping[str, Record]) -> dict[str, str]:
        """Return the signatures of the release's files, for the next build to trust."""
        last = self._last.records
        left = dict(self._last.output) if self._intact else {}
        changed = [name for name, record in known.items() if last.get(name) is not record]
        for name in {*changed, *(last.keys() - known.keys())} if left else ():
            for file in last[name].files() if name in last else ():
                left.pop(file, None)
        for name in changed if left else known:
            left |= {file: self._output.files[file] for file in known[name].files()}
        return left

    def _is_fixed(self, name: str) -> bool:
        return self._is_plain(name) or self._is_immutable(name)

    def _place(self, name: str) -> str:
        return sources.place_of(self._sources[name].path)


def _raise_errors(problems: Iterable[Problem]) -> None:
    errors = [problem for problem in problems if problem.severity == "error"]
    if errors:
        raise InputError(
            "\n".join(str(problem) for problem in errors)
            + f"\n{len(errors)} reference{'s' * (len(errors) > 1)} to nothing",
            hint='mend them, or allow them with `missing = "warn"`; the last release stays',
        )


def _check_files(linked: Mapping[str, Linked], found: Mapping[str, Source]) -> None:
    """Refuse two files that would be one in the output folder."""
    names: dict[str, str] = {}
    for name, file in linked.items():
        other = names.setdefault(file.file, name)
        if other != name and linked[other].digest != file.digest:
            raise InputError(
                f"both {other!r} and {name!r} would be written to {file.file!r}",
                where=found[name].path,
                hint="rename or ignore one of the two",
            )


def _totals(found: Iterable[Source], known: Collection[Record], codings: Sequence[str]) -> Totals:
    return Totals(
        files=len(known),
        source=sum(source.size for source in found),
        minified=sum(record.linked.size for record in known),
        encoded={
            coding: sum(record.encodings.get(coding, record.linked.size) for record in known)
            for coding in codings
        },
    )


def _available_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
