"""What is shipped: the wheel, the sdist, and what they say of themselves."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import keras
import pytest
import yaml

import keras_ae

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
BACKENDS = {"jax": "jax", "tensorflow": "tensorflow-cpu", "torch": "torch"}

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "jax", reason="is the same on every backend: tested with jax"
)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that holds the sdist, and the wheel made from it."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT))
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    return next(built.glob("*.whl"))


@pytest.fixture(scope="module")
def sdist(built: Path) -> set[str]:
    """The names in the sdist, without the folder around them."""
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        return {name.partition("/")[2] for name in archive.getnames()}


def run(*command: str, cwd: Path = ROOT, **environment: str) -> str:
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def sources(suffixes: tuple[str, ...]) -> set[str]:
    found = (p for p in (ROOT / "keras_ae").rglob("*") if p.suffix in suffixes)
    return {p.relative_to(ROOT).as_posix() for p in found}


def test_the_wheel_holds_the_whole_package_and_nothing_else(wheel: Path) -> None:
    inside = {name for name in names(wheel) if ".dist-info/" not in name}
    assert inside == sources((".py", ".json", ".typed"))
    assert {"keras_ae/py.typed", "keras_ae/cli/index.json"} <= inside


def test_the_wheel_carries_its_licence(wheel: Path) -> None:
    assert any(name.endswith("licenses/LICENSE") for name in names(wheel))


def test_the_sdist_holds_what_the_tests_need(sdist: set[str]) -> None:
    needed = {"Makefile", "constraints.txt", "pyproject.toml", "README.md", "CHANGELOG.md"}
    needed |= {"tools/sync_variants.py", "docs/variants.md", "tests/contract/cases.py"}
    needed |= {"saved_models/models.config", "saved_models/digits_vae/1/saved_model.pb"}
    needed |= {"benchmarks/reproduce/report.py"}
    assert needed | sources((".py", ".json", ".typed")) <= sdist


def test_the_sdist_leaves_out_what_training_writes(sdist: set[str]) -> None:
    assert not {name.partition("/")[0] for name in sdist} & {"runs", ".venv"}
    versions = {"/".join(n.split("/")[1:3]) for n in sdist if n.endswith("saved_model.pb")}
    assert versions == {"digits_vae/1", "digits_vae/2"}


def test_an_installed_wheel_runs(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    pip = (sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "-q")
    run(*pip, "--disable-pip-version-check", "--target", str(site), str(wheel))
    command = str(site / "bin" / "keras-ae")
    listed = run(sys.executable, command, "list", cwd=tmp_path, PYTHONPATH=str(site))
    assert {line.split()[0] for line in listed.splitlines()} == set(keras_ae.list_variants())
    where = run(
        *(sys.executable, "-c", "import keras_ae; print(keras_ae.__file__)"),
        cwd=tmp_path,
        PYTHONPATH=str(site),
    )
    assert Path(where.strip()).parent == site / "keras_ae"


def test_the_version_is_the_same_everywhere() -> None:
    citation: dict[str, Any] = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    changes = (ROOT / "CHANGELOG.md").read_text()
    released = re.search(r"^## \[(\d+\.\d+\.\d+)\]", changes, re.M)
    assert keras_ae.__version__ == PROJECT["version"] == citation["version"]
    assert released is not None
    assert released[1] == PROJECT["version"]


def test_every_direct_dependency_is_pinned() -> None:
    pins = {
        line.partition("==")[0].lower()
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if not line.startswith("#")
    }
    extras = [item for group in PROJECT["optional-dependencies"].values() for item in group]
    direct = {
        re.split(r"[\[<>=;\s]", item)[0].lower() for item in [*PROJECT["dependencies"], *extras]
    }
    assert direct - {"keras-ae"} <= pins


def test_a_backend_is_one_extra_away() -> None:
    extras = PROJECT["optional-dependencies"]
    for extra in BACKENDS.values():
        assert re.split(r"[<>=]", extras[extra][0])[0] == extra
    base = {re.split(r"[<>=]", item)[0] for item in PROJECT["dependencies"]}
    assert not base & {*BACKENDS, *BACKENDS.values()}


def test_the_demo_installs_one_backend_only() -> None:
    makefile = (ROOT / "Makefile").read_text()
    recipe = re.search(r"^\.venv/demo:.*\n((?:\t.*\n)+)", makefile, re.M)
    assert recipe is not None
    assert re.findall(r"\.\[(.*?)\]", recipe[1]) == ["tensorflow-cpu"]
