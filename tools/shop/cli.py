"""The commands, as a person types them. Each one's help says what it does, what it leaves behind, and what to try next."""

import argparse
import os
import sys
from pathlib import Path

from . import facts, fuzz as fuzzing
from .console import Progress, fail
from .toolbox import existing_python, python_of_tools
from .workspace import ShopError, Workspace, build_folder, state_folder

OVERVIEW = """\
The whole shop on this machine: four C++ services with their Dapr sidecars, DynamoDB Local, and SNS/SQS or Redis.

  ./shop demo         see a checkout go through; sets up, builds and starts everything first where needed
  ./shop up           start the platform and keep it running
  ./shop status       what runs, where, and whether it is ready
  ./shop logs         what it says; --order ID follows one order through all services
  ./shop test         every test there is
  ./shop chaos        shop while everything breaks, then audit the books
  ./shop import       products out of a file into the catalog
  ./shop package      the actor library as Debian packages
  ./shop docs         its pages and the reference of its headers
  ./shop dlq          the messages nobody could handle: look, and put them back
  ./shop down         stop everything; data stays until `up --fresh`
"""
ENDING = """\
Data, logs and secrets of the platform live in .shop/ (--state-dir), programs in ~/.cache/ecommerce-platform.
Help for one command: ./shop COMMAND --help
"""


