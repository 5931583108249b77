"""The images' Dockerfile, its script and the workflows hold what image_checks.py asks of them, and a mistake in any of them is found."""

import json
import os
import subprocess

import pytest
from deployment import ROOT
from image_checks import CHECKS, Sources, findings
from images import Builder, targets

BUILD = ROOT / "deploy" / "images" / "build"


@pytest.fixture(scope="module")
def sources(deployment) -> Sources:
    return Sources.read(deployment)


@pytest.mark.parametrize("one", CHECKS, ids=lambda one: one.__name__)
def test_nothing_is_wrong(sources, one):
    assert list(one(sources)) == []


# Of a file: what is replaced by what, and what has to be said about it.
MISTAKES = {
    "an image that nobody stores": ("Dockerfile", " AS gateway\n", " AS gatway\n", "images: gateway is missing"),
    "an image the script forgets": ("build", "payment-service gateway daprd", "payment-service gateway", "what the script builds for ECR: daprd is missing"),
    "an image the chart alone knows": ("chart", "", '{{ include "image" (list $ "door") }}', "the chart runs door"),
    "a base that moves": ("Dockerfile", "debian:bookworm-slim", "debian:latest", "debian:latest is another image tomorrow"),
    "a base without a tag": ("Dockerfile", "debian:bookworm-slim", "debian", "debian is not a name and a tag"),
    "a base of one registry": ("Dockerfile", "GO=golang", "GO=registry.example.com/golang", "or names a registry"),
    "a base beside the argument": ("Dockerfile", "FROM ${GO} AS daprd-build", "FROM golang:1.26-bookworm AS daprd-build", "a base image is named by its argument"),
    "an image with a whole system in it": ("Dockerfile", "FROM scratch AS service\n", "FROM ${DEBIAN} AS service\n", "what cart-service begins from is debian:bookworm-slim, not scratch"),
    "an image that runs as root": ("Dockerfile", "USER 10001:10001\n# Lets", "# Lets", "whom gateway runs as is , not 10001:10001"),
    "an image whose user is a name": ("Dockerfile", "USER 10001:10001\n# No", "USER app\n# No", "whom daprd runs as is app"),
    "the wrong program": ("Dockerfile", 'ENTRYPOINT ["/order-service"]', 'ENTRYPOINT ["/cart-service"]', "what order-service runs is ('/cart-service',)"),
    "an entry point before the injector's": ("Dockerfile", 'CMD ["/daprd"]', 'ENTRYPOINT ["/daprd"]', "the sidecar's entry point"),
    "a door that drops what is under way": ("Dockerfile", "STOPSIGNAL SIGQUIT\n", "", "how the door is told to end is SIGTERM"),
    "a service that is not compiled": ("Dockerfile", " services/cart/cart-service", "", "services/cart/cart-service is missing"),
    "something fetched by URL": ("Dockerfile", "COPY tools/dapr .", "ADD https://example.com/dapr.tar.gz .", "daprd-build has ADD"),
    "something fetched past the package managers": ("Dockerfile", "RUN mkdir /out", "RUN curl -O https://example.com/tool && mkdir /out", "fetches something"),
    "a secret in an image": ("Dockerfile", "ENV SHOP_ROOT", "ENV JWT_KEY=5ecret SHOP_ROOT", "whoever has the image can read it"),
    "an instruction of which nothing is known": ("Dockerfile", "# Lets", "VOLUME /data\n# Lets", "VOLUME is not known here"),
    "a package twice": ("Dockerfile", "base-files libc6 libcrypt1", "base-files libc6 libc6 libcrypt1", "names its packages twice"),
    "another check than everybody's": ("check.yaml", "run: .ci/run", "run: ./shop test --suite unit", "a change is not checked by .ci/run"),
    "changes nobody checks": ("check.yaml", "  pull_request:\n", "", "when a change is checked: pull_request is missing"),
    "a machine of another kind": ("check.yaml", "golang:1.26-bookworm", "golang:1.26-trixie", "the machine of check.yaml: test is golang:1.26-trixie"),
    "a night without sanitizers": ("nightly.yaml", "--sanitize thread", "", "nothing runs --sanitize thread"),
    "the same chaos every night": ("nightly.yaml", "--checkouts 1000", "--checkouts 1000 --seed 1", "the same seed"),
    "a workflow that may write": ("check.yaml", "permissions:\n  contents: read\n\nconcurrency", "permissions:\n  contents: write\n\nconcurrency", "contents is write, not read"),
    "a token for strangers": ("check.yaml", "if: github.event_name == 'push'", "if: always()", "when check.yaml: images runs is always()"),
    "strangers with our rights": ("check.yaml", "  pull_request:\n", "  pull_request_target:\n", "runs a stranger's code"),
    "somebody's action": ("check.yaml", "actions/cache@v4", "somebody/cache@v4", "uses somebody/cache@v4"),
    "a branch of an action": ("nightly.yaml", "actions/checkout@v5", "actions/checkout@main", "uses actions/checkout@main"),
    "a token that stays": ("nightly.yaml", "persist-credentials: false", "fetch-depth: 1", "leaves its token"),
    "outside text in a command": ("check.yaml", "run: .ci/run", "run: .ci/run ${{ github.head_ref }}", "puts outside text"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_found(sources, name):
    file, what, instead, finding = MISTAKES[name]
    assert what in sources.texts[file]
    changed = Sources(sources.texts | {file: sources.texts[file].replace(what, instead) if what else instead}, sources.deployment)
    found = list(findings(changed))
    assert any(finding in each for each in found), found


def test_the_ignored_stay_out(sources, tmp_path):
    builder = Builder(sources.texts["Dockerfile"], tmp_path, tmp_path)
    copied = builder._files(".")
    assert {"meson.build", "services/cart/main.cpp", "tests/meson.build", "tools/packages.txt", "shop"} <= set(copied)
    for left_out in (".git", ".shop/credentials.json", "build/build.ninja", "build-thread/build.ninja", ".github/workflows/check.yaml",
                     "tools/shop/__pycache__/cli.cpython-311.pyc", "deploy/aws/.env", "tls.key"):
        parts = left_out.split("/")
        assert any(builder._left_out("/".join(parts[:count])) for count in range(1, len(parts) + 1)), left_out
    assert [path for path in copied if path.startswith((".git/", ".shop/", "build/", "build-"))] == []


# --- the script, with an engine that only writes down what it is told


@pytest.fixture
def engine(tmp_path):
    program, log = tmp_path / "docker", tmp_path / "log"
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$PWD $*" >>{log}\n')
    program.chmod(0o755)

    def build(*arguments: str) -> tuple[int, str, list[str]]:
        log.unlink(missing_ok=True)
        answer = subprocess.run([BUILD, *arguments], cwd="/", env=os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}, capture_output=True, text=True)
        return answer.returncode, answer.stderr, log.read_text().splitlines() if log.exists() else []

    return build


def test_the_script_builds_every_image_for_this_machine(engine, sources):
    code, _, told = engine("7f3a")
    assert code == 0
    wanted = [f"{ROOT} buildx build --file deploy/images/Dockerfile --platform linux/amd64 --target {image} --build-arg VERSION=7f3a "
              f"--tag ecommerce/{image}:7f3a --load ." for image in targets(sources.stages)]
    assert sorted(told) == sorted(wanted)


def test_the_script_pushes_what_a_cluster_runs(engine, sources):
    code, _, told = engine("7f3a", "--push", "1.dkr.ecr.us-west-2.amazonaws.com")
    assert code == 0 and all(line.endswith(" --push .") for line in told)
    pushed = {word for line in told for word in line.split() if word.endswith(":7f3a")}
    repositories = sources.deployment.cluster.resources("AWS::ECR::Repository").values()
    assert pushed == {f"1.dkr.ecr.us-west-2.amazonaws.com/{each['RepositoryName']}:7f3a" for each in repositories}


@pytest.mark.parametrize("arguments", [(), ("--push",), ("7f3a", "--push"), ("7f3a", "no-such-service")], ids=json.dumps)
def test_the_script_does_nothing_it_was_not_told(engine, arguments):
    code, said, told = engine(*arguments)
    assert code != 0 and told == [] and said
