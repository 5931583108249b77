"""What the images `emulators` and `tools` run, in a cluster without AWS: a store, a broker, and the job that makes tables, topics,
queues and the signing key's secret on them.

    dynamodb     DynamoDB Local on every address of this pod; data in /data
    aws          SNS, SQS and Secrets Manager on every address of this pod; data in /data
    provision    waits for both, at DYNAMODB_ENDPOINT and AWS_ENDPOINT, and makes what is missing; JWT_KEY is the signing key
"""

import os
import shutil
import sys
import time
from pathlib import Path

from . import facts, programs
from .workspace import ShopError

DATA = Path("/data")
DYNAMODB = Path("/opt/dynamodb")
WAIT_SECONDS = 120


def dynamodb() -> None:
    command = programs.dynamodb_command(shutil.which("java") or "java", DYNAMODB, "com.amazonaws.services.dynamodbv2.local.main.ServerRunner",
                                        DATA, facts.Ports()["dynamodb"])
    os.execvp(command[0], command)


def aws() -> None:
    environment = programs.ministack_environment("0.0.0.0", facts.Ports()["aws"], DATA)
    os.chdir(DATA)
    os.execve(sys.executable, [sys.executable, "-c", "from ministack.app import main; main()"], {**os.environ, **environment})


def provision() -> None:
    from . import cloud
    from .credentials import Credentials

    at = {"dynamodb": _told("DYNAMODB_ENDPOINT"), "aws": _told("AWS_ENDPOINT")}
    key = Credentials("", "", _told("JWT_KEY"))
    _wait("DynamoDB Local", at["dynamodb"], lambda: cloud.client("dynamodb", at).list_tables())
    cloud.make_tables(at)
    print(f"tables are there: {at['dynamodb']}", flush=True)
    _wait("SNS and SQS", at["aws"], lambda: cloud.client("sqs", at).list_queues())
    cloud.make_messaging(at, key)
    print(f"topics, queues and the signing key are there: {at['aws']}", flush=True)


def _told(name: str) -> str:
    if not os.environ.get(name):
        raise ShopError(f"{name} is not set: give it in the job's environment (deploy/images/README.md)")
    return os.environ[name]


def _wait(what: str, where: str, ask) -> None:
    from botocore.exceptions import BotoCoreError, ClientError

    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            ask()
            return
        except (BotoCoreError, ClientError) as error:
            if time.monotonic() > deadline:
                raise ShopError(f"{what} does not answer at {where} after {WAIT_SECONDS} s: {error}") from None
        time.sleep(0.5)


COMMANDS = {"dynamodb": dynamodb, "aws": aws, "provision": provision}


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or arguments[0] not in COMMANDS:
        print(__doc__, file=sys.stderr)
        return 0 if arguments == ["--help"] else 2
    try:
        COMMANDS[arguments[0]]()
    except ShopError as error:
        print(f"{arguments[0]}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
