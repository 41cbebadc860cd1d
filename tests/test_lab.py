"""The notebooks in JupyterLab, in a real browser: each runs from top to bottom, and the panels follow their sliders."""

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import ipywidgets
import matplotlib.pyplot as plt
import nbformat
import pytest
from conftest import ROOT, clean_environment, with_fewer_draws
from engines import free_port

from segnb.notebook.copies import copy_notebooks
from segnb.notebook.panels import Panel
from segnb.paths import STEPS, notebook_path
from segnb.runs.kernels import LEARNERS

TOKEN = "of-the-tests"
NOTEBOOKS = [notebook_path(step).name for step in STEPS]


class Lab:
    """A JupyterLab server of the tests' own, on loopback, in a folder of its own."""

    def __init__(self, folder):
        self.project = folder / "project"
        for name in ("notebooks", "data"):
            shutil.copytree(ROOT / name, self.project / name)
        copy_notebooks(self.project / "outputs" / "lab", LEARNERS)
        for path in (self.project / "outputs" / "lab").glob("*.ipynb"):
            notebook = nbformat.read(path, as_version=4)
            with_fewer_draws(notebook)
            nbformat.write(notebook, path)
        self.address = f"http://127.0.0.1:{free_port()}"
        own = {f"JUPYTER_{name}_DIR": str(folder / name.lower()) for name in ("CONFIG", "DATA", "RUNTIME")}
        own |= {f"JUPYTERLAB_{name}_DIR": str(folder / name.lower()) for name in ("SETTINGS", "WORKSPACES")}
        own |= {"IPYTHONDIR": str(folder / "ipython"), "HOME": str(folder)}
        options = {
            "ServerApp.ip": "127.0.0.1",
            "ServerApp.port": self.address.rpartition(":")[2],
            "ServerApp.port_retries": "0",
            "IdentityProvider.token": TOKEN,
            "ServerApp.open_browser": "False",
            "ServerApp.allow_root": "True",
            "LabApp.expose_app_in_browser": "True",
            "LabApp.check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
            "LabApp.news_url": "",
        }
        command = [sys.executable, "-m", "jupyterlab", *(f"--{name}={value}" for name, value in options.items())]
        clean = clean_environment()
        self.server = subprocess.Popen(
            command,
            cwd=self.project,
            env=clean | own,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def ask(self, path, method="GET"):
        request = urllib.request.Request(f"{self.address}/api/{path}", method=method)
        request.add_header("Authorization", f"token {TOKEN}")
        with urllib.request.urlopen(request, timeout=20) as answer:
            text = answer.read()
            return json.loads(text) if text else None

    def wait(self):
        for _ in range(300):
            try:
                return self.ask("status")
            except OSError:
                time.sleep(0.2)
        raise AssertionError("JupyterLab does not answer")

    def close(self):
        os.killpg(self.server.pid, signal.SIGTERM)
        try:
            self.server.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.server.pid, signal.SIGKILL)
            self.server.wait()


@pytest.fixture(scope="module")
def lab(tmp_path_factory, browser):
    server = Lab(tmp_path_factory.mktemp("lab"))
    try:
        server.wait()
        yield server
    finally:
        server.close()


def until(true, what, seconds=60):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, what
        time.sleep(0.2)


