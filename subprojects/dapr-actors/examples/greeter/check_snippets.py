"""Every C++ block of the pages stands word for word (indentation aside) in one of the compiled files.

    check_snippets.py DOCS -- SOURCE…      every page of the folder DOCS"""
import re
import sys
from pathlib import Path


def normal(text: str) -> str:
    return "\n".join(line.strip() for line in text.strip().splitlines())


# A page of tables.
WITHOUT_CODE = {"features.md"}

docs, border, *sources = sys.argv[1:]
pages = sorted(Path(docs).glob("*.md"))
if border != "--" or not pages:
    sys.exit(__doc__)
compiled = [normal(Path(source).read_text()) for source in sources]
failed = False
for page in pages:
    blocks = re.findall(r"```cpp\n(.*?)```", page.read_text(), re.S)
    if not blocks and page.name not in WITHOUT_CODE:
        print(f"{page.name} has no C++ block", file=sys.stderr)
        failed = True
    for block in blocks:
        if not any(normal(block) in source for source in compiled):
            print(f"{page.name}: not in the compiled code:\n{block}", file=sys.stderr)
            failed = True
sys.exit(failed)