def parser() -> argparse.ArgumentParser:
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--state-dir", metavar="DIR", help="where this platform's data, logs and secrets are (default: .shop/)")
    top = argparse.ArgumentParser(prog="shop", description=OVERVIEW, epilog=ENDING, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def command(name: str, summary: str, description: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=summary, description=description, parents=[shared],
                                   formatter_class=argparse.RawDescriptionHelpFormatter)

    up = command("up", "start the platform", """\
Installs what is missing, builds what changed, starts every part that does not run, and returns when all four services
are ready. Running it twice is harmless; parts whose program or settings changed are restarted.

  ./shop up                     with SNS and SQS (MiniStack)
  ./shop up --broker redis      with Redis streams: quicker, and no AWS emulator
  ./shop up --replicas 2        two of each service, each beside a sidecar of its own; run it again with another number
                                and replicas join or leave while the others work
  ./shop up --fresh             with empty tables and queues

SHOP_ALLOWED_ORIGINS="https://shop.example http://127.0.0.1:3000" lets pages of those origins call through the doors (CORS);
it is kept for the next `up`, and an empty one takes it back.""")
    _starting(up)

    command("down", "stop the platform", """\
Stops every part in order: doors first, then services, sidecars, stores. Data stays and is there again at the next `up`.""")

    status = command("status", "what runs, where, and whether it is ready", """\
Lists every part with its state, process id, port and log. Exits 0 whenever it can tell; `ready` says how it is.""")
    status.add_argument("--json", action="store_true", help="the same as one JSON object, for programs")

    logs = command("logs", "what the parts say", """\
  ./shop logs                        the services, merged in time order
  ./shop logs cart-service           one part; any name of `./shop status`
  ./shop logs --order ID             one order's way through all services
  ./shop logs order-service -f       and whatever comes""")
    logs.add_argument("name", nargs="?", help="a part, as `./shop status` names it (default: every replica of the four services)")
    logs.add_argument("--order", metavar="ID", help="only what concerns this order, by its id or its trace")
    logs.add_argument("-f", "--follow", action="store_true", help="stay, and print what is added")
    logs.add_argument("-n", "--lines", type=int, default=200, metavar="N", help="at most this many lines of the past (default 200)")
    logs.add_argument("--json", action="store_true", help="the lines as they were written")

    token = command("token", "a bearer token for the REST interfaces", """\
Prints a token signed with this platform's development key, valid for 12 hours, and nothing else:

  curl -H "Authorization: Bearer $(./shop token --role admin)" …""")
    token.add_argument("--role", required=True, choices=("admin", "customer"))
    token.add_argument("--sub", metavar="NAME", help="whom it names (default: the role's name)")

    demo = command("demo", "see a checkout go through, hop by hop", """\
Puts the sample catalog (48 products with drawings) on the shelf where it is missing, fills a cart, changes a price, checks
out with a card that is approved and with one that is declined, and shows what came of it: the order's history, the ledger,
the stock, and the events as they came. Starts the platform first where it does not run. Can be repeated: it makes a new
product and new carts every time.""")
    _starting(demo)

    importing = command("import", "products out of a file into the catalog", """\
Sends a file of products and shows what becomes of every line. Products whose id is there already are replaced by what the
file says, stock included; what is the same stays as it is. A line that is wrong is named and harms no other.

  ./shop import products.ndjson      one JSON object a line, as POST /products takes it:
    {"id":"tea-1","name":"Darjeeling","category":"tea","price":{"amount":899,"currency":"EUR"},"stock":40}

  ./shop import products.csv         a header row names the columns, in any order; amounts are in minor units (cents):
    id,name,description,category,price.amount,price.currency,stock,imageUrl
    tea-1,Darjeeling,"First flush, 100 g",tea,899,EUR,40,

Without an id, a product is named by its content: the same line again is the same product, a changed one is another. Up to
100 MiB and 64 KiB a line. If the connection is lost, the same command goes on. Exits 1 if any line was refused.""")
    importing.add_argument("file", metavar="FILE", help="*.ndjson, *.jsonl or *.csv, in UTF-8")
    importing.add_argument("--url", metavar="URL", help="of another shop's door (default: this platform's); then with a token of that shop")
    importing.add_argument("--token", metavar="TOKEN", help="an administrator's (default: SHOP_TOKEN of the environment, or this platform's own)")
    importing.add_argument("--json", action="store_true", help="the summary as one JSON object, with the lines that were refused")

    dlq = command("dlq", "the messages that nobody could handle", """\
A message that a service cannot read, or fails to handle again and again, ends in the dead-letter queue `ecommerce-dlq`.

  ./shop dlq list                what lies there: when, from where, which event, which order, and why if the logs say
  ./shop dlq show ID             one message whole; the beginning of an id is enough
  ./shop dlq redrive ID ...      back to where it came from, to be handled again; after the cause is mended
  ./shop dlq redrive --all

On SNS/SQS a message goes back into the one queue it died in. On Redis it goes back to its topic, which all its subscribers
read: those who handled it know it and do nothing. It is put back before it is taken off, so a crash in between leaves it in
both places, never in none. A message that is no event does not say where it belongs: --to does.""")
    actions = dlq.add_subparsers(dest="action", metavar="list|show|redrive", required=True)
    # Accepted behind the action as well, without hiding what stands before it.
    again = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    again.add_argument("--state-dir", metavar="DIR", help=argparse.SUPPRESS)
    listing = actions.add_parser("list", help="all of them", parents=[again])
    showing = actions.add_parser("show", help="one, whole", parents=[again])
    showing.add_argument("id", metavar="ID")
    for action in (listing, showing):
        action.add_argument("--json", action="store_true", help="for programs")
    redriving = actions.add_parser("redrive", help="put back what can be handled now", parents=[again])
    redriving.add_argument("ids", metavar="ID", nargs="*")
    redriving.add_argument("--all", action="store_true", help="every one")
    redriving.add_argument("--to", metavar="NAME", help="into this queue (SNS/SQS) or topic (Redis), whatever the message says")

    chaos = command("chaos", "shop while everything breaks, then audit the books", """\
Starts a platform of its own (in a folder of its own, on free ports: one that runs already is left alone), lets shoppers
buy, pay, change their minds, while services, sidecars, placement, scheduler, sentry and broker are killed, alone and in
pairs, or stopped for some seconds. Then it waits until nothing is under way, and compares what the clients were told with
orders, ledger, stock, order lists, demand, outboxes, reminders and queues.

  ./shop chaos --checkouts 1000 --seed 7
  ./shop chaos --checkouts 10000 --broker redis
  ./shop chaos --checkouts 1000 --calm          the same load without faults

Everything that is chosen follows from the seed, which is printed; when exactly a process dies, in which line, does not.
A part is killed with SIGKILL and supervisor starts it again. Two stand in for managed services and are treated as those
would fail: DynamoDB Local is only paused; the SNS/SQS emulator is restarted cleanly or paused, since it writes its queues
down only when it ends cleanly, while AWS keeps what it has accepted. Redis is killed.

Exits 0 if every line is exact, 1 if the books differ, 2 if it could not run. On a difference the orders are named:
./shop logs --state-dir .shop/chaos --order ID shows the way of one.""")
    chaos.add_argument("--checkouts", type=_count, default=1000, metavar="N", help="how many are to be acknowledged (default 1000)")
    chaos.add_argument("--seed", type=int, metavar="S", help="what is chosen follows from it (default: a random one, printed)")
    chaos.add_argument("--broker", choices=("aws", "redis"), default="aws", help="what carries the events (default aws)")
    chaos.add_argument("--shoppers", type=_count, default=12, metavar="K", help="how many shop at the same time (default 12)")
    chaos.add_argument("--replicas", type=int, choices=range(1, facts.most_replicas() + 1), default=1, metavar="N",
                       help="of every service, each with its sidecar (default 1)")
    chaos.add_argument("--minutes", type=_count, metavar="M", help="close the shop after so long, however many were wanted, and audit")
    chaos.add_argument("--calm", action="store_true", help="no faults")
    chaos.add_argument("--keep", action="store_true", help="leave the platform running, to look at it")
    chaos.add_argument("--json", action="store_true", help="the report as one JSON object")
    chaos.add_argument("--no-build", action="store_true", help="take the services as they were built last")

    test = command("test", "run every test", """\
Sets up and builds everything, then runs the suites: `unit` (no network), `golden` (wire format), `deploy` (what goes to
AWS), `fuzz` (a short look by each target of `./shop fuzz`), `described` (requests made out of the services' openapi.json),
`browser` (the page in Chromium) and `system`; the last three start platforms of their own beside a running one. The last line counts test cases: N passed, N failed, N skipped.

  ./shop test --suite unit                  the quick ones
  ./shop test --sanitize address            everything with AddressSanitizer, LeakSanitizer and UndefinedBehaviorSanitizer
  ./shop test --sanitize thread             everything with ThreadSanitizer

A sanitized run has a build folder of its own (build-address, build-thread). A report of any process, also of a service that
the platform started again, fails the run and is printed at its end.""")
    test.add_argument("--suite", action="append", metavar="NAME", help="only this suite; may be given more than once")
    test.add_argument("--sanitize", choices=("address", "thread"), help="build and run everything with these checks compiled in")

    fuzz = command("fuzz", "feed every parser of outside bytes what nobody would send", """\
Builds the targets of tests/fuzz with clang, libFuzzer and the address and undefined-behaviour sanitizers, and lets each
look for inputs that break it, beginning with the golden files and with what earlier runs learned. An input that breaks
one is kept, and the command says how to see it again.

What outside bytes there are, and the target for each:

""" + fuzzing.described() + """

  ./shop fuzz                           every target, 20 s each
  ./shop fuzz rest --seconds 600        one target, for longer
  ./shop fuzz rest --input FILE         one input again""")
    fuzz.add_argument("target", nargs="*", metavar="TARGET", help="a file of tests/fuzz (default: all)")
    fuzz.add_argument("--seconds", type=int, default=20, metavar="N", help="how long each target looks (default 20)")
    fuzz.add_argument("--seed", type=int, metavar="S", help="look the same way again (default: another one every time)")
    fuzz.add_argument("--input", metavar="FILE", help="run one target on this input alone")

    package = command("package", "the actor library as Debian packages", """\
Makes two packages out of subprojects/dapr-actors: the shared library, named after its soname, and libdapr-actors-dev, with
which programs are built; lintian judges them at the end. Installs debhelper and lintian where they are missing. Nothing is
installed of what it makes: it prints how.

  ./shop package                       into build/packages
  ./shop package --check               and runs the library's unit tests on the way, compiled as the packages are
  ./shop package --quick               not optimised: to see whether they can be made
  ./shop package --into DIR --json     for programs

They are for the Debian they are made on. Without ./shop: subprojects/dapr-actors/tools/debian.py. Exits 1 if a package could
not be made, or if lintian has an error, a warning or an information.""")
    package.add_argument("--into", metavar="DIR", help="where the packages go; those of before are removed there (default: build/packages)")
    package.add_argument("--check", action="store_true", help="run the library's unit tests on the way; takes several times as long")
    package.add_argument("--quick", action="store_true", help="not optimised")
    package.add_argument("--json", action="store_true", help="what was made, as one JSON object")

    docs = command("docs", "the actor library's pages and reference", """\
Makes one site of the library's Markdown pages, its examples and the comments of its public headers, with Doxygen, which it
installs where it is missing. Takes seconds. Exits 1 if Doxygen warns of something or a link leads nowhere, and names it.

  ./shop docs                       into build/docs, and says what to open
  ./shop docs --into DIR --json     for programs

The shop's own REST and event reference is not in it: the running shop shows that at /docs.""")
    docs.add_argument("--into", metavar="DIR", help="where the site goes; what is there is replaced (default: build/docs)")
    docs.add_argument("--json", action="store_true", help="where it is, as one JSON object")

    command("python", "the tools' own Python interpreter", "Runs the interpreter that has the tools' packages, as the system tests do.")
    return top


def _starting(command: argparse.ArgumentParser) -> None:
    command.add_argument("--broker", choices=("aws", "redis"), help="what carries the events (default: as it ran last, at first aws)")
    command.add_argument("--replicas", type=int, choices=range(1, facts.most_replicas() + 1), metavar="N",
                         help=f"how many of each service, 1 to {facts.most_replicas()} (default: as many as ran last, at first 1)")
    command.add_argument("--fresh", action="store_true", help="forget all data first")
    command.add_argument("--trace", nargs="?", const="log", metavar="URL",
                         help="export spans: to the sidecars' logs, or to a Zipkin collector at URL")
    command.add_argument("--port-offset", metavar="N", help="add N to every port, or `auto` to find free ones; with its own --state-dir")
    command.add_argument("--no-build", action="store_true", help="take the services as they were built last")


def _count(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 1_000_000:
        raise argparse.ArgumentTypeError("a whole number from 1 on")
    return int(text)


# Commands that may install and build; the others only look at what is there.
SETS_UP = {"up", "demo", "test", "fuzz", "chaos", "package", "docs", "python"}


def main(arguments: list[str]) -> int:
    options = parser().parse_args(arguments[:1] if arguments[:1] == ["python"] else arguments)
    # argparse would take the interpreter's own options for ours.
    options.arguments = arguments[1:]
    try:
        _enter_venv(options.command, arguments)
        return _dispatch(options)
    except ShopError as error:
        fail(str(error))
        return 1
    except KeyboardInterrupt:
        fail("interrupted")
        return 130
    except BrokenPipeError:
        # The reader of our output, `head` perhaps, has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _enter_venv(command: str, arguments: list[str]) -> None:
    """Goes on in the tools' own interpreter, which is set up first where the command may do that."""
    if os.environ.get("SHOP_VENV") == sys.prefix:
        return
    python = existing_python()
    if command in SETS_UP:
        with Progress() as progress:
            python = python_of_tools(progress)
    elif python is None:
        raise ShopError("nothing is set up here yet: ./shop up does that")
    os.environ["SHOP_VENV"] = str(Path(python).parent.parent)
    os.execv(python, [str(python), "-m", "shop", *arguments])


def _dispatch(options: argparse.Namespace) -> int:
    from . import commands

    workspace = Workspace(state_folder(options.state_dir), build_folder())
    # `import` is a word of Python's own.
    return getattr(commands, {"import": "import_"}.get(options.command, options.command))(workspace, options)
