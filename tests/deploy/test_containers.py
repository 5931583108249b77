"""The images are built without a container engine, and run as a cluster runs them: each with its own file system, that cannot be
written to, as its own user. The first checkout goes through a platform whose services, sidecars and doors all run so."""

import json
import os
import re
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import requests
from deployment import ROOT
from emulator import until
from image_checks import PLAIN
from images import FILE, BuildError, Builder, Image, parse, targets

sys.path.append(str(ROOT / "tests" / "system"))

import shopping  # noqa: E402
import stack as system  # noqa: E402

from shop import facts, stack, toolbox  # noqa: E402
from shop.workspace import CACHE, Workspace, build_folder  # noqa: E402

APPS = list(facts.load()["apps"])
IMAGES = targets(parse(FILE.read_text())[1])
# What is in an image for another reason than that its program loads it.
NOT_LOADED = {
    "base-files": "tells people and scanners which Debian this is",
    "ca-certificates": "whom the sidecar believes that it is AWS",
    "libgcc-s1": "Python's threads end by it: the C library looks for it only then",
    "libpython3.11-minimal": "Python's own modules",
    "libpython3.11-stdlib": "Python's own modules",
}


@pytest.fixture(scope="session")
def builder():
    """Of images out of a Dockerfile's text."""
    if os.environ.get("SHOP_SANITIZER"):
        pytest.skip("images have no sanitizers in them: the ordinary run tests them")
    if os.geteuid() != 0:
        pytest.skip("only root can mount and enter a file system")
    built = build_folder() / "images"
    for folder in (CACHE, built):
        folder.mkdir(parents=True, exist_ok=True)
        trial = folder / f"trial-{os.getpid()}"
        layer, work = trial / "layer", trial / "work"
        layer.mkdir(parents=True), work.mkdir()
        mount = f"mount -t tmpfs tmpfs /mnt && mkdir /mnt/all && mount -t overlay overlay -o lowerdir=/,upperdir={layer},workdir={work} /mnt/all"
        answer = subprocess.run(["unshare", "--mount", "--propagation", "private", "sh", "-c", mount], capture_output=True, text=True)
        subprocess.run(["rm", "-rf", trial], check=True)
        if answer.returncode:
            pytest.skip(f"this machine mounts no overlays on {folder}: {answer.stderr.strip()}")
    tools = toolbox.tools(toolbox.Progress(quiet=True))
    modules = built / "daprd.modules"
    told = subprocess.run([toolbox.go_program(), "version", "-m", tools.daprd], capture_output=True, text=True, check=True).stdout
    if not modules.exists() or modules.read_text() != told:
        modules.write_text(told)
    # Made by the very commands of the Dockerfile, and long to make: tools/dapr/build and Maven.
    instead = {"daprd-build": {"/out/daprd": tools.daprd, "/out/daprd.modules": modules},
               "dynamodb-build": {"/out/lib": tools.dynamodb / "lib"}}
    return lambda text: Builder(text, CACHE, built, instead)


@pytest.fixture(scope="session")
def images(builder) -> dict[str, Image]:
    return builder(FILE.read_text()).images(IMAGES)


# --- what is in them


def program(image: Image) -> str:
    return (image.config.entrypoint or image.config.arguments)[0]


def owners(image: Image, paths: set[str]) -> set[str]:
    """The packages that brought these files, wherever the link of /lib or /bin leads."""
    plain = {path.removeprefix("/usr") for path in paths}
    return {package for package, files in image.packages().items() if plain & {file.removeprefix("/usr") for file in files}}


def loaded(image: Image) -> subprocess.CompletedProcess:
    """What the loader says of the program, in the image itself."""
    return image.run("--list", program(image), program=("/lib64/ld-linux-x86-64.so.2",))


@pytest.mark.parametrize("name", [*APPS, "gateway"])
def test_a_program_finds_every_library_and_no_package_is_there_for_nothing(images, name):
    image = images[name]
    answer = loaded(image)
    assert answer.returncode == 0 and "not found" not in answer.stdout, answer.stdout + answer.stderr
    libraries = set(re.findall(r"=> (/\S+)", answer.stdout)) | {"/lib64/ld-linux-x86-64.so.2"}
    packages = image.packages().keys()
    assert owners(image, libraries | {program(image)}) | packages & NOT_LOADED.keys() == packages


