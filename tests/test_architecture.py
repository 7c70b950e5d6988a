"""What holds for the source as a whole, so that every part is found where the next reader looks."""

from __future__ import annotations

import ast
import functools
import importlib.util
import io
import os
import re
import shutil
import subprocess
import sys
import tokenize
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import pytest
import torch

import keras_ae
from tests.contract.every import EVERY

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "keras_ae"
MODULES = sorted(PACKAGE.rglob("*.py"))
VARIANTS = [p for p in MODULES if p.parent.parent.name == "models" and p.name != "__init__.py"]

# Modules without a test module of their own, and what tests them instead.
TESTED_ELSEWHERE: dict[str, str] = {
    "bottlenecks/bottleneck.py": "every bottleneck's test",
    "bottlenecks/diagonal_gaussian.py": "bottlenecks/test_gaussian.py, test_experts.py",
    "bottlenecks/dynamics.py": "bottlenecks/test_hamiltonian.py, test_riemannian_hamiltonian.py",
    **{
        f"bottlenecks/{name}.py": "bottlenecks/test_posterior.py, and test_temperature.py"
        for name in ("binary", "categorical", "hyperbolic", "hyperspherical")
    },
    **{
        f"estimators/{name}.py": "estimators/test_schema.py: tables as numbers and again"
        for name in ("columns", "frames")
    },
    "estimators/alike.py": "oracles/test_anomaly_scores.py, estimators/test_embedder.py",
    "estimators/catalogue.py": "estimators/test_archive.py",
    "estimators/single_model.py": "estimators/test_embedder.py",
    "cli/table_fits.py": "cli/test_tables.py",
    **{
        f"estimators/{name}.py": "estimators/test_anomaly_detector.py"
        for name in ("explanations", "scoring")
    },
    "estimators/own_model.py": "estimators/test_training.py: a Keras model from rows to rows",
    **{
        f"estimators/scores/{name}.py": "oracles/test_anomaly_scores.py"
        for name in (
            "combined",
            "features",
            "likelihood",
            "mahalanobis",
            "neighbours",
            "reconstruction",
            "score",
            "scored_model",
        )
    },
    "objectives/matching.py": "the tests of the three terms that take draws of the prior",
    "priors/conditional.py": "priors/test_conditional_normal.py, priors/test_class_normals.py",
    "priors/source.py": "priors/test_prior.py, samplers/test_sampler.py",
    **{
        f"priors/{name}.py": "priors/test_prior.py: its density, its draws"
        for name in ("bernoulli", "categorical", "flow", "hyperspherical_uniform", "wrapped_normal")
    },
    "priors/two_level_vamp.py": "priors/test_vamp.py",
    "priors/pseudo_inputs.py": "priors/test_vamp.py",
    **{
        f"samplers/{name}.py": "samplers/test_sampler.py and test_gaussian_mixture.py"
        for name in ("aggregated_posterior", "flow")
    },
    **{
        f"distributions/{name}.py": "the tests of the two distributions on the sphere"
        for name in ("axial", "bessel", "rejection")
    },
    "flows/coupling.py": "the tests of the two couplings",
    "flows/parameter.py": "flows/test_flow.py, with and without a context",
    "flows/scalars.py": "flows/test_planar.py and flows/test_sylvester.py",
    "likelihoods/counts.py": "the tests of the three likelihoods of counts",
    "likelihoods/logistic_bins.py": "the tests of the two discretised logistics",
    "likelihoods/named.py": "likelihoods/test_likelihood.py, through every name",
    "likelihoods/scale.py": "the tests of the likelihoods with a learned scale",
    "sampling.py": "samplers/test_sampler.py, test_inference.py",
    "walks.py": "test_inference.py",
    "views.py": "backend/compiled/rowwise/test_rowwise.py, test_inference.py",
    "backend/compiled/rowwise/functions.py": "test_bounds.py, whose functions are no methods",
    "metrics/decomposition.py": "test_bounds.py, by the method that makes it",
    "conditioning.py": "conditions/test_conditions.py",
    "modalities.py": "objectives/test_modal_bound.py, networks/test_modal.py",
    "grouping.py": "bottlenecks/test_grouped_gaussian.py, by models of groups",
    "normalized.py": "test_inputs.py, bottlenecks/test_grouped_gaussian.py",
    "posterior_draws.py": "test_bounds.py, test_imputation.py",
    "conditions/condition.py": "conditions/test_conditions.py and every condition's test",
    "corruptions/corruption.py": "every corruption's test",
    "callbacks/stop_on_non_finite.py": "test_fitting.py, which needs a training that diverges",
    "typing.py": "holds names of types only",
    "__init__.py": "test_importing_the_package_is_quick_and_loads_nothing_heavy, here",
    **{
        f"backend/compiled/{name}.py": "backend/compiled/test_compiled.py, on its own backend"
        for name in ("on_jax", "on_tensorflow", "on_torch", "rows")
    },
    **{
        f"backend/compiled/rowwise/{name}.py": "backend/compiled/rowwise/test_rowwise.py, likewise"
        for name in ("on_jax", "on_tensorflow", "on_torch")
    },
    "exporting/formats/__init__.py": "exporting/formats/test_formats.py",
    "serving/errors.py": "serving/test_client.py, which raises them",
    "serving/served.py": "serving/test_engine.py, through the server",
    "serving/protocols/__init__.py": "serving/test_client.py, through the client",
    "serving/protocols/grpc.py": "likewise, and serving/test_engine.py",
    "serving/protocols/rest.py": "likewise",
    "exporting/child.py": "exporting/test_exporting.py, through the processes that it runs",
    "exporting/facts.py": "repository/test_card.py, in which they are written and read",
    "exporting/worker.py": "exporting/test_exporting.py: it is those processes",
    **dict.fromkeys(
        [
            f"cli/{name}.py"
            for name in (
                *("__main__", "about", "commands", "drawing", "errors", "groups", "index"),
                *(
                    "likelihood",
                    "outcome",
                    "pictures",
                    "rows",
                    "serve",
                    "session",
                    "settings",
                    "training",
                    "verbs",
                ),
            )
        ],
        "cli/test_main.py, which runs the whole command",
    ),
}

