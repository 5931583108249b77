"""What must hold of the images' Dockerfile, the script that builds them and the workflows, before any of it runs. As in checks.py, a
check yields what is wrong in words."""

import json
import re
from dataclasses import dataclass

import yaml
from deployment import ROOT, Deployment
from findings import Checks, Findings, differs
from images import FILE, Config, Stage, configured, parse, targets

CHECKS = check = Checks()
findings = CHECKS.findings
USER = "10001:10001"
PLAIN = {"emulators", "tools"}
WORKFLOWS = ROOT / ".github" / "workflows"


@dataclass
class Sources:
    """Texts by name: `Dockerfile`, `build`, `chart` with all its templates, and the workflows' files."""

    texts: dict[str, str]
    deployment: Deployment

    @classmethod
    def read(cls, deployment: Deployment) -> "Sources":
        files = [FILE, FILE.with_name("build"), *WORKFLOWS.glob("*.yaml")]
        chart = "\n".join(file.read_text() for file in sorted((ROOT / "deploy" / "kubernetes").rglob("templates/*.yaml")))
        return cls({file.name: file.read_text() for file in files} | {"chart": chart}, deployment)

    @property
    def arguments(self) -> dict[str, str]:
        return parse(self.texts["Dockerfile"])[0]

    @property
    def stages(self) -> dict[str, Stage]:
        return parse(self.texts["Dockerfile"])[1]

    def config(self, name: str) -> Config:
        stage = self.stages[name]
        return configured(stage, self.config(stage.base) if stage.base in self.stages else Config())

    @property
    def workflows(self) -> dict[str, dict]:
        # YAML's 1.1 reads the key `on` as a truth.
        return {name: {"on" if key is True else key: value for key, value in yaml.safe_load(text).items()}
                for name, text in self.texts.items() if name.endswith(".yaml")}

    def jobs(self):
        for file, workflow in self.workflows.items():
            for name, job in workflow["jobs"].items():
                yield f"{file}: {name}", job


# --- the images


@check
def images(sources: Sources) -> Findings:
    """One for each repository in ECR, and those for a cluster without AWS; the script builds these and no other."""
    repositories = {each["RepositoryName"] for each in sources.deployment.cluster.resources("AWS::ECR::Repository").values()}
    in_cluster = {name.removeprefix("ecommerce/") for name in repositories}
    yield from differs("services with an image", set(sources.deployment.apps), in_cluster - {"gateway", "daprd"})
    yield from differs("images", in_cluster | PLAIN, set(targets(sources.stages)))
    lists = {name: set(words.split()) for name, words in re.findall(r"^(cluster|plain)=\((.*)\)$", sources.texts["build"], re.MULTILINE)}
    yield from differs("what the script builds for ECR", in_cluster, lists["cluster"])
    yield from differs("what it builds besides", PLAIN, lists["plain"])
    for name in re.findall(r'include "image" \(list [$.] "([\w-]+)"\)', sources.texts["chart"]):
        if name not in targets(sources.stages):
            yield f"the chart runs {name}, of which there is no image"


@check
def bases(sources: Sources) -> Findings:
    """Each named in one place, with a tag that means something, wherever the engine gets it from."""
    given = {value for name, value in sources.arguments.items() if name != "VERSION"}
    for image in sorted(given):
        if not re.fullmatch(r"[a-z0-9-]+(/[a-z0-9-]+)?:[\w.-]+", image):
            yield f"{image} is not a name and a tag, or names a registry"
        if image.endswith(":latest"):
            yield f"{image} is another image tomorrow"
    used = {stage.base for stage in sources.stages.values() if stage.base not in sources.stages}
    yield from differs("base images", given | {"scratch"}, used)
    for line in re.findall(r"^FROM (\S+)", sources.texts["Dockerfile"], re.MULTILINE):
        if line.startswith("$") == (line in sources.stages or line == "scratch"):
            yield f"FROM {line}: a base image is named by its argument"


@check
def nothing_else_inside(sources: Sources) -> Findings:
    for name in targets(sources.stages):
        stage = sources.stages[name]
        while stage.base in sources.stages:
            stage = sources.stages[stage.base]
        yield from differs(f"what {name} begins from", "scratch", stage.base)


@check
def users(sources: Sources) -> Findings:
    """By number: a cluster that forbids root cannot look up a name."""
    for name in targets(sources.stages):
        yield from differs(f"whom {name} runs as", USER, sources.config(name).user)


