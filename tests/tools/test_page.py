"""When the page is built anew, with what, and how it gets to where nginx reads it."""

import os
import shutil

import pytest
from shop import facts, packages, page, render
from shop.workspace import ShopError, Workspace


@pytest.fixture
def workspace(tmp_path) -> Workspace:
    made = Workspace(tmp_path / "state", tmp_path / "build")
    made.page.parent.mkdir(parents=True)
    yield made
    if os.geteuid() == 0:
        shutil.rmtree(made.gateway)


def built(workspace: Workspace, mark: str, **files: str) -> None:
    folder = page.built(workspace)
    (folder / "assets").mkdir(parents=True, exist_ok=True)
    for name, text in {"index.html": f"of {mark}", page.MARK: mark, **files}.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o600)


def test_what_the_page_is_built_from_is_its_sources_and_what_the_services_say_of_themselves():
    found = {str(path.relative_to(page.ROOT)) for path in page.files()}
    assert {f"services/{app.short}/openapi.json" for app in facts.apps()} <= found
    assert {"docs/asyncapi.json", *(f"docs/events/{kind}.json" for kind in facts.load()["events"])} <= found
    assert {"services/storefront/package-lock.json", "services/storefront/src/main.tsx", "services/storefront/index.html"} <= found
    assert not any("node_modules" in path or "generated" in path for path in found)


def test_a_page_that_nobody_built_is_not_published(workspace):
    assert page.publish(workspace) is None


@pytest.fixture
def private_files():
    """As where everything is kept from others at first."""
    before = os.umask(0o077)
    yield
    os.umask(before)


def test_a_page_lies_where_anybody_may_read_it_and_the_files_of_the_last_one_stay(workspace, private_files):
    built(workspace, "1", **{"assets/a-1.js": "one"})
    assert page.publish(workspace) == workspace.page
    built(workspace, "2", **{"assets/a-2.js": "two"})
    page.publish(workspace)
    assert (workspace.page / "index.html").read_text() == "of 2"
    assert {path.name for path in (workspace.page / "assets").iterdir()} == {"a-1.js", "a-2.js"}
    assert all(path.stat().st_mode & 0o004 for path in workspace.page.rglob("*"))


@pytest.mark.parametrize("says, found", [("v16.20.2", "16.20.2"), ("v18.12.1", "18.12.1"), ("", "of no version")])
def test_a_node_that_is_too_old_is_refused(monkeypatch, tmp_path, says, found):
    for name in ("node", "npm"):
        (tmp_path / name).write_text(f"#!/bin/sh\necho '{says}'\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(ShopError, match=found):
        page.require_node()


def test_a_missing_node_is_said_outright(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ShopError, match="apt-get install nodejs npm"):
        page.require_node()


def test_a_node_that_came_without_its_package_is_not_installed_again(monkeypatch, tmp_path):
    for name in ("node", "npm"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert not {"nodejs", "npm"} & set(packages.missing())


def test_every_list_of_packages_is_there():
    assert {"nodejs", "npm", "nginx-light"} <= set(packages.wanted(packages.ALWAYS))
    assert "chromium" in packages.wanted(packages.BROWSER)


def test_without_a_page_the_gateway_has_nothing_there(workspace):
    workspace.generated.mkdir(parents=True)
    render.write_gateway(workspace, 1)
    assert "/.page" not in render.gateway_file(workspace).read_text()
    render.write_gateway(workspace, 1, page_files=workspace.page)
    assert f'alias "{workspace.page}/index.html"' in render.gateway_file(workspace).read_text()