@pytest.mark.parametrize("name", sorted(PLAIN))
def test_no_package_of_the_emulators_is_there_for_nothing(images, name):
    """Python and Java load as they go: something in the image has to name each library."""
    image = images[name]
    files = [str(file) for file in image.root.rglob("*") if file.is_file() and not file.is_symlink() and file.open("rb").read(4) == b"\x7fELF"]
    told = subprocess.run(["readelf", "-d", *files], capture_output=True, text=True, check=True).stdout
    needed = set(re.findall(r"\(NEEDED\)\s+Shared library: \[(.*)\]", told))
    libraries = {file for package in image.packages().values() for file in package if file.rsplit("/", 1)[-1] in needed}
    used = owners(image, libraries | {program(image), "/usr/lib/jvm/java-17-openjdk-amd64/bin/java"})
    assert image.packages().keys() - NOT_LOADED.keys() - used == set()


def test_the_sidecar_needs_no_library_and_trusts_whom_debian_trusts(images):
    image = images["daprd"]
    told = subprocess.run(["readelf", "-d", image.root / "daprd"], capture_output=True, text=True, check=True).stdout
    assert "no dynamic section" in told
    assert image.packages().keys() == {"base-files", "ca-certificates"}
    bundle = (image.root / "etc/ssl/certs/ca-certificates.crt").read_text()
    assert bundle.count("BEGIN CERTIFICATE") == len(list((image.root / "usr/share/ca-certificates/mozilla").glob("*.crt"))) > 100
    assert "parameter app-id cannot be empty" in image.run("/daprd").stderr


@pytest.mark.parametrize("name", IMAGES)
def test_nothing_in_an_image_is_for_a_visitor(images, name):
    """No shell to come in by, nothing that lends another user's rights, nothing that the program's own user could change."""
    image = images[name]
    for path in image.root.rglob("*"):
        inside, state = path.relative_to(image.root), path.lstat()
        assert path.is_dir() or path.name not in ("sh", "bash", "dash", "busybox", "apt-get", "dpkg"), inside
        assert path.is_dir() or not state.st_mode & 0o6000, f"{inside} has set-user-id or set-group-id"
        assert state.st_uid == 0 and (path.is_symlink() or not state.st_mode & 0o002 or state.st_mode & 0o1000), f"{inside} can be changed"
    user, group = image.config.user.split(":")
    assert f"app:x:{user}:{group}:" in (image.root / "etc/passwd").read_text()


MEGABYTES = {**dict.fromkeys(APPS, 40), "gateway": 30, "daprd": 130, "tools": 140, "emulators": 420}


@pytest.mark.parametrize("name", IMAGES)
def test_an_image_is_small(images, name):
    size = sum(path.lstat().st_size for path in images[name].root.rglob("*") if path.is_file() and not path.is_symlink())
    assert size < MEGABYTES[name] * 1_000_000


def test_without_a_library_a_service_says_which(builder, images):
    text = FILE.read_text()
    assert text.count(" libpistache0 ") == 1
    without = replace(builder(text.replace(" libpistache0 ", " ")).image("service"), name="without libpistache0")
    service = ("--copy", str(images["cart-service"].root / "cart-service"), "/cart-service")
    listed = without.run("--list", "/cart-service", program=("/lib64/ld-linux-x86-64.so.2",), mounts=service)
    assert listed.returncode != 0 and "libpistache.so" in listed.stderr, listed
    started = without.run(program=("/cart-service",), mounts=service)
    assert started.returncode == 127
    assert "error while loading shared libraries: libpistache.so" in started.stderr, started.stderr


def test_without_a_file_of_the_sources_the_build_says_which(builder):
    text = FILE.read_text()
    with pytest.raises(BuildError, match=r"stage packer: COPY deploy/images/unpakc: there is no such file"):
        builder(text.replace("COPY deploy/images/unpack", "COPY deploy/images/unpakc")).image("gateway")


# --- their bills of materials


def bill(image: Image) -> Path:
    return image.root / "usr" / "share" / "sbom" / f"{image.name}.spdx.json"


def purls(image: Image, relation: str) -> set[str]:
    """Of what stands in this relation to the image."""
    document = json.loads(bill(image).read_text())
    related = {each["relatedSpdxElement"] for each in document["relationships"] if each["relationshipType"] == relation}
    return {reference["referenceLocator"] for package in document["packages"] if package["SPDXID"] in related
            for reference in package.get("externalRefs", [])}