@check
def entry_points(sources: Sources) -> Findings:
    for app in sources.deployment.apps:
        yield from differs(f"what {app} runs", (f"/{app}",), sources.config(app).entrypoint)
    # What the injector passes begins with the program, and would come behind an entry point.
    daprd = sources.config("daprd")
    yield from differs("the sidecar's entry point and arguments", ((), ("/daprd",)), (daprd.entrypoint, daprd.arguments))
    yield from differs("how the door is told to end", "SIGQUIT", sources.config("gateway").stop_signal)


@check
def binaries(sources: Sources) -> Findings:
    (build,) = (value for word, value in sources.stages["service-build"].instructions if word == "RUN" and "meson setup" in value)
    yield from differs("what is compiled", {app["binary"] for app in sources.deployment.facts["apps"].values()},
                       set(re.findall(r"services/\S+-service", build)))


@check
def instructions(sources: Sources) -> Findings:
    for stage in sources.stages.values():
        for word, value in stage.instructions:
            if word == "ADD":
                yield f"{stage.name} has ADD {value}: it may fetch or unpack what nobody looked at"
            if word in ("ARG", "ENV") and re.search(r"(?i)token|secret|passw|credential|(^|_)key", value):
                yield f"{stage.name} has {word} {value}: whoever has the image can read it"
            if word == "RUN" and re.search(r"\b(curl|wget)\b", value):
                yield f"{stage.name} fetches something past the package managers: {value}"


@check
def packages(sources: Sources) -> Findings:
    for name, words in unpacked(sources.stages):
        if words != sorted(set(words)):
            yield f"{name} names its packages twice or not by the alphabet: {' '.join(words)}"


def unpacked(stages: dict[str, Stage]):
    """Stage, and the Debian packages it takes."""
    for stage in stages.values():
        for word, value in stage.instructions:
            for match in re.finditer(r"unpack /image ([^&]*)", value) if word == "RUN" else ():
                yield stage.name, match[1].split()


# --- the workflows


@check
def same_command(sources: Sources) -> Findings:
    on = sources.workflows["check.yaml"]["on"]
    yield from differs("when a change is checked", {"push", "pull_request"}, set(on))
    yield from differs("the branch whose pushes are checked", ["main"], on["push"]["branches"])
    commands = [step.get("run") for step in sources.workflows["check.yaml"]["jobs"]["test"]["steps"]]
    if ".ci/run" not in commands:
        yield "a change is not checked by .ci/run"
    for where, job in sources.jobs():
        if "container" in job:
            yield from differs(f"the machine of {where}", sources.arguments["GO"], job["container"]["image"])


@check
def nights(sources: Sources) -> Findings:
    workflow = sources.workflows["nightly.yaml"]
    if "schedule" not in workflow["on"]:
        yield "nightly.yaml does not run by itself"
    single = [each["command"] for each in workflow["jobs"]["look"]["strategy"]["matrix"]["include"]]
    commands = " ".join(single)
    for wanted in ("shop chaos", "--broker redis", "shop fuzz", "--sanitize address", "--sanitize thread"):
        if wanted not in commands:
            yield f"nothing runs {wanted}"
    if any("shop chaos" in each and "--seed" in each for each in single):
        yield "chaos has the same seed every night"


@check
def permissions(sources: Sources) -> Findings:
    """Nothing but reading; and a token for AWS only where images are pushed, which no pull request can do."""
    for file, workflow in sources.workflows.items():
        yield from differs(f"what {file} may", {"contents": "read"}, workflow.get("permissions"))
        if "pull_request_target" in workflow["on"]:
            yield f"{file} runs a stranger's code with this repository's rights"
    for where, job in sources.jobs():
        if "permissions" in job:
            yield from differs(f"what {where} may", ("check.yaml: images", {"contents": "read", "id-token": "write"}), (where, job["permissions"]))
            yield from differs(f"when {where} runs", "github.event_name == 'push'", job.get("if"))
        if "timeout-minutes" not in job:
            yield f"{where} may run for six hours"


@check
def actions(sources: Sources) -> Findings:
    for where, job in sources.jobs():
        for step in job["steps"]:
            if "uses" in step and not re.fullmatch(r"actions/[a-z-]+@v\d+", step["uses"]):
                yield f"{where} uses {step['uses']}, which is not GitHub's own"
            if step.get("uses", "").startswith("actions/checkout@") and step.get("with", {}).get("persist-credentials") is not False:
                yield f"{where} leaves its token with whatever runs after the checkout"
            if "${{ github." in step.get("run", "") or "secrets." in json.dumps(step):
                yield f"{where}: {step.get('name')} puts outside text or a secret into a command"
    for file in sources.workflows:
        if re.search(r"AKIA|aws_secret|AWS_SECRET", sources.texts[file]):
            yield f"{file} has a key of AWS in it"

