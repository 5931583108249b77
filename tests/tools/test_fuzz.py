"""The fuzz targets: what is there is run, and begins with something."""

import re
import sys

from shop import fuzz
from shop.workspace import ROOT

sys.path.insert(0, str(fuzz.SOURCES))

import seeds  # noqa: E402


def test_every_target_is_built_and_run():
    named = re.search(r"fuzz_targets = \[([^\]]*)\]", (fuzz.SOURCES / "meson.build").read_text()).group(1)
    assert sorted(re.findall(r"'(\w+)'", named)) == fuzz.targets()


def test_every_target_says_what_it_is_for():
    lines = fuzz.described().splitlines()
    assert [line.split()[0] for line in lines if line[2] != " "] == fuzz.targets()


def test_every_target_has_seeds_and_the_dictionary_is_one(tmp_path):
    dictionary = seeds.write(tmp_path, fuzz.targets())
    for target in fuzz.targets():
        assert list((tmp_path / target).iterdir()), target
    words = dictionary.read_text().splitlines()
    assert len(words) > 100 and all(re.fullmatch(r'"(?:[^"\\]|\\x[0-9A-F]{2})+"', word) for word in words)


def test_every_event_somebody_subscribes_to_and_every_actor_type_has_a_seed(tmp_path):
    seeds.write(tmp_path, ["events", "documents"])
    events = " ".join(path.name for path in (tmp_path / "events").iterdir())
    assert [kind for kind, event in seeds.FACTS["events"].items() if event["to"] and f"seed-{kind}-" not in events] == []
    documents = {path.name.removeprefix("seed-") for path in (tmp_path / "documents").iterdir()}
    types = re.findall(r'actors::type<\w+>\("(\w+)"\)', "".join(path.read_text() for path in (ROOT / "actors").glob("*/*.hpp")))
    assert len(types) > 5 and set(types) - {"OrderWatch"} <= documents  # which keeps none
