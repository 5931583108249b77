"""An AWS of the tests' own: MiniStack on a free port, which knows accounts, roles and policies and refuses what they do not allow."""

import base64
import copy
import json
import os
import socket
import subprocess
import time
from pathlib import Path

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from deployment import STACKS, Deployment

from shop import toolbox

REGION = "us-west-2"
ACCOUNT = "000000000000"
# The account's own key, which may everything.
ROOT_KEY = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
# What the emulator cannot make; test_stacks.py sees that this is all. In its stead goes a resource that does nothing.
UNKNOWN = {"AWS::EC2::EIP", "AWS::EC2::NatGateway", "AWS::EC2::FlowLog", "AWS::EKS::Addon", "AWS::IAM::OIDCProvider"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def stack_name(name: str) -> str:
    return f"ecommerce-{name}"


def until(condition, limit: float, what: str):
    """The first true value of `condition()`."""
    deadline = time.monotonic() + limit
    while not (seen := condition()):
        assert time.monotonic() < deadline, f"waited {limit} s for {what}"
        time.sleep(0.05)
    return seen


class Emulator:
    def __init__(self, folder: Path):
        self.port = free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        environment = {**os.environ, "GATEWAY_PORT": str(self.port), "BIND_HOST": "127.0.0.1", "MINISTACK_REGION": REGION,
                       "AUTH": "true", "PERSIST_STATE": "0", "LOG_LEVEL": "WARNING"}
        environment.pop("SERVICES", None)
        self.log = folder / "emulator.log"
        with open(self.log, "w") as log:
            self.process = subprocess.Popen([toolbox.venv_folder() / "bin" / "ministack"], cwd=folder, env=environment,
                                            stdout=log, stderr=subprocess.STDOUT)
        try:
            until(self._listens, 60, f"the emulator; its log is {self.log}")
        except BaseException:
            self.stop()
            raise

    def _listens(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)

    def client(self, service: str, key: dict | None = None):
        return boto3.client(service, endpoint_url=self.endpoint, region_name=REGION, config=Config(retries={"max_attempts": 0}),
                            **(key or ROOT_KEY))

    # --- stacks

    def create(self, name: str, text: str, **parameters: str) -> str:
        self.client("cloudformation").create_stack(StackName=stack_name(name), TemplateBody=text, **_settings(parameters))
        return self.settled(name)

    def update(self, name: str, text: str, **parameters: str) -> str:
        self.client("cloudformation").update_stack(StackName=stack_name(name), TemplateBody=text, **_settings(parameters))
        return self.settled(name)

    def delete(self, name: str) -> str:
        cloudformation = self.client("cloudformation")
        stack = cloudformation.describe_stacks(StackName=stack_name(name))["Stacks"][0]["StackId"]
        cloudformation.delete_stack(StackName=stack_name(name))
        return self.settled(name, stack)

    def settled(self, name: str, stack: str | None = None) -> str:
        cloudformation = self.client("cloudformation")

        def status() -> str:
            seen = cloudformation.describe_stacks(StackName=stack or stack_name(name))["Stacks"][0]["StackStatus"]
            return "" if seen.endswith("IN_PROGRESS") else seen

        return until(status, 60, f"the stack {name}")

    def reasons(self, name: str) -> list[str]:
        events = self.client("cloudformation").describe_stack_events(StackName=stack_name(name))["StackEvents"]
        return [f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason')}" for event in events if "FAILED" in event["ResourceStatus"]]

    def deploy(self, deployment: Deployment) -> None:
        for name in STACKS:
            status = self.create(name, understood(deployment.documents[name]))
            assert status == "CREATE_COMPLETE", (name, status, self.reasons(name))

    # --- roles

    def issuer(self) -> str:
        """Who vouches for the cluster's service accounts."""
        cluster = self.client("eks").describe_cluster(name="ecommerce-eks-cluster")["cluster"]
        return cluster["identity"]["oidc"]["issuer"]

    def role(self, app: str, account: str | None = None, audience: str = "sts.amazonaws.com", issuer: str | None = None) -> dict:
        """The key that a pod gets for its service account's token, as the sidecar's AWS client asks for it."""
        claims = {"iss": issuer or self.issuer(), "aud": audience, "sub": f"system:serviceaccount:{account or f'ecommerce:{app}'}"}
        token = ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in ({"alg": "none"}, claims)) + ".x"
        sts = boto3.client("sts", endpoint_url=self.endpoint, region_name=REGION, config=Config(signature_version=UNSIGNED, retries={"max_attempts": 0}))
        key = sts.assume_role_with_web_identity(RoleArn=f"arn:aws:iam::{ACCOUNT}:role/ecommerce-{app}", RoleSessionName="test",
                                                WebIdentityToken=token)["Credentials"]
        return {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"],
                "aws_session_token": key["SessionToken"]}


def _settings(parameters: dict[str, str]) -> dict:
    return {"Capabilities": ["CAPABILITY_NAMED_IAM"],
            "Parameters": [{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()]}


def understood(document: dict) -> str:
    """A template without what the emulator cannot make."""
    left = copy.deepcopy(document)
    for logical, resource in left["Resources"].items():
        if resource["Type"] in UNKNOWN:
            left["Resources"][logical] = {"Type": "AWS::CloudFormation::WaitConditionHandle"}
    # The roles' trust is in the identity provider by name, which is known without it.
    return json.dumps(left).replace("${OidcProvider}", "arn:aws:iam::${AWS::AccountId}:oidc-provider/${Issuer}")
