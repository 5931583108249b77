"""The number of tests that ./shop test ends with."""

from shop.testing import count

MESON = """<testsuites>
  <testsuite name="shop.shop:unit / cart.Cart"><testcase name="adds"/><testcase name="removes"><failure/></testcase>
    <testcase name="later"><skipped/></testcase></testsuite>
  <testsuite name="shop"><testcase name="shop:system / system-aws"/><testcase name="shop:unit / includes"/></testsuite>
</testsuites>"""


def test_cases_are_counted_inside_executables_and_inside_pytest_runs():
    pytest_run = "<testsuites><testsuite><testcase name='a'/><testcase name='b'/><testcase name='c'><error/></testcase></testsuite></testsuites>"
    assert str(count(MESON, {"system-aws": pytest_run})) == "4 passed, 2 failed, 1 skipped"


def test_a_pytest_run_without_a_report_counts_as_one():
    assert str(count(MESON, {})) == "3 passed, 1 failed, 1 skipped"


def test_a_pytest_run_that_failed_after_its_cases_passed_is_a_failure():
    failed = MESON.replace('<testcase name="shop:system / system-aws"/>', '<testcase name="shop:system / system-aws"><failure/></testcase>')
    run = "<testsuites><testsuite><testcase name='a'/></testsuite></testsuites>"
    assert str(count(failed, {"system-aws": run})) == "3 passed, 2 failed, 1 skipped"


def test_what_a_test_printed_does_not_keep_the_cases_from_being_counted():
    """Meson's report holds the output as it came: a terminal's escapes, a NUL."""
    printed = MESON.replace("</testsuites>", "<system-out>\r\x1b[Kdone \x00 \ufffe ✔ &lt;</system-out></testsuites>")
    assert str(count(printed, {})) == "3 passed, 1 failed, 1 skipped"