# On torch a layer is a torch module: what bears one of these names replaces torch's own.
TORCH_NAMES = {"training", *(n for n in vars(torch.nn.Module) if not n.startswith("__"))}

# What no backend decides is tested once.
once = pytest.mark.skipif(
    keras.backend.backend() != "jax", reason="is the same on every backend: tested with jax"
)


def relative(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def docstring_lines(tree: ast.AST) -> set[int]:
    """Return the lines that docstrings take, those of attributes included."""
    return {
        line
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }


@functools.cache
def lines_of_code(path: Path) -> frozenset[int]:
    """Return the numbers of the lines that hold code: no blank ones, comments or docstrings."""
    text = path.read_text()
    silent = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
    lines = {
        line
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type not in (*silent, tokenize.ENDMARKER)
        for line in range(token.start[0], token.end[0] + 1)
    }
    return frozenset(lines - docstring_lines(ast.parse(text)))


def nodes(kind: type | tuple[type, ...]) -> Iterator[tuple[Path, Any]]:
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, kind):
                yield path, node


def settings(tool: str) -> Any:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"][tool]


def load_tool(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    if spec is None or spec.loader is None:
        raise FileNotFoundError(name)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(*command: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the project in which something may be planted."""
    for name in ("keras_ae", "tools", "docs", "tests"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path / "pyproject.toml")
    return tmp_path


# Where things are.


def test_every_module_has_its_test_module() -> None:
    missing = []
    for path in MODULES:
        where = path.parent.relative_to(PACKAGE)
        mirror = ROOT / "tests" / where / f"test_{path.stem}.py"
        if path.name == "__init__.py":  # pure unless it defines more than `get`
            defined = [
                node.name
                for node in ast.parse(path.read_text()).body
                if isinstance(node, (ast.FunctionDef, ast.ClassDef))
            ]
            if not set(defined) - {"get"}:
                continue
            mirror = mirror.with_name(f"test_{path.parent.name}.py")
        if path not in VARIANTS and relative(path) not in TESTED_ELSEWHERE and not mirror.is_file():
            missing.append(f"{relative(path)} -> {mirror.relative_to(ROOT)}")
    assert not missing, "\n".join(missing)


def test_every_exception_from_the_mirror_is_needed() -> None:
    for name in TESTED_ELSEWHERE:
        path = PACKAGE / name
        assert path.is_file()
        assert not (ROOT / "tests" / Path(name).with_name(f"test_{path.stem}.py")).exists()


def test_every_test_module_mirrors_a_module() -> None:
    beside = {"contract", "compatibility", "examples", "fuzz", "oracles"}
    beside |= {
        f"test_{name}.py"
        for name in ("architecture", "bounded_memory", "deploy", "packaging", "reproduce")
    }
    strays = []
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        where = path.relative_to(ROOT / "tests")
        if where.parts[0] in beside:
            continue
        name = path.stem.removeprefix("test_")
        folder = PACKAGE / where.parent
        if not ((folder / f"{name}.py").is_file() or folder.name == name):
            strays.append(where.as_posix())
    assert not strays


@pytest.mark.parametrize("path", VARIANTS, ids=lambda path: path.stem)
def test_a_variants_class_is_named_as_its_file(path: Path) -> None:
    classes = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.ClassDef)]
    assert [cls.name.lower() for cls in classes] == [path.stem.replace("_", "")]


def test_every_variant_file_is_registered() -> None:
    assert keras_ae.list_variants() == sorted(path.stem for path in VARIANTS)


def test_every_variant_has_one_row_in_the_contract() -> None:
    assert sorted(case.name for case in EVERY) == keras_ae.list_variants()


# How things are written.


def names_of_class(cls: ast.ClassDef) -> Iterator[str]:
    """Yield the names of a class's methods and attributes; none of a record or a module of torch's.

    The one is no layer; the other has torch's names by right.
    """
    records = ("NamedTuple", "dataclass", "torch.nn.Module")
    if any(
        word in ast.unparse(node) for node in cls.bases + cls.decorator_list for word in records
    ):
        return
    for node in cls.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name
        else:
            inner = (n for n in ast.walk(node) if isinstance(n, ast.Name))
            yield from (n.id for n in inner if isinstance(n.ctx, ast.Store))


def test_a_classs_names_are_those_of_its_methods_and_attributes() -> None:
    body = "class A:\n    half = 3\n    type: str = 'x'\n    def cpu(self): name = 1\n"
    first, second = ast.parse(f"{body}@dataclass\n{body}").body
    assert isinstance(first, ast.ClassDef)
    assert isinstance(second, ast.ClassDef)
    assert list(names_of_class(first)) == ["half", "type", "cpu"]
    assert list(names_of_class(second)) == []


NO_MODULES = {"keras.optimizers.Optimizer", "torch.autograd.Function"}
"""Bases of classes that are no modules on torch."""


def test_no_class_takes_a_name_of_torchs_modules() -> None:
    taken = [
        f"{relative(path)}: {cls.name}.{name}"
        for path, cls in nodes(ast.ClassDef)
        for name in names_of_class(cls)
        if name in TORCH_NAMES and not NO_MODULES & set(map(ast.unparse, cls.bases))
    ]
    taken += [
        f"{relative(path)}: {ast.unparse(node)}"
        for path, node in nodes(ast.Attribute)
        if isinstance(node.ctx, ast.Store)
        and node.attr in TORCH_NAMES
        and isinstance(node.value, ast.Name)
        and node.value.id == "self"
    ]
    assert not taken


def test_the_library_raises_and_never_asserts() -> None:
    assert not [f"{relative(path)}:{node.lineno}" for path, node in nodes(ast.Assert)]


def test_the_trunk_stays_small() -> None:
    assert len(lines_of_code(PACKAGE / "latent_model.py")) <= 250


def test_files_stay_short() -> None:
    trunk = PACKAGE / "latent_model.py"  # half docstrings; its code has a limit of its own
    long = {relative(p): len(p.read_text().splitlines()) for p in MODULES if p != trunk}
    assert {name: lines for name, lines in long.items() if lines > 300} == {}


def test_functions_stay_short() -> None:
    long = {}
    for path, node in nodes((ast.FunctionDef, ast.AsyncFunctionDef)):
        length = len(lines_of_code(path) & set(range(node.lineno, node.end_lineno + 1)))
        if length > 40:
            long[f"{relative(path)}: {node.name}"] = length
    assert not long


@pytest.mark.parametrize("path", VARIANTS, ids=lambda path: path.stem)
def test_a_variant_only_chooses_parts(path: Path) -> None:
    assert len(lines_of_code(path)) <= 80
    methods = {
        node.name
        for cls in ast.parse(path.read_text()).body
        if isinstance(cls, ast.ClassDef)
        for node in cls.body
        if isinstance(node, ast.FunctionDef)
    }
    assert {name for name in methods if not name.startswith("_")} <= {
        "autoencode",
        "completed",
        "decoded_of",
        "begin",
        "between",
        "finish",
    }


@pytest.mark.parametrize("name", keras_ae.list_variants())
def test_a_variants_docstring_says_what_the_docs_need(name: str) -> None:
    info, text = keras_ae.describe(name), keras_ae.variant_class(name).__doc__ or ""
    assert 0 < len(info.summary) <= 90
    assert info.summary.endswith(".")
    assert re.fullmatch(r".+ \(\d{4}\), https://\S+", info.paper)
    assert "Args:" in text
    assert "Example:" in text


# Who may import whom.


@once
def test_the_import_contracts_hold(copy: Path) -> None:
    done = lint(copy)
    assert done.returncode == 0, done.stdout


@once
@pytest.mark.parametrize(
    ("module", "statement", "broken"),
    [
        ("distributions/event.py", "from keras_ae import priors", "Ranks"),
        ("bottlenecks/gaussian.py", "from keras_ae.objectives import Term", "Ranks"),
        ("likelihoods/gaussian.py", "from keras_ae.priors import StandardNormal", "Ranks"),
        ("networks/mlp.py", "import keras_ae", "Ranks"),
        ("fitting.py", "from keras_ae import exporting", "Ranks"),
        ("objectives/kl.py", "import torch", "Only backend"),
        ("latent_model.py", "import tensorflow as tf", "Only backend"),
        ("models/variational/vae.py", "import jax", "Only backend"),
        (
            "models/variational/beta_vae.py",
            "from keras_ae.models.variational.vae import VAE",
            "No variant",
        ),
        ("models/quantized/vq_vae.py", "from keras_ae.models.sparse import *", "No variant"),
    ],
)
def test_a_planted_import_breaks_its_contract(
    copy: Path, module: str, statement: str, broken: str
) -> None:
    path = copy / "keras_ae" / module
    path.write_text(f"{path.read_text()}\n\n{statement}\n")
    done = lint(copy)
    assert done.returncode == 1
    assert re.search(rf"^{broken}.* BROKEN", done.stdout, re.M), done.stdout


@once
def test_a_new_module_must_be_given_a_rank(copy: Path) -> None:
    (copy / "keras_ae" / "stray.py").write_text('"""Of no rank."""\n')
    done = lint(copy)
    assert done.returncode == 1
    assert "stray" in done.stdout


def test_every_module_is_free_of_frameworks_or_named_as_using_them() -> None:
    contract = next(c for c in settings("importlinter")["contracts"] if c["type"] == "forbidden")
    free = {name.removeprefix("keras_ae.") for name in contract["source_modules"]}
    there = {
        p.stem for p in PACKAGE.iterdir() if p.suffix == ".py" or (p / "__init__.py").is_file()
    }
    assert there - free - {"__init__"} == {"backend", "datasets", "exporting", "serving"}


def test_the_docs_show_the_ranks_as_they_are() -> None:
    contract = next(c for c in settings("importlinter")["contracts"] if c["type"] == "layers")
    ranks = "\n".join(contract["layers"])
    assert f"```\n{ranks}\n```" in (ROOT / "docs" / "architecture.md").read_text()


def lint(project: Path) -> subprocess.CompletedProcess[str]:
    linter = Path(sys.executable).with_name("lint-imports")
    return run(str(linter), "--no-cache", cwd=project, PYTHONPATH=str(project))


# What an import costs.

IMPORTS = """
import sys, time
start = time.thread_time()
import keras
print(time.thread_time() - start)
before, start = set(sys.modules), time.thread_time()  # what a busy machine does not lengthen
import keras_ae
print(time.thread_time() - start)
print(*sorted({name.partition(".")[0] for name in set(sys.modules) - before}))
"""


def test_importing_the_package_is_quick_and_loads_nothing_heavy(tmp_path: Path) -> None:
    compiled = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(tmp_path / "compiled")}
    for _ in range(2):  # the second as it is for who has the package installed
        done = run(sys.executable, "-c", IMPORTS, cwd=tmp_path, PYTHONPATH=str(ROOT), **compiled)
        assert done.returncode == 0, done.stderr
    of_keras, seconds, names = done.stdout.splitlines()[-3:]
    assert float(seconds) < 0.1 * float(of_keras)
    heavy = {"jax", "matplotlib", "pandas", "PIL", "scipy", "sklearn", "tensorflow", "torch"}
    assert not set(names.split()) & heavy


# What is generated.


def test_generated_files_are_fresh(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["sync_variants.py", "--check"])
    assert load_tool("sync_variants").main() == 0, capsys.readouterr().out


def test_a_stale_generated_file_is_named(copy: Path) -> None:
    tool = load_tool("sync_variants")
    path = copy / "docs" / "variants.md"
    text = path.read_text()
    path.write_text(text.replace("`vae`", "`vea`"))
    assert tool.settle({path: text}, True) == [path]
    assert path.read_text() != text


ELEVENTH = '''"""A variant that one file and one row add."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_ae.bottlenecks import Deterministic
from keras_ae.latent_model import LatentModel
from keras_ae.objectives import L1Sparsity, Reconstruction
from keras_ae.registry import variant


@variant(paper="Nobody (2000), https://example.org")
class ShortAutoencoder(LatentModel):
    """Squeezes data through a code of two numbers.

    Args:
        input_shape: Shape of one example, without the batch axis.
        shrink: Weight of the code's length.
        **trunk: See `LatentModel`.

    Example:
        >>> ShortAutoencoder((6,)).latent_shape
        (2,)
    """

    def __init__(self, input_shape: Sequence[int], *, shrink: float = 0.5, **trunk: Any) -> None:
        super().__init__(
            input_shape,
            bottleneck=Deterministic(2),
            objective=[Reconstruction(), L1Sparsity(shrink)],
            **trunk,
        )
'''
ROW = '    Case("short_autoencoder", with_l1(0.5), {"hidden": [8]}),\n]\n'


@pytest.mark.slow
def test_a_new_variant_is_one_file_and_one_row(copy: Path) -> None:
    def texts() -> dict[str, str]:
        files = (p for p in copy.rglob("*") if p.suffix in (".py", ".md", ".json"))
        return {p.relative_to(copy).as_posix(): p.read_text() for p in files}

    (copy / "keras_ae" / "models" / "deterministic" / "short_autoencoder.py").write_text(ELEVENTH)
    rows = copy / "tests" / "contract" / "cases.py"
    rows.write_text(rows.read_text().removesuffix("]\n") + ROW)
    before = texts()
    tool, here = str(copy / "tools" / "sync_variants.py"), {"PYTHONPATH": str(copy)}
    stale = run(sys.executable, tool, "--check", cwd=copy, **here)
    assert stale.returncode == 1
    done = run(sys.executable, tool, cwd=copy, **here)
    assert done.returncode == 0, done.stderr
    after = texts()
    changed = {name for name in after if after[name] != before.get(name)}
    assert changed == {
        "docs/variants.md",
        "keras_ae/cli/index.json",
        "keras_ae/models/__init__.py",
        "keras_ae/models/deterministic/__init__.py",
    }
    assert changed == {
        line.removeprefix("stale: ") for line in stale.stdout.splitlines() if "stale: " in line
    }
    tests = run(
        *(sys.executable, "-m", "pytest", "-q", "tests/contract", "-k", "short_autoencoder"),
        cwd=copy,
        KERAS_AE_ROTATE="",
        **here,
    )
    assert tests.returncode == 0, tests.stdout


def test_every_part_has_a_row_with_its_source() -> None:
    rows = [
        line.split(" | ")
        for line in (ROOT / "docs" / "parts.md").read_text().splitlines()
        if line.startswith("| `")
    ]
    assert len(rows) > 60
    assert [row[0] for row in rows if len(row[-1].strip(" |")) < 8] == []
