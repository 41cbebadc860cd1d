"""The packages are named alike for pip, for conda and in the lock."""

import re
import tomllib

import yaml
from conftest import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCK = (ROOT / "requirements.lock").read_text()


def name_of(requirement):
    return re.match(r"[A-Za-z0-9_.-]+", requirement)[0].lower().replace("_", "-")


def test_environment_names_the_same_packages():
    dependencies = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    from_pip = next(each["pip"] for each in dependencies if isinstance(each, dict))
    assert sorted(from_pip) == sorted(PROJECT["dependencies"] + PROJECT["optional-dependencies"]["real"])
    assert f"python{PROJECT['requires-python']}" in dependencies


def test_lock_holds_every_package_with_hashes_and_no_address():
    locked = dict(re.findall(r"^([a-z0-9.-]+)==(\S+)", LOCK, flags=re.M))
    extras = PROJECT["optional-dependencies"]
    wanted = PROJECT["dependencies"] + extras["real"] + extras["dev"]
    assert {name_of(requirement) for requirement in wanted} <= set(locked)
    assert len(re.findall(r"^[a-z0-9.-]+==\S+.*\\$", LOCK, flags=re.M)) == len(
        re.findall(r"^[a-z0-9.-]+==", LOCK, flags=re.M)
    )
    assert "://" not in LOCK
    assert "--index" not in LOCK


def test_lock_of_the_engines_agrees_with_the_other():
    more = (ROOT / "requirements-engines.lock").read_text()
    locked, all_of_them = (dict(re.findall(r"^([a-z0-9.-]+)==(\S+)", text, flags=re.M)) for text in (LOCK, more))
    for extra in ("postgres", "polars", "spark"):
        for requirement in PROJECT["optional-dependencies"][extra]:
            assert name_of(requirement) in all_of_them
            assert name_of(requirement) not in locked, "a newcomer does not wait for it"
    assert all(all_of_them[name] == locked[name] for name in set(locked) & set(all_of_them))
    assert "://" not in more


def test_lock_keeps_the_pins():
    for requirement in PROJECT["dependencies"]:
        pin = re.search(r"==([\d.]+)$", requirement)
        if pin:
            assert f"{name_of(requirement)}=={pin[1]}" in LOCK


def test_every_dependency_has_a_line_of_reason_in_the_readme():
    readme = (ROOT / "README.md").read_text()
    table = readme[readme.index("## Dependencies") :]
    extras = PROJECT["optional-dependencies"]
    for requirement in [*PROJECT["dependencies"], *(each for name in extras for each in extras[name])]:
        assert f"`{name_of(requirement)}`" in table, f"{requirement} has no reason"