@pytest.mark.parametrize("name", IMAGES)
def test_the_bill_of_materials_is_valid_and_names_every_package(images, name):
    folder = toolbox.venv_folder(toolbox.LINTERS)
    if not (folder / ".complete").exists():
        pytest.skip("the validator is not installed; ./shop test --suite deploy installs it")
    answer = subprocess.run([folder / "bin" / "pyspdxtools", "-i", bill(images[name])], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    debian = {purl.split("/")[2].split("@")[0] for purl in purls(images[name], "CONTAINS") if purl.startswith("pkg:deb/")}
    assert debian == images[name].packages().keys()


@pytest.mark.parametrize("name,relation,wanted", [
    ("gateway", "STATIC_LINK", {"pkg:npm/preact@", "pkg:npm/%40preact/signals@"}),
    ("cart-service", "STATIC_LINK", {"pkg:deb/debian/libboost1.74-dev@", "pkg:deb/debian/rapidjson-dev@", "pkg:deb/debian/libspdlog-dev@"}),
    ("daprd", "STATIC_LINK", {"pkg:golang/github.com/dapr/dapr@v1.", "pkg:golang/github.com/dapr/components-contrib@v1.", "pkg:golang/stdlib@1."}),
    ("tools", "CONTAINS", {"pkg:pypi/boto3@", "pkg:pypi/pyyaml@"}),
    ("emulators", "CONTAINS", {"pkg:pypi/ministack@", "pkg:maven/com.amazonaws/aws-java-sdk-core@", "pkg:deb/debian/openjdk-17-jre-headless@"}),
])
def test_it_names_what_is_no_package_any_more(images, name, relation, wanted):
    found = purls(images[name], relation)
    assert [prefix for prefix in wanted if not any(purl.startswith(prefix) for purl in found)] == []


# --- a platform of them


class ContainedStack(stack.Stack):
    images: dict[str, Image]

    def page_files(self):
        return Path(facts.load()["page"]["files"])

    def parts(self, tools):
        return [self._contained(part) for part in super().parts(tools)]

    def _contained(self, part):
        run, generated = str(self.workspace.run), str(self.workspace.generated)
        passed = tuple(part.environment)
        match part.kind:
            case "service":
                command = self.images[part.name].command(passed=passed)
            case "sidecar":
                # Its resources come from the operator in a cluster, and its neighbours' addresses from the name service.
                mounts = ("--copy", generated, generated, "--share", run, run)
                command = self.images["daprd"].command("/daprd", *part.command[1:], passed=passed, mounts=mounts)
            case "door":
                mounts = ("--copy", f"{generated}/nginx.conf", "/etc/gateway/nginx.conf", "--tmpfs", str(self.workspace.gateway))
                command = self.images["gateway"].command(passed=passed, mounts=mounts)
            case _:
                return part
        return replace(part, command=command)


@pytest.fixture(scope="module")
def platform(images):
    running = system.Platform("aws")
    running.stack = ContainedStack(Workspace(build_folder() / "images" / "platform", build_folder()))
    running.stack.images = images
    running.start()
    yield running
    running.stop()


def test_the_first_checkout_goes_through(platform):
    admin, customer = platform.client("admin"), platform.client("customer", system.unique("customer"))
    product = shopping.create_product(admin, price=2500, stock=10)
    order = shopping.check_out(customer, [(product["id"], 2)])
    assert shopping.order_when(customer, order, "confirmed")["total"] == shopping.euro(5000)
    until(lambda: customer.call("GET", "product", f"/products/{product['id']}").json()["stock"] == 8, 30, "the stock to be taken from")
    assert customer.expect(200, "GET", "payment", "/payments", params={"orderId": order})["status"] == "completed"


def test_the_gateways_image_has_the_page(platform):
    gateway = platform.endpoints["gateway"]
    document = requests.get(f"{gateway}/cart", timeout=20)
    assert document.status_code == 200 and 'id="app"' in document.text
    scripts = re.findall(r'src="(/assets/[^"]+)"', document.text)
    assert scripts
    for path in scripts:
        answer = requests.get(gateway + path, timeout=20)
        assert answer.status_code == 200 and answer.headers["Content-Encoding"] == "gzip"


def test_signing_in_under_any_name_is_in_no_image(images):
    for image in images.values():
        assert not [path for path in image.root.rglob("*") if path.parent.name == "development" and path.suffix == ".py"], image.name


def test_it_went_through_the_images(platform, images):
    """Of each process: whose it is, what it may, which file system it sees."""
    contained = {**{app: app for app in APPS}, **{f"{app}-sidecar": "daprd" for app in APPS}, "gateway": "gateway"}
    for part, name in contained.items():
        process = Path("/proc") / str(platform.pid(part))
        status = dict(line.split(":\t", 1) for line in (process / "status").read_text().splitlines())
        user, group = images[name].config.user.split(":")
        assert set(status["Uid"].split()) == {user} and set(status["Gid"].split()) == {group}, part
        assert (status["Groups"].strip(), status["CapEff"], status["CapPrm"], status["NoNewPrivs"]) == ("", "0" * 16, "0" * 16, "1"), part
        root = next(line.split() for line in (process / "mountinfo").read_text().splitlines() if line.split()[4] == "/")
        assert "overlay" in root and str(images[name].root) in root[-1] and "ro" in root[-1].split(","), root
        # The kernel names it as it is seen from outside, where the file system is somewhere else.
        assert os.readlink(process / "exe").endswith(program(images[name])), part


def test_nothing_can_be_written_beside_what_is_mounted(images):
    image = images["tools"]
    attempt = "import os, sys\nfor path in sys.argv[1:]:\n  try: open(path, 'w'); print(path)\n  except OSError as error: print(error.errno)\n"
    answer = image.run("-c", attempt, "/x", "/opt/shop/x", "/tmp/x", "/run/x", "/data/x", program=("/usr/bin/python3.11",), mounts=("--tmpfs", "/data"))
    assert answer.stdout.split() == ["30", "30", "30", "30", "/data/x"], answer


# --- the emulators, alone on a network of their own


@contextmanager
def network():
    """Words that put a command into a network where every port is free."""
    holder = subprocess.Popen(["unshare", "--net", "sh", "-c", "ip link set lo up && echo up && exec cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert holder.stdout.readline() == b"up\n"
        yield ["nsenter", f"--net=/proc/{holder.pid}/ns/net"]
    finally:
        holder.stdin.close()
        holder.wait(10)


def test_the_emulators_come_up_and_are_provisioned(images, deployment, tmp_path):
    ports = facts.Ports()
    told = {"DYNAMODB_ENDPOINT": f"http://127.0.0.1:{ports['dynamodb']}", "AWS_ENDPOINT": f"http://127.0.0.1:{ports['aws']}", "JWT_KEY": "k" * 48}
    look = ("from shop import cloud, facts\n"
            f"at = {{'dynamodb': '{told['DYNAMODB_ENDPOINT']}', 'aws': '{told['AWS_ENDPOINT']}'}}\n"
            "import json\n"
            "print(json.dumps([cloud.client('dynamodb', at).list_tables()['TableNames'], cloud.client('sqs', at).list_queues()['QueueUrls'],"
            " cloud.client('secretsmanager', at).get_secret_value(SecretId='jwt')['SecretString']]))")
    with network() as enter:
        started = []
        try:
            for name in ("dynamodb", "aws"):
                with open(tmp_path / f"{name}.log", "w") as log:
                    command = images["emulators"].command(name, mounts=("--tmpfs", "/data", "--tmpfs", "/tmp"))
                    started.append(subprocess.Popen([*enter, *command], stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL))
            for _ in range(2):
                command = images["tools"].command("provision", passed=tuple(told))
                answer = subprocess.run([*enter, *command], env=os.environ | told, capture_output=True, text=True, timeout=180)
                logs = [file.read_text()[-2000:] for file in tmp_path.glob("*.log")]
                assert answer.returncode == 0, (answer.stdout, answer.stderr, logs)
            command = images["tools"].command("-c", look, program=("/usr/bin/python3.11",))
            tables, queues, secret = json.loads(subprocess.run([*enter, *command], capture_output=True, text=True, check=True).stdout)
        finally:
            for process in started:
                process.terminate()
            for process in started:
                process.wait(20)
    assert sorted(tables) == sorted(deployment.table(app) for app in deployment.apps)
    assert {url.rsplit("/", 1)[-1] for url in queues} == deployment.queues().keys() | {deployment.dead_letters}
    assert json.loads(secret) == {"hs256": told["JWT_KEY"]}


@pytest.mark.parametrize("arguments,said", [((), "provision"), (("provison",), "provision"), (("provision",), "DYNAMODB_ENDPOINT is not set")])
def test_the_tools_say_what_they_were_not_told(images, arguments, said):
    answer = images["tools"].run(*arguments)
    assert answer.returncode != 0 and said in answer.stderr
