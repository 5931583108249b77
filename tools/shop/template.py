"""CloudFormation templates as plain data: what a stack asks for, with its references worked out.

Enough of the language for the templates of deploy/aws: parameters, conditions, Ref, GetAtt, Sub, Join, Select, Split, If and
values imported from another stack. What only AWS can know, an id for instance, becomes `<LogicalId.Attribute>`.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

import yaml


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """YAML with the short forms of the intrinsic functions."""


def _intrinsic(loader, tag: str, node):
    name = tag if tag in ("Ref", "Condition") else f"Fn::{tag}"
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
        # !GetAtt takes "Logical.Attribute", its long form a list.
        return {name: value.split(".", 1)} if tag == "GetAtt" else {name: value}
    construct = loader.construct_sequence if isinstance(node, yaml.SequenceNode) else loader.construct_mapping
    return {name: construct(node, deep=True)}


_Loader.add_multi_constructor("!", _intrinsic)

NOTHING = object()

# What Ref and GetAtt …Arn give, by type; `p` are the resolved properties.
REFERENCES = {
    "AWS::SNS::Topic": lambda p, at: f"arn:aws:sns:{at}:{p['TopicName']}",
    "AWS::SQS::Queue": lambda p, at: "https://sqs.{}.amazonaws.com/{}/{}".format(*at.split(":"), p["QueueName"]),
    "AWS::DynamoDB::Table": lambda p, at: p["TableName"],
    "AWS::Logs::LogGroup": lambda p, at: p["LogGroupName"],
    "AWS::SecretsManager::Secret": lambda p, at: f"arn:aws:secretsmanager:{at}:secret:{p['Name']}-??????",
    "AWS::IAM::Role": lambda p, at: p["RoleName"],
    "AWS::EKS::Cluster": lambda p, at: p["Name"],
    "AWS::ECR::Repository": lambda p, at: p["RepositoryName"],
    "AWS::IAM::OIDCProvider": lambda p, at: f"arn:aws:iam::{at.split(':')[1]}:oidc-provider/{p['Url'].removeprefix('https://')}",
}
ARNS = {
    "AWS::SQS::Queue": lambda p, at: f"arn:aws:sqs:{at}:{p['QueueName']}",
    "AWS::DynamoDB::Table": lambda p, at: f"arn:aws:dynamodb:{at}:table/{p['TableName']}",
    "AWS::Logs::LogGroup": lambda p, at: f"arn:aws:logs:{at}:log-group:{p['LogGroupName']}:*",
    "AWS::IAM::Role": lambda p, at: f"arn:aws:iam::{at.split(':')[1]}:role/{p['RoleName']}",
    "AWS::SecretsManager::Secret": REFERENCES["AWS::SecretsManager::Secret"],
    "AWS::ECR::Repository": lambda p, at: f"arn:aws:ecr:{at}:repository/{p['RepositoryName']}",
}
NAMES = {("AWS::SQS::Queue", "QueueName"), ("AWS::SNS::Topic", "TopicName")}
ISSUER = "https://oidc.eks.us-west-2.amazonaws.com/id/EXAMPLE"


@dataclass
class Template:
    """One stack, each resource of which is worked out once. `imports` are the exports of the stacks it builds on, `given` the
    parameters that differ from their defaults."""

    document: dict
    region: str = "us-west-2"
    account: str = "000000000000"
    imports: dict[str, str] = field(default_factory=dict)
    given: dict[str, str] = field(default_factory=dict)
    _known: dict[str, dict] = field(default_factory=dict)

    @classmethod
    def read(cls, file: Path, **settings) -> "Template":
        return cls(yaml.load(file.read_text(), _Loader), **settings)

    def resources(self, kind: str | None = None) -> dict[str, dict]:
        """Logical id → resolved properties, of those that the conditions let in."""
        return {name: self.properties(name) for name, resource in self.document["Resources"].items()
                if kind in (None, resource["Type"]) and self._holds(resource.get("Condition"))}

    def properties(self, logical: str) -> dict:
        if logical not in self._known:
            self._known[logical] = self.resolved(self.document["Resources"][logical].get("Properties", {}))
        return self._known[logical]

    def exports(self) -> dict[str, str]:
        return {self.resolved(output["Export"]["Name"]): self.resolved(output["Value"])
                for output in self.document.get("Outputs", {}).values() if "Export" in output and self._holds(output.get("Condition"))}

    def resolved(self, value):
        if isinstance(value, list):
            items = [self.resolved(item) for item in value]
            return [item for item in items if item is not NOTHING]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            (name, argument), = value.items()
            if name == "Ref" or name.startswith("Fn::"):
                return self._function(name.removeprefix("Fn::"), argument)
        resolved = {key: self.resolved(item) for key, item in value.items()}
        return {key: item for key, item in resolved.items() if item is not NOTHING}

    def _function(self, name: str, argument):
        if name == "Ref":
            return self._ref(argument)
        if name == "GetAtt":
            return self._attribute(*(argument if isinstance(argument, list) else argument.split(".", 1)))
        if name == "Sub":
            text, own = (argument, {}) if isinstance(argument, str) else argument
            return re.sub(r"\$\{([^!}]+)\}", lambda match: str(self._named(match.group(1), own)), text)
        if name == "If":
            condition, yes, no = argument
            return self.resolved(yes if self._holds(condition) else no)
        if name == "ImportValue":
            return self.imports[self.resolved(argument)]
        if name == "Join":
            separator, items = self.resolved(argument)
            return separator.join(map(str, items))
        if name == "Split":
            separator, text = self.resolved(argument)
            return text.split(separator)
        if name == "Select":
            index, items = self.resolved(argument)
            return items[int(index)]
        raise ValueError(f"Fn::{name} is not known here")

    def _named(self, name: str, own: dict):
        if name in own:
            return self.resolved(own[name])
        return self._attribute(*name.split(".", 1)) if "." in name else self._ref(name)

    def _ref(self, name: str):
        pseudo = {"AWS::Region": self.region, "AWS::AccountId": self.account, "AWS::Partition": "aws",
                  "AWS::URLSuffix": "amazonaws.com", "AWS::NoValue": NOTHING}
        if name in pseudo:
            return pseudo[name]
        if name in self.document.get("Parameters", {}):
            return self.given.get(name, self.document["Parameters"][name].get("Default", f"<{name}>"))
        kind = self.document["Resources"][name]["Type"]
        return REFERENCES[kind](self.properties(name), f"{self.region}:{self.account}") if kind in REFERENCES else f"<{name}>"

    def _attribute(self, logical: str, attribute: str):
        kind = self.document["Resources"][logical]["Type"]
        # A secret's ARN is its Id.
        if attribute in ("Arn", "Id") and kind in ARNS:
            return ARNS[kind](self.properties(logical), f"{self.region}:{self.account}")
        if (kind, attribute) in NAMES:
            return self.properties(logical)[attribute]
        # Taken apart by those who trust it, so it has the form of one.
        return ISSUER if attribute == "OpenIdConnectIssuerUrl" else f"<{logical}.{attribute}>"

    def _holds(self, condition) -> bool:
        if condition is None:
            return True
        if isinstance(condition, str):
            return self._holds(self.document["Conditions"][condition])
        (name, argument), = condition.items()
        if name == "Condition":
            return self._holds(argument)
        if name == "Fn::Equals":
            left, right = self.resolved(argument)
            return left == right
        if name == "Fn::Not":
            return not self._holds(argument[0])
        return (all if name == "Fn::And" else any)(self._holds(each) for each in argument)
