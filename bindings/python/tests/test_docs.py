"""`help` says what the stub says, and the examples in the documentation run."""

import ast
import inspect
import pathlib
import re
import subprocess
import sys

import lq_infer
import pytest
from lq_infer import _lq_infer

HERE = pathlib.Path(__file__).parents[1]


def documented():
    """The docstrings of the stub, by qualified name."""
    stub = ast.parse((pathlib.Path(lq_infer.__file__).parent / "_lq_infer.pyi").read_text(encoding="utf-8"))
    for node in stub.body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            yield node.name, ast.get_docstring(node)
        if isinstance(node, ast.ClassDef):
            for member in node.body:
                if isinstance(member, ast.FunctionDef) and member.name != "__new__":
                    yield f"{node.name}.{member.name}", ast.get_docstring(member)


@pytest.mark.parametrize(("name", "text"), list(documented()))
def test_help_says_what_the_stub_says(name, text):
    found = _lq_infer
    for part in name.split("."):
        found = getattr(found, part)
    # Lines may be broken elsewhere.
    words = (inspect.getdoc(found) or "").split()
    assert words and words == (text or "").split()


def test_deadlines_are_os_errors():
    # As the documentation says, with the order of `except` that follows.
    assert issubclass(lq_infer.DeadlineError, OSError)
    assert "OSError" in inspect.getdoc(lq_infer.DeadlineError)


def readme_examples():
    blocks = re.findall(r"```python\n(.*?)```", (HERE / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    # Training is that of test_torch.py.
    return [block for block in blocks if "lq_infer.torch" not in block]


def test_the_readme_has_examples():
    assert len(readme_examples()) >= 2


@pytest.mark.parametrize("program", readme_examples())
def test_examples_of_the_readme_run(program):
    subprocess.run([sys.executable, "-c", program], cwd=HERE, check=True)


def test_a_folder_of_pictures_is_labelled(tmp_path, ship, net):
    Image = pytest.importorskip("PIL.Image")
    names = [f"{n:03}.png" for n in range(70)]
    for n, name in enumerate(names):
        Image.open(ship).rotate(5 * n).save(tmp_path / name)
    program = [sys.executable, HERE / "examples" / "folder.py", tmp_path]
    lines = subprocess.run(program, capture_output=True, text=True, check=True).stdout.splitlines()
    expected = [(name, net.classify(tmp_path / name, top_k=1).top[0]) for name in names]
    assert lines == [f"{name}: {best.label} ({best.probability:.1%})" for name, best in expected]
    (tmp_path / "notes.txt").write_text("no picture")
    failed = subprocess.run(program, capture_output=True, text=True)
    assert failed.returncode != 0 and "notes.txt" in failed.stderr
