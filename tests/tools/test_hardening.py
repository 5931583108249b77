"""What ./shop fuzz begins with, and that no sanitizer's report is overlooked."""

import sys
from pathlib import Path

from shop import fuzz, sanitizers
from shop.workspace import ROOT

sys.path.insert(0, str(ROOT / "tests" / "fuzz"))
import seeds  # noqa: E402


def test_every_fuzz_target_is_built_and_has_seeds_and_words(tmp_path):
    dictionary = seeds.write(tmp_path)
    assert dictionary.read_text().count("\n") > 100
    built = (ROOT / "tests" / "fuzz" / "meson.build").read_text()
    for target in fuzz.targets():
        assert f"'{target}':" in built
        assert list((tmp_path / target).iterdir()), target
    assert set(fuzz.targets()) == set(seeds.MAKERS)


def test_a_report_of_a_sanitizer_is_found_and_forgotten_by_the_next_run(tmp_path: Path):
    told = sanitizers.environment(tmp_path, "address")
    prefix = dict(each.split("=", 1) for each in told["ASAN_OPTIONS"].split(":") if "=" in each)["log_path"]
    assert sanitizers.reports(tmp_path) == []
    Path(prefix + ".123").write_text("==123==ERROR: AddressSanitizer: heap-use-after-free\n")
    assert [path.name for path in sanitizers.reports(tmp_path)] == ["report.123"]
    sanitizers.environment(tmp_path, "thread")
    assert sanitizers.reports(tmp_path) == []
