"""What the README says can be typed as it stands there."""

import re

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from sklearn.datasets import make_blobs
from sklearn.mixture import GaussianMixture

README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize("as_frame", [False, True])
def test_single_parts_work_in_a_foreign_notebook(as_frame):
    X, _ = make_blobs(300, centers=[[0, 0], [9, 0], [0, 9]], random_state=0)
    names = np.array(["north", "south", "west"])[GaussianMixture(3, random_state=0).fit_predict(X)]
    X, names = (pd.DataFrame(X, columns=["a", "b"], index=range(7, 307)), pd.Series(names)) if as_frame else (X, names)
    block = re.search(r"## Single parts.*?```python\n(.*?)```", README, re.S)[1]
    *first, decided, stable = [line for line in block.splitlines() if line]
    given = {"X": X, "labels": names}
    exec("\n".join(first), given)
    assert eval(decided.split("#")[0], given).k == 3
    found = eval(stable.split("#")[0], given)
    assert sorted(found["segment"]) == ["north", "south", "west"]
    assert (found["light"] == "highly stable").all()


def test_every_command_of_the_makefile_is_there():
    made = re.findall(r"`make ([a-z-]+)`", README) + re.findall(r"^make ([a-z-]+)", README, re.M)
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    assert set(made) <= targets
