"""Writes the C++ source that compiles a service's OpenAPI document into it; see openapi.hpp."""

import json
import pathlib
import sys

PIECE = 8000  # a compiler may refuse longer literals


def main(source: str, target: str) -> None:
    text = pathlib.Path(source).read_text(encoding="utf-8")
    document = json.loads(text)
    if not str(document.get("openapi", "")).startswith("3.1"):
        sys.exit(f"{source}: is not an OpenAPI 3.1 document")
    compact = json.dumps(document, ensure_ascii=True, separators=(",", ":"))
    pieces = "\n".join(f'R"~~({compact[i:i + PIECE]})~~"' for i in range(0, len(compact), PIECE))
    pathlib.Path(target).write_text(
        '#include "services/common/openapi.hpp"\n\n'
        f"namespace shop::services {{\nconst std::string_view openapi_document =\n{pieces};\n}}\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
