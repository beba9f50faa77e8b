"""Variants of images."""

from tests.mutations.model import Mutation

FILE = "kinds/image/variants.py"
TESTS = "test_images_variants.py"


def _row(name: str, old: str, new: str, selection: str) -> Mutation:
    return Mutation(name, FILE, old, new, f"{TESTS} -k {selection}")


MUTATIONS = [
    _row("images are enlarged", "if 0 < each < width}", "if 0 < each}", "widths"),
    _row("the image's own width is left out", "        narrower.add(width)\n", "        pass\n", "widths"),
    _row("a variant as wide as the image in its own format", "    if not own and any(", "    if any(", "widths"),
    _row("what moves is given still variants", "    if not picture.is_still:\n", "    if not picture:\n", "encodings"),
    _row("drawings lose detail", "keeps = not picture.is_photo if", "keeps = False if", "encodings"),
    _row("AVIF where every pixel must be kept", 'case "avif" if not keeps:', 'case "avif":', "encodings"),
    _row("JPEG where every pixel must be kept", 'case "jpeg" if not keeps:', 'case "jpeg":', "encodings"),
    _row("the configured format is not the image's own", 'match own if name == "original" else name:', "match name:", "encodings"),
    _row("what saves little is kept", "_PERCENT_KEPT = 90\n", "_PERCENT_KEPT = 91\n", "worthwhile"),
    _row("what saves just enough is not kept", "size * 100 <= rival", "size * 100 < rival", "worthwhile"),
    _row("a format without its widest variant is kept", "            elif not chosen and name != own:\n                break\n", "", "worthwhile"),
    _row("narrow variants compete with the image", "chosen[width] = rival = size", "chosen[width] = size", "worthwhile"),
    _row("a format competes with the image alone", "            worse, largest = chosen,", "            worse, largest = {},", "worthwhile"),
    _row("a format competes with wider variants that went", "original if name == own else max(chosen.items())[1]", "original", "worthwhile"),
    _row("the image is not the widest of its own format", "        if name != own and descending:\n", "        if descending:\n", "worthwhile"),
    _row("moving images are scaled as stills", 'getattr(image, "is_animated", False)', "False", "unsuitable"),
    _row("images are enlarged when they are scaled", "if max(widths) > whole:", "if not whole:", "unsuitable"),
    _row("orientation is left out of account", 'orientation_of(image.info.get("exif", b""))', "1", "orientation"),
    _row("a WebP is turned", '1 if image.format == "WEBP" else ', "", "webp"),
    _row("widths are those before the turn", "is_on_side = orientation >= 5", "is_on_side = False", "orientation"),
    _row("turned the wrong way", "6: Transpose.ROTATE_270,", "6: Transpose.ROTATE_90,", "orientation"),
    _row("mirrored the wrong way", "5: Transpose.TRANSPOSE,", "5: Transpose.TRANSVERSE,", "orientation"),
    _row("heights come to nothing", "max(1, round(across * width / whole))", "round(across * width / whole)", "sizes"),
    _row("results are in the order of their widths", "return [done[width] for width in widths]", "return [*done.values()]", "sizes"),
    _row("a JPEG is decoded whole", "drafted = image.draft(image.mode, stored[max(widths)])", "drafted = None", "memory"),
    _row("what a JPEG has beyond its edge is seen", "box = drafted[1] if drafted else None", "box = None", "moved"),
    _row("each width is scaled from the next one", "if each >= width * _STEP)", "if each >= width)", "narrow"),
    _row("files in HDR are taken for sRGB", 'return format_ == "jpeg" and any(name in data for name in names)', "return False", "unsuitable"),
    _row("an AVIF in HDR is taken for sRGB", 'return b"tmap" in data[: int.from_bytes(data[:4])]', "return False", "unsuitable"),
    _row("transparent 16-bit images are made opaque", 'if is_deep and "transparency" in image.info:', 'if is_deep and "nothing" in image.info:', "unsuitable"),
    _row("16 bits are cut at white", "image.point(lambda value: value * (1 / 256)).convert", "image.convert", "16_bits"),
    _row("grey and alpha lose their profile's channel", 'is_grey = image.mode in {"1", "L", "LA"}', 'is_grey = image.mode in {"1", "L"}', "colors"),
    _row("alpha is kept where nothing is transparent", 'seen.getchannel("A").getextrema() != (255, 255)', "seen.size", "colors"),
    _row("transparency is lost", "    if image.has_transparency_data:\n", "    if False:\n", "colors"),
    _row("code points are passed by", "if coded not in {None, _SRGB_CODE_POINTS}:", "if coded == 0:", "unsuitable"),
    _row("cICP does not go before gAMA", "    if coded:\n", "    if not coded and coded:\n", "colors"),
    _row("sRGB does not go before gAMA", 'or "srgb" in image.info:', "or False:", "colors"),
    _row("gAMA is passed by", "    return _gamma_profile(gamma)\n", '    return b""\n', "colors"),
    _row("gAMA is taken at its word where it means sRGB", "if primaries is None and abs(gamma - 0.45455) < 1e-5:", "if primaries and gamma == 0:", "colors"),
    _row("cHRM is passed by", "abs(is_ - srgb) > 0.001", "abs(is_ - srgb) > 1", "unsuitable"),
    _row("the code points of an AVIF are passed by", "primaries in {1, 2} and transfer in {1, 2, 13}", "primaries", "unsuitable"),
    _row("profiles are passed by", "        seen = _converted(seen, icc)\n", "        pass\n", "colors"),
    _row("profiles of CMYK are passed by", 'if space == "CMYK" and image.mode == "CMYK":', 'if space == "K":', "colors"),
    _row("a broken profile is an error", "except (ImageCms.PyCMSError, OSError):", "except KeyError:", "colors"),
    _row("a profile of CMYK is put on RGB", 'if space == "CMYK" and image.mode == "CMYK":', 'if space == "CMYK":', "colors"),
    _row("alpha is lost with a profile", "    seen.putalpha(alpha)\n", "    seen.putalpha(255)\n", "colors"),
    _row("grey becomes RGB for a profile that changes nothing", "return image if _is_srgb(profile) else _through", "return _through", "colors"),
    _row("damage is an error of another kind", "except Exception as error:  #", "except KeyError as error:  #", "unsuitable"),
    _row("more pixels than the format has room for", "if max(pixels.width, pixels.height) > _LARGEST[how.format]:", "if max(pixels.width, 1) > _LARGEST[how.format]:", "too_many"),
    _row("AVIF halves the colours", '"4:0:0" if pixels.mode == "L" else "4:4:4"', '"4:2:0"', "subsampled"),
    _row("the speed is passed by", "        speed=how.speed,\n        sub", "        sub", "drafts"),
    _row("the speed is not that of WebP", "method = min(6, 12 - how.speed)", "method = 6", "drafts"),
    _row("WebP without loss loses detail", '"WEBP", lossless=True,', '"WEBP", lossless=False,', "encode"),
    _row("hidden colours are kept in WebP", "lossless=True, quality=75,", "lossless=True, exact=True, quality=75,", "hidden"),
    _row("hidden colours are kept in PNG", "level=2, optimize_alpha=True", "level=2, optimize_alpha=False", "hidden"),
    _row("JPEGs are not progressive", "progressive=True, optimize=True)", "optimize=True)", "without"),
    _row("an optimizer that is missing is an error", "    except ImportError:\n        return plain\n", "    except KeyError:\n        return plain\n", "without"),
    _row("JPEGs are larger than need be", "    smaller: bytes = mozjpeg.optimize(plain)\n    return smaller\n", "    return plain if mozjpeg else plain\n", "progressive"),
]  # fmt: skip
