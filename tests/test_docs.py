"""What the documentation names is there."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
STEPS = re.findall(r"`([\w/]+\.py):(\w+)`", (ROOT / "docs" / "architecture.md").read_text())
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("*/README.md")]
# Decisions tell of their day, the change log of its version.
PRESENT = [p for p in PAGES if "decisions" not in p.parts and p.name != "CHANGELOG.md"]


@pytest.mark.parametrize(("file", "name"), STEPS)
def test_each_step_of_the_walks_is_a_function_or_class(file, name):
    tree = ast.parse((ROOT / file).read_text())
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    assert name in {node.name for node in ast.walk(tree) if isinstance(node, kinds)}


def test_the_walks_have_steps():
    assert len(STEPS) > 25


@pytest.mark.parametrize("page", PRESENT, ids=lambda page: str(page.relative_to(ROOT)))
def test_files_that_pages_name_are_there(page):
    named = re.findall(
        r"`((?:db|readout|software_triggers|api|ops|docs|web|fpga)/[\w/.-]*)`", page.read_text()
    )
    assert not [name for name in named if not (ROOT / name).exists()]


def test_each_decision_has_a_number_of_its_own():
    numbers = [page.name[:4] for page in (ROOT / "docs" / "decisions").glob("*.md")]
    assert sorted(set(numbers)) == sorted(numbers)
