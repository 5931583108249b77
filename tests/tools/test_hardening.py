"""No sanitizer's report is overlooked."""

from pathlib import Path

from shop import sanitizers


def test_a_report_of_a_sanitizer_is_found_and_forgotten_by_the_next_run(tmp_path: Path):
    told = sanitizers.environment(tmp_path, "address")
    prefix = dict(each.split("=", 1) for each in told["ASAN_OPTIONS"].split(":") if "=" in each)["log_path"]
    assert sanitizers.reports(tmp_path) == []
    Path(prefix + ".123").write_text("==123==ERROR: AddressSanitizer: heap-use-after-free\n")
    assert [path.name for path in sanitizers.reports(tmp_path)] == ["report.123"]
    sanitizers.environment(tmp_path, "thread")
    assert sanitizers.reports(tmp_path) == []
