"""The architecture as it must stay: arrows, one home for each library, pure plans, small rooms."""

import ast
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import pytest

from tests.bed.paths import REPO

ROOT = REPO / "operator"
PACKAGE = ROOT / "rotated_rds"
LONGEST_MODULE, LONGEST_FUNCTION = 300, 60
# A module that may be longer: its path and why.
LONGER: dict[str, str] = {}
_LOOP = ("handlers.py", "watch.py", "engine.py", "commands/run.py")
HOMES = {
    "asyncio": _LOOP,
    "boto3": ("clients/aws.py",),
    "botocore": ("clients/aws.py",),
    "click": ("__main__.py", "commands/*", "settings.py"),
    "cronsim": ("model/cron.py",),
    "durationpy": ("model/durations.py",),
    "jinja2": ("model/template.py",),
    "kopf": ("handlers.py", "__main__.py", "commands/run.py"),
    "kubernetes": ("clients/apiserver.py", "clients/kubernetes.py"),
    "prometheus_client": ("metrics.py", "health.py", "commands/run.py"),
    "psycopg": ("clients/libpq.py", "clients/wire.py", "clients/postgres*.py"),
    "pydantic": ("model/*",),
    "pymysql": ("clients/line.py", "clients/mysql*.py"),
    "pythonjsonlogger": ("commands/logs.py",),
    "urllib3": ("clients/apiserver.py",),
    "yaml": ("settings.py", "commands/policy.py"),
}
OUTSIDE = {"asyncio", "http", "logging", "os", "pathlib", "select", "socket", "ssl", "subprocess", "tempfile", "time", "urllib.request"}


@cache
def rooms() -> dict[str, ast.Module]:
    """Every module by its path inside the package."""
    return {path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text()) for path in sorted(PACKAGE.rglob("*.py"))}


def imports(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """(module, name) of every import, wherever in the file it stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from ((node.module, alias.name) for alias in node.names)


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def at_home(room: str, homes: tuple[str, ...]) -> bool:
    return any(fnmatch(room, home) for home in homes)


def plans() -> dict[str, ast.FunctionDef | ast.AsyncFunctionDef]:
    found = ((room, one) for room, tree in rooms().items() for one in functions(tree))
    return {f"{room}:{one.name}": one for room, one in found if one.name.lstrip("_").startswith("plan")}


def names(node: ast.AST) -> set[str]:
    """Every name in an annotation, also where it is written as text."""
    texts = [one.value for one in ast.walk(node) if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    quoted = {name for text in texts for name in names(ast.parse(text, mode="eval"))}
    return quoted | {
        one.id if isinstance(one, ast.Name) else one.attr for one in ast.walk(node) if isinstance(one, ast.Name | ast.Attribute)
    }


def test_the_arrows_of_pyproject_hold() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [linter, "--no-cache"], cwd=REPO, env={"PYTHONPATH": str(ROOT), "PATH": ""}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("library", [name for name in HOMES if name != "pydantic"])
def test_a_library_is_imported_only_at_its_home(library: str) -> None:
    guests = [room for room, tree in rooms().items() for module, _ in imports(tree) if module.partition(".")[0] == library]
    assert [room for room in guests if not at_home(room, HOMES[library])] == []


def test_outside_the_model_only_the_hidden_text_comes_from_pydantic() -> None:
    named = {(room, name) for room, tree in rooms().items() for module, name in imports(tree) if module.partition(".")[0] == "pydantic"}
    assert sorted(room for room, name in named if name != "SecretStr" and not at_home(room, HOMES["pydantic"])) == []


def test_every_foreign_library_has_a_home() -> None:
    tops = {module.partition(".")[0] for tree in rooms().values() for module, _ in imports(tree)}
    assert tops - sys.stdlib_module_names - {"rotated_rds"} <= set(HOMES)


def test_the_model_touches_nothing_outside() -> None:
    named = {(room, module) for room, tree in rooms().items() if room.startswith("model/") for module, _ in imports(tree)}
    assert sorted((room, module) for room, module in named if module in OUTSIDE or module.partition(".")[0] in OUTSIDE) == []


def test_only_the_rooms_of_the_loop_are_asynchronous() -> None:
    kinds = ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith
    waiting = [room for room, tree in rooms().items() if any(isinstance(node, kinds) for node in ast.walk(tree))]
    assert [room for room in waiting if room not in _LOOP] == []


@pytest.mark.parametrize("name", plans())
def test_a_plan_cannot_reach_the_world(name: str) -> None:
    arguments = plans()[name].args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    taken = {word for one in every if one and one.annotation for word in names(one.annotation)}
    assert taken & {"World", "Pass"} == set()


def test_the_source_root_is_no_package() -> None:
    assert not (ROOT / "__init__.py").exists()


def test_operator_is_the_standard_library_s() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import operator; print(operator.__file__)"],
        cwd=REPO,
        env={"PYTHONPATH": f"{ROOT}:{REPO}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(done.stdout.strip()).parent == Path(sysconfig.get_path("stdlib"))


def test_a_module_fits_on_a_few_screens_or_says_why_not() -> None:
    sizes = {room: len((PACKAGE / room).read_text().splitlines()) for room in rooms()}
    assert {room: size for room, size in sizes.items() if size > LONGEST_MODULE and room not in LONGER} == {}
    assert [room for room in LONGER if sizes.get(room, 0) <= LONGEST_MODULE] == []


def test_a_function_fits_on_one_screen() -> None:
    sizes = {f"{room}:{one.name}": (one.end_lineno or 0) - one.lineno + 1 for room, tree in rooms().items() for one in functions(tree)}
    assert {name: size for name, size in sizes.items() if size > LONGEST_FUNCTION} == {}


@pytest.mark.parametrize("room", rooms())
def test_a_module_says_first_what_it_is_for(room: str) -> None:
    assert ast.get_docstring(rooms()[room])
