"""Every C++ block of the guide stands word for word (indentation aside) in one of the compiled files."""
import re
import sys
from pathlib import Path


def normal(text: str) -> str:
    return "\n".join(line.strip() for line in text.strip().splitlines())


guide, *sources = (Path(argument).read_text() for argument in sys.argv[1:])
blocks = re.findall(r"```cpp\n(.*?)```", guide, re.S)
if not blocks:
    sys.exit("the guide has no C++ block")
compiled = [normal(source) for source in sources]
missing = [block for block in blocks if not any(normal(block) in source for source in compiled)]
for block in missing:
    print(f"not in the compiled code:\n{block}", file=sys.stderr)
sys.exit(bool(missing))
