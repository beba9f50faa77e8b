"""The build on one page: prepare, link, encode, commit."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from assetpipe import manifest, mediatypes
from assetpipe.build import esbuild, sources, stamp
from assetpipe.build.cache import Cache, key
from assetpipe.build.config import Config
from assetpipe.build.esbuild import Esbuild
from assetpipe.build.inputs import Inputs
from assetpipe.build.link import MAP_SUFFIX, Linked, Linker, Resolver, integrity
from assetpipe.build.maps import Made, Maps
from assetpipe.build.memory import Memory
from assetpipe.build.model import Input, Need, Problem, Progress, Release, Source, Totals
from assetpipe.build.output import RESERVED, Output
from assetpipe.build.pool import Pool
from assetpipe.build.records import Record, State
from assetpipe.build.shipping import Shipment
from assetpipe.build.transforms import Prepared, Transforms
from assetpipe.build.variants import Made as MadeVariant
from assetpipe.build.variants import Variant, Variants
from assetpipe.build.workers import Workers
from assetpipe.dimensions import measure
from assetpipe.errors import ConfigError, InputError
from assetpipe.globs import matcher
from assetpipe.kinds.model import Note, Picture, Transformed
from assetpipe.kinds.sourcemap import is_source_map
from assetpipe.manifest import Asset, Image
from assetpipe.names import fingerprinted

_VARIANT, _PREPARE, _ENCODE = 0, 1, 2  # groups of the pool, in order of urgency
_TRANSFORM_COST = 6  # a byte's transform, in the unit of encode.cost

# What stands for the transform of a source map: with and without others composed into it.
_COMPOSED, _MAP = "composed map", "map"
_MADE = "variant"  # that of an image in another format or width


def rebuild(
    config: Config,
    found: Sequence[Source],
    cache: Cache,
    output: Output,
    progress: Progress,
    memory: Memory,
) -> Release:
    """Build a release from the sources that were found; the output folder must be locked.

    ``memory`` says what the last build left, and keeps what this one leaves.

    Raises:
        InputError: a source cannot be built; with ``missing = "error"``, a reference matches
            no file. The last release stays.
        ConfigError: the configuration asks for what cannot be done.
        OutsideError: the disk is full or a folder cannot be written.
    """
    jobs = config.jobs or _available_cores()
    with Workers(jobs) as workers, _minifier(config) as minifier, Pool(jobs) as pool:
        output.clear_staging()
        last = memory.load(cache, config)
        build = _Build(config, found, cache, output, workers, minifier, pool, last)
        release, left = build.run(progress)
    memory.keep(config, found, output.files, left, release)
    return release


@contextmanager
def _minifier(config: Config) -> Iterator[Esbuild | None]:
    """Hold the program that writes scripts smaller, if one is wanted."""
    if config.minifier == "assetpipe" or not config.minify:
        yield None
        return
    path = esbuild.find(config.minifier_path, config.roots[0].path)
    with Esbuild(path, esbuild.version(path)) as process:
        yield process


class _Build:
    """One build, under the output folder's lock."""

    def __init__(
        self,
        config: Config,
        found: Sequence[Source],
        cache: Cache,
        output: Output,
        workers: Workers,
        minifier: Esbuild | None,
        pool: Pool,
        last: State,
    ) -> None:
        self._config = config
        self._found = found
        self._inputs = Inputs(config, found, cache, workers)
        self._sources = self._inputs.sources
        self._output = output
        self._pool = pool
        self._is_plain = matcher(config.plain)
        self._is_immutable = matcher(config.immutable)
        self._image_rule = config.images.finder()
        self._last = last
        self._variants = Variants(
            config,
            taken=self._sources.keys(),
            fixed=self._is_fixed,
            cache=cache,
            pool=pool,
            groups=(_PREPARE, _VARIANT),
            workers=workers,
        )
        self._transforms = Transforms(
            config, self._inputs, cache, workers, minifier, self._variants
        )
        self._resolver = Resolver(config.public_path, self._sources.keys())
        self._maps = Maps(
            self._inputs.found,
            self._resolver,
            config.public_path,
            self._is_fixed,
            workers,
            self._offers,
        )
        self._prepared: dict[str, Prepared] = {}
        self._unmapped: list[str] = []  # stylesheets that offer images, until these are made
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
        self._hides_maps = config.source_maps == "hidden"
        # Nobody has touched what the last build left: what is reused need not be looked at.
        self._intact = self._last.output.items() <= output.files.items()
        self._same_settings = self._last.settings == stamp.settings(config)
        self._names = key(*(source.name for source in found))
        self._same_names = self._last.names == self._names

    def run(self, progress: Progress) -> tuple[Release, State]:
        started = time.time_ns()
        self._check_fixed_names()
        prepared = self._prepare(progress)
        linker = self._linker(prepared)
        linked = {}
        for file, data in linker.link():
            if self._standing(file) is None:
                self._ship(file, prepared[file.name], linker, data)
            linked[file.name] = file
        problems = [*sources.case_clashes(self._found), *self._notes(prepared), *linker.problems]
        problems += self._changed_immutables(prepared, linked)
        _raise_errors(problems)
        self._check_files(linked)
        self._pool.wait(_ENCODE, progress)
        known = {name: self._record(name, prepared, linked, started) for name in prepared}
        listed = [record for record in known.values() if record.prepared.listed]
        release_id, data = manifest.render([record.line for record in listed], self._config.headers)
        release = Release(
            release_id,
            self._config.out,
            _totals(self._found, listed, self._config.encodings),
            tuple(
                sorted(problems, key=lambda problem: (problem.file, problem.line, problem.column))
            ),
        )
        self._output.commit(release_id, data)
        settings = stamp.settings(self._config)
        return release, State(known, self._left(known), settings, self._names)

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
        prepared = self._prepared
        for name, source in self._sources.items():
            if self._has_code(name):
                continue
            kept = self._kept_from_last(name)
            if kept is not None:
                prepared.update((file.name, file) for file in kept)
                continue
            self._pool.submit(
                _PREPARE,
                source.size * _TRANSFORM_COST,
                lambda name=name: self._prepare_one(name),  # type: ignore[misc]
            )
        self._pool.wait(_PREPARE, progress)
        for name in self._unmapped:
            cost = self._sources[name].size * _TRANSFORM_COST
            self._pool.submit(_PREPARE, cost, lambda name=name: self._map(name))  # type: ignore[misc]
        self._pool.wait(_PREPARE, progress)
        self._prepared = dict(sorted(prepared.items()))
        return self._prepared

    def _has_code(self, name: str) -> bool:
        """Say whether a file may be the source map of another, which then decides about it."""
        return (
            self._config.source_maps != "off"
            and name.endswith(MAP_SUFFIX)
            and name.removesuffix(MAP_SUFFIX) in self._sources
        )

    def _kept_from_last(self, name: str) -> list[Prepared] | None:
        """Return a file, and the map that goes with it, as the last build left them.

        ``None`` if either must be made again.
        """
        file = self._unchanged(name)
        map_name = name + MAP_SUFFIX
        if file is None:
            return None
        if file.image and file.image.variants:
            records = [self._last.records.get(variant) for variant in file.image.variants]
            made = [record.prepared for record in records if record]
            return [file, *made] if len(made) == len(records) else None
        if self._config.source_maps == "off":
            return [file]
        if _offers_images(file):
            return None
        record = self._last.records.get(map_name)
        if record is None or not _is_map(record.prepared):
            if map_name not in self._sources:
                return [file]
            beside = self._unchanged(map_name)
            return None if beside is None else [file, beside]
        its_map = record.prepared
        if not record.signature or not all(map(_is_as_seen, its_map.needs)):
            return None
        if not (self._same_names and self._same_settings) and (
            its_map.transform == _COMPOSED or its_map.source_digest != self._map_key(file)
        ):
            return None
        return [file, its_map]

    def _unchanged(self, name: str) -> Prepared | None:
        """Return a file as the last build left it, if that is what this one would make."""
        record = self._last.records.get(name)
        if not record or record.signature != self._sources[name].signature:
            return None
        file = record.prepared
        if not (self._same_settings or file.transform == self._transforms.recipe(name)):
            return None
        return file if all(map(_is_as_seen, file.needs)) else None

    def _prepare_one(self, name: str) -> None:
        file, source, result = self._transformed(name)
        self._put(file, result.body)
        if result.picture:
            self._make_variants(file, result.picture)
        if result.mapped and _offers_images(file):
            self._unmapped.append(name)
        elif result.mapped:
            made = self._maps.make(file, result.body, result.mapped, source)
            self._put(self._map_of(file, made), made.data)
        elif name + MAP_SUFFIX in self._sources and self._has_code(name + MAP_SUFFIX):
            self._prepare_one(name + MAP_SUFFIX)

    def _map(self, name: str) -> None:
        """Make the map of a stylesheet whose length depends on what images there are."""
        file, source, result = self._transformed(name)
        if result.mapped:
            made = self._maps.make(file, result.body, result.mapped, source)
            self._put(self._map_of(file, made), made.data)

    def _offers(self, name: str) -> Sequence[str]:
        """Return what stylesheets offer beside an image: the variants as wide as it is."""
        image = self._prepared[name].image
        if image is None or not self._image_rule(name).image_set:
            return ()
        return [
            variant
            for variant in image.variants
            if (made := self._prepared[variant].image) and made.width == image.width
        ]

    def _make_variants(self, file: Prepared, picture: Picture) -> None:
        def read() -> bytes:
            data = self._inputs.read(file.name).data
            if hashlib.sha256(data).hexdigest() != file.source_digest:
                raise self._changed(file)
            return data

        def done(made: Mapping[Variant, MadeVariant], notes: Sequence[Note]) -> None:
            image = file.image and file.image._replace(
                variants=tuple(each.name for each in made),
                alternates=tuple(each.name for each in made if each.is_alternate),
            )
            self._prepared[file.name] = file._replace(image=image, notes=(*file.notes, *notes))
            for variant, (height, data) in made.items():
                image = Image(variant.width, height)
                self._put(_variant_of(file, variant.name, image, data), data)

        self._variants.make(file.name, picture, file.source_digest, file.size, read, done)

    def _transformed(self, name: str) -> tuple[Prepared, Input, Transformed]:
        """Read and transform a file."""
        source = self._inputs.read(name)
        data = source.data
        digest = hashlib.sha256(data).hexdigest()
        result = self._transforms.run(name, data, digest)
        body, references, notes = result.body, result.references, result.notes
        if self._inputs.is_made(name):
            # Lines and columns would be those of a text that nobody wrote.
            references = tuple(each._replace(line=0, column=0) for each in references)
            notes = tuple(replace(each, line=0, column=0) for each in notes)
        file = Prepared(
            name,
            digest,
            self._transforms.recipe(name),
            digest if body == data else hashlib.sha256(body).hexdigest(),
            integrity(body),
            len(body),
            result.encoding,
            references,
            (*source.notes, *notes),
            source.needs,
            listed=not (self._hides_maps and name.endswith(MAP_SUFFIX) and is_source_map(data)),
            image=_image_of(name, result),
        )
        return file, source, result

    def _put(self, file: Prepared, body: bytes) -> None:
        self._prepared[file.name] = file
        if not file.references and not self._is_fixed(file.name):
            name = fingerprinted(file.name, file.digest)
            self._shipment.ship(
                name, file.digest, file.size, hold=False, encoded=file.listed, data=lambda: body
            )

    def _map_of(self, code: Prepared, made: Made) -> Prepared:
        return Prepared(
            code.name + MAP_SUFFIX,
            self._map_key(code),
            _COMPOSED if made.is_composed else _MAP,
            hashlib.sha256(made.data).hexdigest(),
            integrity(made.data),
            len(made.data),
            "utf-8",
            notes=made.notes,
            needs=made.needs,
            listed=not self._hides_maps,
            origin=code.name,
        )

    def _map_key(self, code: Prepared) -> str:
        """Return a hash of what a map depends on, but for the maps that are composed into it."""
        edits = self._maps.edits(code, lambda: self._body(code))
        spans = [f"{edit.start}-{edit.end}-{len(edit.text)}" for edit in edits if edit]
        return key(code.source_digest, code.transform, *spans)

    def _linker(self, prepared: Mapping[str, Prepared]) -> Linker:
        return Linker(
            prepared,
            self._resolver,
            fixed=self._is_fixed,
            policy=self._policy(),
            place=self._place,
            last={name: record.linked for name, record in self._last.records.items()},
            kept=self._kept(prepared),
            body=self._body,
            offers=self._offers,
        )

    def _policy(self) -> Callable[[str], str]:
        # What the members of a bundle lack is told of where they stand.
        policy, bundles = self._config.policy(), self._config.bundles
        return lambda name: "ignore" if name in bundles else policy(name)

    def _kept(self, prepared: Mapping[str, Prepared]) -> set[str]:
        """Return the files whose references lead where they led in the last build."""
        last = self._last.records
        if not self._same_settings or last.keys() != prepared.keys():
            return set()
        return {
            name
            for name, record in last.items()
            if record.prepared is prepared[name] and record.linked.whole
        }

    def _standing(self, file: Linked) -> Record | None:
        """Return the record of a file that stands in the output as the last build left it."""
        record = self._last.records.get(file.name) if self._intact else None
        return record if record and record.linked is file else None

    def _ship(self, file: Linked, prepared: Prepared, linker: Linker, data: bytes | None) -> None:
        def final() -> bytes:
            return linker.final(file.name) if data is None else data

        fixed = self._is_fixed(file.name)
        self._shipment.ship(
            file.file, file.digest, file.size, hold=fixed, encoded=prepared.listed, data=final
        )

    def _body(self, file: Prepared) -> bytes:
        """Return the bytes of a prepared file, from the cache or by making them again."""
        again, source, result = self._transformed(file.origin or file.name)
        body, digest = result.body, again.digest
        if file.transform == _MADE and result.picture:
            body = self._variants.again(
                again.name, result.picture, again.source_digest, source.data, file.name
            )
            digest = hashlib.sha256(body).hexdigest()
        if _is_map(file) and result.mapped:
            body = self._maps.make(again, body, result.mapped, source).data
            digest = hashlib.sha256(body).hexdigest()
        if digest != file.digest:
            raise self._changed(file)
        return body

    def _changed(self, file: Prepared) -> InputError:
        return InputError(
            "the file changed while it was being built",
            where=self._place(file.origin or file.name),
            hint="build again",
        )

    def _asset(self, file: Linked, prepared: Prepared, its_map: Linked | None) -> Asset:
        return Asset(
            file=file.file,
            type=mediatypes.content_type(file.name, utf8=prepared.encoding == "utf-8"),
            size=file.size,
            integrity=file.integrity,
            immutable=not self._is_plain(file.name),
            encodings=self._shipment.encodings(file.file),
            references=file.references,
            source_map=its_map.file if its_map else "",
            image=prepared.image,
        )

    def _notes(self, prepared: Mapping[str, Prepared]) -> list[Problem]:
        return [
            Problem(
                note.file or self._place(file.origin or file.name),
                note.message,
                note.line,
                note.column,
                note.hint,
            )
            for file in prepared.values()
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

    def _check_files(self, linked: Mapping[str, Linked]) -> None:
        """Refuse two files that would be one in the output folder."""
        names: dict[str, str] = {}
        for name, file in linked.items():
            other = names.setdefault(file.file, name)
            if other != name and linked[other].digest != file.digest:
                raise InputError(
                    f"both {other!r} and {name!r} would be written to {file.file!r}",
                    where=self._place(name),
                    hint="rename or ignore one of the two",
                )

    def _record(
        self,
        name: str,
        prepared: Mapping[str, Prepared],
        linked: Mapping[str, Linked],
        started: int,
    ) -> Record:
        its_map = linked.get(name + MAP_SUFFIX)
        if its_map and not _is_map(prepared[its_map.name]):
            its_map = None
        standing = self._standing(linked[name])
        if standing is not None and (its_map is None or self._standing(its_map) is not None):
            return standing
        file = prepared[name]
        asset = self._asset(linked[name], file, its_map)
        origin = file.origin or file.name
        is_settled = self._inputs.is_settled(origin, started) and all(
            sources.is_settled(seen, started) for _, seen in file.needs
        )
        return Record(
            self._sources[origin].signature if is_settled else "",
            file,
            linked[name],
            dict(asset.encodings),
            manifest.line(name, asset),
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
        """Return where a file, or the code that a map was made for, is to be mended."""
        code = name.removesuffix(MAP_SUFFIX)
        return self._inputs.place(code if name not in self._sources else name)


def _is_map(file: Prepared) -> bool:
    """Say whether a file is a source map that was made."""
    return file.transform in {_MAP, _COMPOSED}


def _offers_images(file: Prepared) -> bool:
    return any(reference.role == "images" for reference in file.references)


def _image_of(name: str, result: Transformed) -> Image | None:
    """Return what markup needs to know of a file that is an image."""
    picture = result.picture
    if picture is not None:
        return Image(picture.width, picture.height, picture.color, picture.placeholder)
    if not mediatypes.media_type(name).startswith("image/"):
        return None
    size = measure(result.body)
    return size and Image(*size)


def _variant_of(origin: Prepared, name: str, image: Image, data: bytes) -> Prepared:
    return Prepared(
        name,
        origin.source_digest,
        _MADE,
        hashlib.sha256(data).hexdigest(),
        integrity(data),
        len(data),
        "latin-1",
        origin=origin.name,
        image=image,
    )


def _is_as_seen(need: Need) -> bool:
    path, signature = need
    return sources.seen(path) == signature


def _raise_errors(problems: Iterable[Problem]) -> None:
    errors = [problem for problem in problems if problem.severity == "error"]
    if errors:
        raise InputError(
            "\n".join(str(problem) for problem in errors)
            + f"\n{len(errors)} reference{'s' * (len(errors) > 1)} to nothing",
            hint='mend them, or allow them with `missing = "warn"`; the last release stays',
        )


def _totals(found: Iterable[Source], known: Collection[Record], codings: Sequence[str]) -> Totals:
    # What is made beside a file would hide what was saved: source maps hold all sources once more,
    # and pages use one variant of an image.
    made = {record.linked.name for record in known if record.prepared.origin}
    others = [record for record in known if record.linked.name not in made]
    return Totals(
        files=len(known),
        source=sum(source.size for source in found if source.name not in made),
        minified=sum(record.linked.size for record in others),
        encoded={
            coding: sum(record.encodings.get(coding, record.linked.size) for record in others)
            for coding in codings
        },
    )


def _available_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