def run_all(lab, page, name):
    """Open a notebook, run all its cells as the menu does, and return the code cells with what they put out."""
    path = f"outputs/lab/{name}"
    opening = "path => { window.jupyterapp.commands.execute('docmanager:open', { path, factory: 'Notebook' }); }"
    page.evaluate(opening, path)
    opened = """path => {
        const context = window.jupyterapp.shell.currentWidget?.context;
        return context?.isReady && context.path === path;
    }"""
    page.wait_for_function(opened, arg=path, timeout=60_000)
    page.evaluate("""async () => {
        const { context, sessionContext } = window.jupyterapp.shell.currentWidget;
        await Promise.all([context.ready, sessionContext.ready]);
        await sessionContext.session.kernel.info;
        await window.jupyterapp.commands.execute("notebook:run-all-cells");
        await window.jupyterapp.commands.execute("docmanager:save");
    }""")
    cells = lab.ask(f"contents/{path}")["content"]["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]


@pytest.fixture(scope="module")
def page(lab, browser):
    """A window of the lab; what is opened in it stays open, with its kernel."""
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    page = context.new_page()
    page.goto(f"{lab.address}/lab?token={TOKEN}&reset")
    page.wait_for_function("window.jupyterapp?.restored?.then(() => true)", timeout=60_000)
    yield page
    context.close()
    for each in lab.ask("sessions"):
        lab.ask(f"sessions/{each['id']}", "DELETE")


def test_notebook_run_out_of_order_says_which_step_it_needs(lab, page):
    cells = run_all(lab, page, "03_cluster.ipynb")
    errors = [output for cell in cells for output in cell["outputs"] if output["output_type"] == "error"]
    assert len(errors) == 1, "what follows is not run"
    assert errors[0]["ename"] == "RunError"
    assert "make it with: segnb run --run shop --until prepare" in errors[0]["evalue"]
    assert len(errors[0]["traceback"]) == 1, "one readable line, not forty frames"


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebook_runs_from_top_to_bottom(lab, page, name, capsys):
    cells = run_all(lab, page, name)
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert all(cell["execution_count"] for cell in cells), "every cell has run"
    assert len(outputs) >= 7
    assert not [output for output in outputs if output["output_type"] == "error"]
    assert not [output for output in outputs if output.get("name") == "stderr"]
    if name == "02_choose_k.ipynb":
        milliseconds = move_the_slider(page)
        with capsys.disabled():  # printed, not asserted: machines are shared and noisy
            print(f"\nfrom the slider to the new figure: {milliseconds:.0f} ms")


def move_the_slider(page):
    """The figure and the sentence beneath follow the slider at once."""
    panel = page.locator(".widget-vbox, .jupyter-widget-vbox").filter(has=page.locator("img")).first
    panel.scroll_into_view_if_needed()
    sentence, image = panel.locator(".widget-html-content").last, panel.locator("img").first
    until(lambda: re.match(r"k = \d+: the segments hold", sentence.inner_text()), "the panel is not drawn")
    before, picture = sentence.inner_text(), image.get_attribute("src")
    image.evaluate("""image => {
      const once = { capture: true, once: true };
      document.addEventListener("keydown", () => { window.pressed = performance.now(); }, once);
      image.addEventListener("load", () => { window.moved = performance.now(); }, once);
    }""")
    slider = panel.locator("[role=slider]").first
    slider.focus()
    page.keyboard.press("ArrowRight")
    k = int(re.search(r"\d+", before)[0])
    until(lambda: sentence.inner_text().startswith(f"k = {k + 1}: "), "the sentence does not follow")
    until(lambda: image.get_attribute("src") != picture, "the figure does not follow")
    until(lambda: page.evaluate("window.moved") is not None, "the figure is not shown")
    return page.evaluate("window.moved - window.pressed")


def test_panel_draws_ahead_what_the_next_step_of_its_slider_will_ask_for():
    drawn = []

    def draw(k):
        drawn.append(k)
        return plt.figure()

    async def until_drawn(values):
        for _ in range(600):
            await asyncio.sleep(0.05)
            if sorted(drawn) == values:
                return
        raise AssertionError(f"{drawn} are drawn, not {values}")

    async def move():
        slider = ipywidgets.SelectionSlider(options=[2, 3, 4, 5], value=3)
        panel = Panel({"k": slider}, draw, lambda k: f"k = {k}")
        image = panel.widget.children[1]
        assert drawn == [3], "what is shown is drawn first"
        await until_drawn([2, 3, 4])
        slider.value = 4
        assert image.value == panel.picture.png
        assert sorted(drawn) == [2, 3, 4], "it was there"
        await until_drawn([2, 3, 4, 5])

    with ThreadPoolExecutor() as pool:  # the browser has a loop of its own in this thread
        pool.submit(asyncio.run, move()).result()


def test_panel_follows_where_nothing_runs_on_by_itself():
    slider = ipywidgets.FloatSlider(1.0, min=0, max=4)
    panel = Panel({"weight": slider}, lambda weight: plt.figure(), lambda weight: f"weight {weight}")
    sentence = panel.widget.children[2]
    slider.value = 2.0
    assert sentence.value == "weight 2.0"
