"""Images: the same pixels in fewer bytes, variants in a build, and what stylesheets offer."""

from tests.mutations.model import Mutation

LOSSLESS = "test_images_lossless.py"
BUILD = "test_images_build.py"
CSS = "test_images_css.py"
HTTP = "http/test_http.py -k 'gunicorn and threads'"


def _row(name: str, file: str, old: str, new: str, tests: str) -> Mutation:
    return Mutation(name, file, old, new, tests)


def _image(name: str, file: str, old: str, new: str, selection: str) -> Mutation:
    return Mutation(name, f"kinds/image/{file}.py", old, new, f"{LOSSLESS} -k '{selection}'")


def _css(name: str, old: str, new: str, selection: str) -> Mutation:
    return Mutation(name, "kinds/css/images.py", old, new, f"{CSS} -k '{selection}'")


MUTATIONS = [
    # Without loss
    _image("an empty file is an image", "__init__", '    if not data:\n        raise BadImageError("it is empty")\n', "", "hostile"),
    _image("a wrong suffix is passed by", "__init__", "if promised and format_ != promised:", "if False:", "hostile"),
    _image("images take any memory", "__init__", "if need > how.memory:", "if False:", "hostile"),
    _image("a PNG's deep pixels count as shallow ones", "__init__", "        need *= png.pixel_bytes(data)\n", "        pass\n", "hostile"),
    _image("images grow", "__init__", "if len(body) < len(data) and measure(body) == size else data", "if measure(body) == size else data", "grows"),
    _image("images are written smaller in a draft", "__init__", "                if options.minify:\n", "                if True:\n", "draft"),
    _image("pixels of an encoder are not compared", "decode", "return frames == list(_frames(other, format_))", "return bool(frames)", "not_believed"),
    _image("frames are compared without their time", "decode", 'shown = image.info.get("duration"),', "shown = 0,", "not_believed"),
    _image("16 bits are not compared", "png", "_samples(plain) == _samples(body) if is_deep", "True if is_deep", "16_bits"),
    _image("a PNG loses what decides its colours", "png", "elif part.kind in _PIXELS or part.kind in _COLORS:", "elif part.kind in _PIXELS:", "colours_stays"),
    _image("a PNG keeps what tells of its maker", "png", "joined(parts if metadata else _seen(parts))", "joined(parts)", "tells_nobody"),
    _image("a PNG loses how it is turned", "png", "            if turned != 1:\n", "            if False:\n", "turned"),
    _image("Exif behind the pixels of a PNG counts", "png", "and not (has_pixels or has_exif):", "and not has_exif:", "behind_the_pixels"),
    _image("a damaged part of a PNG is passed by", "png", "if kind in _PIXELS and zlib.crc32", "if False and zlib.crc32", "hostile or damage"),
    _image("what is behind the end of a PNG stays", "png", '        if kind == b"IEND":\n            return\n', '        if kind == b"IEND" and end == len(data):\n            return\n', "junk"),
    _image("colours under full transparency are lost", "png", "optimize_alpha=False", "optimize_alpha=True", "most_get_smaller"),
    _row("a drawing that is not compressed is a photograph", "kinds/image/picture.py", 'if is_busy and format_ == "png" and not is_optimized:', "if False:", f"{BUILD} -k none_of_a_photograph"),
    _image("a JPEG loses its profile", "jpeg", "if marker == _APP2 and body.startswith(_PROFILE):", "if False:", "most_get_smaller"),
    _image("a JPEG keeps what tells of its maker", "jpeg", "    return metadata and not is_own and", "    return not is_own and", "tells_nobody"),
    _image("a JPEG loses how it is turned", "jpeg", "kept = [*_turned(head), *kept]", "kept = [*kept]", "turned"),
    _image("the last Exif of a JPEG counts", "jpeg", "    for marker, body in head:\n        if marker == _APP1 and", "    for marker, body in reversed(head):\n        if marker == _APP1 and", "first_exif"),
    _image("a JPEG loses its gain map", "jpeg", "or _GAIN_MAP in body:", "or False:", "brighter"),
    _image("a JPEG of several images loses all but one", "jpeg", "(marker == _APP2 and body.startswith(_SEVERAL)) or", "False or", "brighter"),
    _image("a GIF loses its loops", "gif", 'frozenset({b"NETSCAPE2.0", b"ANIMEXTS1.0", b"ICCRGBG1012"})', "frozenset()", "shows_the_same"),
    _image("a GIF keeps its comments", "gif", "(label == _COMMENT or not is_shown)", "(not is_shown)", "tells_nobody"),
    _image("a GIF that is cut off is whole", "gif", '    if at >= len(data):\n        raise BadImageError("it is cut off")\n    return data[at]', "    return data[at] if at < len(data) else _TRAILER", "hostile"),
    _image("a WebP keeps what tells of its maker", "webp", "if part[0] not in _TOLD]", "]", "tells_nobody"),
    _image("a WebP says that it has Exif when it has none", "webp", "data[0] & ~has_not", "data[0]", "does_not_say"),
    _image("a WebP is written with loss", "webp", '"WEBP", lossless=True, quality=100,', '"WEBP", lossless=False, quality=100,', "most_get_smaller"),
    _image("a WebP loses hidden colours", "webp", "exact=True,", "exact=False,", "shows_the_same or most_get_smaller"),
    _image("an icon leads out of its file", "ico", "if start + size > len(data) or not size:", "if not size:", "hostile"),
    _image("an icon's equal images lie there twice", "ico", "if image not in places:", "if True:", "lie_there_once"),
    _image("a moving image is a still one", "picture", 'is_still = getattr(opened(data, format_), "n_frames", 1) == 1', "is_still = bool(opened(data, format_))", "kinds"),
    _image("what one can see through is a photograph", "picture", 'format_ == "png" and is_busy and is_opaque and is_large', 'format_ == "png" and is_busy and is_large', "kinds"),
    _image("a small image is a photograph", "picture", "is_busy and is_opaque and is_large", "is_busy and is_opaque", "kinds"),
    _image("what nobody sees decides the colour", "picture", "if rgba[at + 3] >= _VISIBLE", "", "colour"),
    _image("there is a placeholder behind what one can see through", "picture", "has_placeholder = is_opaque and is_large", "has_placeholder = is_large", "placeholder"),
    # Variants
    _row("variants are made anew each time", "build/variants.py", '        self._cache.put(_SECTION, variant.entry, b"%d\\n%b" % made)\n', "", f"{BUILD} -k 'without_encoding or ctrl_c'"),
    _row("a variant does not depend on the other widths", "build/variants.py", "digest, repr(_widths(found))", "digest", f"{BUILD} -k after"),
    _row("a variant does not depend on how it is written", "build/variants.py", "key(*all_of_them, repr(each.encoding), str(each.width))", "key(*all_of_them, each.encoding.format, str(each.width))", f"{BUILD} -k 'after or draft'"),
    _row("a variant takes the name of a file", "build/variants.py", "if each.name not in self._taken]", "]", f"{BUILD} -k name_of_a_file"),
    _row("images that keep their names have variants", "build/variants.py", 'if self._mode == "off" or self._fixed(name):', 'if self._mode == "off":', f"{BUILD} -k keep_their_names"),
    _row("drafts are as slow as releases", "build/variants.py", "rule = replace(rule, speed=variants.DRAFT_SPEED)", "pass", f"{BUILD} -k in_a_draft"),
    _row("a watch makes variants", "dev/watch.py", '"variants": "off"', '"variants": "release"', f"{BUILD} -k watch"),
    _row("an image that takes too much ends the build", "build/transforms.py", "            except LimitError as error:\n                note", "            except KeyError as error:\n                note", f"{BUILD} -k of_an_image"),
    _row("what was too much is not tried again", "build/transforms.py", '{recipe} {self._limits} {', "{recipe} {", f"{BUILD} -k of_an_image"),
    _row("workers take any memory", "build/workers.py", "    resource.setrlimit(resource.RLIMIT_AS, (wanted if hard < 0 else min(wanted, hard), hard))\n", "", f"{BUILD} -k no_header"),
    _row("a worker that took too long works on", "build/workers.py", "                self._worker.kill()\n", "                pass\n", f"{BUILD} -k of_time"),
    _row("a worker that died is asked again", "build/workers.py", "worker if alarm.was_in_time else self._replace(worker)", "worker", f"{BUILD} -k 'no_header or of_time'"),
    _row("libraries in workers have threads of their own", "build/workers.py", "            env=os.environ | _ENVIRONMENT,\n", "", f"{BUILD} -k no_threads"),
    _row("what libraries print is shown", "build/workers.py", "    os.dup2(nowhere, 2)\n", "    pass\n", f"{BUILD} -k ends_its_process"),
    _row("rules for some images count for none", "build/images.py", "                if matches(name):\n", "                if False:\n", f"{BUILD} -k as_configured"),
    _row("variants count as what was saved", "build/pipeline.py", "made = {record.linked.name for record in known if record.prepared.origin}", "made = set[str]()", f"{BUILD} -k was_saved"),
    # Negotiation
    _row("who says nothing of a type gets it", "serve/fields.py", "best if weight and weight >= usual", "best if weight >= usual", HTTP),
    _row("a type that is liked less is sent", "serve/fields.py", "weight and weight >= usual else", "weight else", HTTP),
    _row("the least specific range counts", "serve/fields.py", "for each in self.usual if each in weights", "for each in reversed(self.usual) if each in weights", HTTP),
    _row("an image that varies does not say so", "headers.py", '("Accept", alternates)', '("Accept", ())', HTTP),
    _row("all images are sent in other types", "build/variants.py", "is_alternate=rule.negotiate and", "is_alternate=", f"{BUILD} -k negotiated"),
    _row("a narrow variant stands for an image", "build/variants.py", "rule.negotiate and width == picture.width", "rule.negotiate", f"{BUILD} -k negotiated"),
    _row("images are negotiated with no variant as wide", "build/variants.py", "        if rule.needs_whole:\n", "        if rule.image_set:\n", f"{BUILD} -k negotiated"),
    _row("an alternate has its image's type", "serve/static.py", "named.name, sent.type, FOREVER", "named.name, asset.type, FOREVER", HTTP),
    _row("an alternate's date is that of its image", "serve/static.py", "enumerate(alternates.items(), len(_CODINGS))", "enumerate(alternates.items())", HTTP),
    _row("other releases' images have one type", "manifest.py", "if name in self.assets)", "if name in self.assets and len(self.assets) > 9)", HTTP),
    _row("nginx sends images without their type", "publish/edge/nginx.py", "            stages.insert(0, (f\"{path}:$uri\", entries))\n", "", "test_export.py -k 'client_names and nginx'"),
    _row("nginx gives WebP to who takes AVIF alone", "publish/edge/nginx.py", "in reversed(self._others.items()):", "in self._others.items():", "test_export.py -k 'client_names and nginx'"),
    _row("Caddy sends what is gone", "publish/edge/caddy.py", '        yield f"\\tfile {instead}"\n', "", "test_export.py -k 'gone and caddy'"),
    _row("Caddy says of images what it says of variants", "publish/edge/caddy.py", 'yield f"\\tVary {{http.vars.{kept}}}"', 'yield f"\\tVary {value}"', "test_export.py -k 'client_names and caddy'"),
    _row("CloudFront sends what is refused", "publish/edge/cloudfront.py", "weight && !best)) {\n      best = others", "!best)) {\n      best = others", "test_export.py -k chooses_types"),
    _row("CloudFront does not weigh the usual type", "publish/edge/cloudfront.py", "[others[0], others[0].split('/')[0] + '/*', '*/*']", "[]", "test_export.py -k chooses_types"),
    # Stylesheets
    _css("custom properties are repeated", "rf\"{_TRIVIA}((?ai:background", "rf\"{_TRIVIA}(-*(?ai:background", "left_alone"),
    _css("values that are known later are repeated", 'calls = _CALL.findall(text)', "calls = list[str]()", "left_alone"),
    _css("what has a query is repeated", "or split_url(link.specifier)[1]:", "or False:", "left_alone"),
    _css("hacks for old browsers are repeated", '"\\\\" not in text', "True", "left_alone"),
    _css("text beyond ASCII is repeated", "text.isascii() and ", "", "left_alone"),
    _css("selectors are declarations", 'if mark in {";", "}"} and opened[-1:] == ["{"]:', 'if mark in {";", "}", "{"} and opened:', "left_alone or any_sheet or other_formats"),
    _css("a declaration at the top counts", 'and opened[-1:] == ["{"]:', "and opened[:1] in ([], [\"{\"]):", "left_alone"),
    _css("a declaration begins inside of brackets", 'and not {"(", "["} & set(opened):', ":", "other_formats or left_alone"),
    _css("a broken sheet is half repeated", '            return found if mark == "" and not opened else []\n', "            return found\n", "left_alone"),
    _css("brackets need not match", "CLOSED_BY[opened.pop()] != mark", "not opened.pop()", "left_alone"),
    _css("white space in front of the end is repeated", "len(declared[1].rstrip(WHITE))", "len(declared[1])", "other_formats"),
    _row("images are offered that do not exist", "build/link.py", "        if not isinstance(target, str):\n            return []\n        images", "        if not isinstance(target, str):\n            continue\n        images", f"{CSS} -k left_alone"),
    _row("what offers nothing is repeated", "build/link.py", "return images if any(len(image) > 1 for image in images) else []", "return images", f"{CSS} -k left_alone"),
    _row("narrow variants are offered", "build/pipeline.py", "and made.width == image.width", "", f"{CSS} -k other_formats"),
    _row("all images are offered", "build/pipeline.py", "if image is None or not self._image_rule(name).image_set:", "if image is None:", f"{CSS} -k left_alone"),
    _row("the manifest does not name what is offered", "build/link.py", "yield _Link(reference, tuple(chain.from_iterable(images)))", "yield _Link(reference, tuple(image[0] for image in images))", f"{CSS} -k manifest_names"),
    _row("a map is made before its images", "build/pipeline.py", "if result.mapped and _offers_images(file):", "if False:", f"{CSS} -k 'map or follows'"),
    _row("a map is kept though images changed", "build/pipeline.py", "        if _offers_images(file):\n            return None\n", "", f"{CSS} -k follows"),
]  # fmt: skip
