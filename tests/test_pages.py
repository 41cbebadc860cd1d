"""The pages in a real browser: they are read, sorted, unfolded, printed and looked at by a screen reader's eye."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from conftest import segnb

STEP_PAGES = ["01_prepare.html", "02_choose_k.html", "03_cluster.html", "04_interpret.html", "05_iterate.html"]
PAGES = ["index.html", *STEP_PAGES, "../index.html"]
PHONE = {"width": 390, "height": 844}
LONG = "customers who come often, buy much, and stay " * 5


@pytest.fixture(scope="module")
def strange(tmp_path_factory):
    """A run of 40 features, 15 segments, and names in many scripts, one of 200 characters."""
    folder, rng = tmp_path_factory.mktemp("strange"), np.random.default_rng(0)
    centres = np.repeat(rng.normal(scale=4, size=(15, 40)), 40, axis=0)
    names = [f"a rather long name of feature number {number}" for number in range(37)]
    table = pd.DataFrame(centres + rng.normal(size=centres.shape), columns=[*names, "الإنفاق", "消费金额", "🛒 carts"])
    table["städte"] = [["北京", "القاهرة", "München", "😀"][row % 4] for row in range(len(table))]
    table.insert(0, "customer_id", [f"c{row}" for row in range(len(table))])
    table.to_parquet(folder / "t.parquet", index=False)
    called = {1: LONG[:200], 2: "عملاء دائمون", 3: "忠实客户", 4: "🎉🎉🎉"}
    given = {"customers": "t.parquet", "purchases": "", "k": 15, "k_max": 15, "k_min": 14, "names": called}
    given |= {"n_boot": 2, "n_refs": 2, "n_init": 1}
    (folder / "strange.yaml").write_text(json.dumps({"run": "strange"} | given))
    done = segnb("run", "strange.yaml", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "outputs" / "strange"


@pytest.fixture(scope="module")
def series(tmp_path_factory):
    """Three runs on a table that changes, each compared with the one before."""
    folder, rng = tmp_path_factory.mktemp("series"), np.random.default_rng(0)
    middles = np.repeat([[0.0, 0, 0], [6, 0, 3], [0, 6, 1]], [60, 40, 30], axis=0)
    table = pd.DataFrame(middles + rng.normal(size=middles.shape), columns=["visits", "spend", "returns"])
    table.insert(0, "customer_id", [f"c{number:03}" for number in range(len(table))])
    for number, run in enumerate(["may", "june", "july"]):
        table.iloc[: 120 + 5 * number].assign(spend=table["spend"] + 9).to_csv(folder / "t.csv", index=False)
        given = [f"previous={earlier}" for earlier in ["", "may", "june"][number : number + 1] if earlier]
        quick = ["customers=t.csv", "purchases=", "k_max=4", "k=3", f"n_boot={2 + number // 2}", "n_refs=2", "n_init=2"]
        done = segnb("run", "--run", run, *(word for each in quick + given for word in ("-p", each)), cwd=folder)
        assert done.returncode == 0, done.stderr
        if run == "june":
            assert segnb("plan", "june", "--start", "2026-07-01", cwd=folder).returncode == 0
    return folder


@pytest.fixture
def opened(browser):
    """Opens pages and takes down what they say and ask for."""
    contexts = []

    def open_page(path, **given):
        contexts.append(browser.new_context(**given))
        page = contexts[-1].new_page()
        page.said, page.asked = [], []
        page.on("console", lambda message: page.said.append(message.text))
        page.on("pageerror", lambda error: page.said.append(str(error)))
        page.on("request", lambda request: page.asked.append(request.url))
        page.goto(path.resolve().as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.mark.parametrize("name", PAGES)
def test_page_is_quiet_and_asks_nobody(published, opened, name):
    page = opened(published / name)
    assert page.said == []
    assert all(url.startswith(("file:", "data:image/")) for url in page.asked)
    for link in page.locator("a").all():
        target = link.get_attribute("href")
        if target.startswith("#"):
            assert page.locator(f"[id='{target[1:]}']").count() == 1
        else:
            assert ((published / name).parent / target).resolve().is_file(), target
    assert (published / name).stat().st_size < 1.5e6


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("run", ["published", "strange"])
def test_page_does_not_scroll_sideways_on_a_phone(request, opened, run, name):
    page = opened(request.getfixturevalue(run) / name, viewport=PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert page.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 0)")


@pytest.mark.parametrize("name", STEP_PAGES)
def test_code_is_folded_and_shown_at_a_click(published, opened, name):
    page = opened(published / name)
    code = page.locator("details.code pre")
    assert code.count() > 5
    assert not any(each.is_visible() for each in code.all())
    toggle = page.get_by_role("button", name="Show the code")
    toggle.click()
    assert all(each.is_visible() for each in code.all())
    page.get_by_role("button", name="Hide the code").click()
    assert not any(each.is_visible() for each in code.all())


def test_code_can_be_read_where_no_script_runs(published, opened):
    page = opened(published / STEP_PAGES[0], java_script_enabled=False)
    page.locator("details.code summary").first.click()
    assert page.locator("details.code pre").first.is_visible()


def test_table_sorts_by_mouse_and_keyboard(published, opened):
    page = opened(published / "index.html")
    page.get_by_text("The segments in figures").click()
    table = page.locator("table.segnb").first
    column = [head.inner_text().split("\n")[0].strip() for head in table.locator("thead th").all()].index("customers")

    def customers():
        cells = table.locator(f"tbody tr > :nth-child({column + 1})").all_inner_texts()
        return [int(cell.replace(",", "")) for cell in cells]

    before, head = customers(), table.locator("thead th").nth(column)
    assert before == sorted(before, reverse=True)
    head.locator("button").click()
    assert customers() == sorted(before)
    assert head.get_attribute("aria-sort") == "ascending"
    head.locator("button").focus()
    page.keyboard.press("Enter")
    assert customers() == sorted(before, reverse=True)
    name = table.locator("thead th").nth(1)
    name.locator("button").click()
    assert head.get_attribute("aria-sort") is None
    assert name.get_attribute("aria-sort") == "ascending"


@pytest.mark.parametrize("name", ["index.html", "04_interpret.html", "05_iterate.html"])
@pytest.mark.parametrize("viewport", [{"width": 1280, "height": 900}, PHONE], ids=["wide", "phone"])
def test_segment_that_is_pointed_at_is_seen_in_every_figure(published, opened, name, viewport):
    page = opened(published / name, viewport=viewport)
    seen = page.locator("main [data-segment]").filter(visible=True)
    faint = "parts => parts.filter(part => part.ownerSVGElement && getComputedStyle(part).opacity < 0.5)"
    drawn = {part.get_attribute("data-segment") for part in seen.all()}
    assert len(drawn) >= 5
    part = page.locator("figure:visible [data-segment='2'][tabindex]").first
    part.scroll_into_view_if_needed()
    part.dispatch_event("pointerover", {"bubbles": True})
    left = seen.evaluate_all(f"parts => ({faint})(parts).map(part => part.dataset.segment)")
    assert left
    assert not any("2" in numbers.split() for numbers in left)
    page.keyboard.press("Escape")
    assert seen.evaluate_all(f"parts => ({faint})(parts).length") == 0


def test_segments_are_picked_by_the_keyboard_and_told_by_name(published, opened):
    page = opened(published / "index.html")
    cards = json.loads((published / "cards.json").read_text())
    part = page.locator("figure:visible [data-segment='4'][tabindex]").first
    part.focus()
    assert page.evaluate("document.activeElement.getAttribute('aria-label')").startswith("segment 4: ")
    picked = page.locator("article.picked h3").all_inner_texts()
    assert f"4 · {next(card['name'] for card in cards if card['segment'] == 4)}" in picked
    assert not any(text.startswith("1 ·") for text in picked)
    page.keyboard.press("Escape")
    assert page.locator(".picked").count() == 0
    told = page.accessibility.snapshot() if hasattr(page, "accessibility") else page.locator("main").aria_snapshot()
    assert "segment 4: 47% of the spend" in str(told)


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("run", ["published", "strange"])
def test_no_text_is_small_on_a_phone(request, opened, run, name):
    page = opened(request.getfixturevalue(run) / name, viewport=PHONE)
    page.evaluate("for (const part of document.querySelectorAll('details')) part.open = true")
    small = page.evaluate("""() => {
      const texts = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT), small = [];
      while (texts.nextNode()) {
        const holder = texts.currentNode.parentElement;
        if (!texts.currentNode.data.trim() || !holder.checkVisibility()) continue;
        if (holder.closest(".sk-top-container")) continue;
        const scale = holder.ownerSVGElement ? Math.abs(holder.ownerSVGElement.getScreenCTM().a) : 1;
        const size = parseFloat(getComputedStyle(holder).fontSize) * scale;
        if (size < 10.95) small.push([size, texts.currentNode.data.trim()]);
      }
      return small;
    }""")
    assert small == []


def test_step_two_shows_at_most_five_figures_and_step_four_a_thousand_words(published, opened):
    page = opened(published / "02_choose_k.html")
    assert 3 <= page.locator("main figure:visible").count() <= 5
    page = opened(published / "04_interpret.html")
    page.evaluate("for (const drawn of document.querySelectorAll('figure')) drawn.remove()")
    assert 400 < len(page.locator("main").inner_text().split()) <= 1000


def test_page_of_all_runs_tells_the_story_of_a_series(series, opened):
    page = opened(series / "outputs" / "index.html")
    story = page.locator("h2:has-text('may to july') + p").inner_text()
    assert story.startswith("3 runs. The customers went from ")
    table = page.locator("table", has_text="The runs of this series")
    assert [row.split()[0] for row in table.locator("tbody tr").all_inner_texts()] == ["may", "june", "july"]
    assert table.get_by_role("link", name="planned").get_attribute("href") == "june.plan/index.html"
    swatch = page.locator(".swatch").first
    swatch.dispatch_event("pointerover", {"bubbles": True})
    assert page.locator("rect.picked").count() >= 3
    summary = opened(series / "outputs" / "july" / "index.html").locator("main").inner_text()
    assert "unlike june: n_boot was 2" in summary


def test_list_of_runs_leads_to_the_summary(published, opened):
    page = opened(published.parent / "index.html")
    page.get_by_role("link", name="shop").click()
    assert page.get_by_role("heading", level=1).inner_text() == "Customer segments: shop"
    page.get_by_role("link", name="All runs").click()
    assert "all runs" in page.get_by_role("heading", level=1).inner_text()
    assert page.locator("svg[role=img]").first.get_attribute("aria-label").startswith("segment 1 27%")


def test_decision_at_the_top_leads_to_its_reasons(published, opened):
    page = opened(published / "index.html")
    page.get_by_role("link", name=re.compile("^(keep|rescore|refit|redesign)$")).click()
    assert page.url.endswith("#next")
    assert page.locator("#next").inner_text() == "What changed, and what to do next"


def test_every_heading_is_in_the_contents(published, opened):
    page = opened(published / "04_interpret.html")
    assert page.locator(".contents a").all_inner_texts() == page.locator("main h2").all_inner_texts()


@pytest.mark.parametrize("look", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_serious(published, opened, name, look):
    from axe_playwright_python.sync_playwright import Axe

    page = opened(published / name, color_scheme=look, bypass_csp=True)
    found = [each for each in Axe().run(page).response["violations"] if each["impact"] in ("serious", "critical")]
    assert not found, [
        (each["id"], each["nodes"][0]["html"][:200], each["nodes"][0]["failureSummary"]) for each in found
    ]


def test_page_prints_tidily(published, opened):
    page = opened(published / "index.html")
    page.emulate_media(media="print")
    assert not page.locator("nav").first.is_visible()
    assert page.pdf(format="A4")[:5] == b"%PDF-"


def test_first_paint_is_printed(published, browser, capsys):
    """Not asserted: machines are shared and noisy."""
    import functools
    import http.server
    import threading

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *words):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=published))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    page = browser.new_page()
    page.goto(f"http://127.0.0.1:{server.server_port}/index.html")
    page.wait_for_timeout(1000)
    milliseconds = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    page.close()
    server.shutdown()
    server.server_close()
    with capsys.disabled():
        print(f"\nfirst paint of index.html on loopback: {milliseconds:.0f} ms")
    assert milliseconds > 0


def test_names_in_every_script_are_on_the_page(strange, opened):
    text = opened(strange / "index.html").inner_text("main")
    assert all(name in text for name in ("عملاء دائمون", "忠实客户", "🎉🎉🎉", LONG[:150]))
    for name in STEP_PAGES:
        page = opened(strange / name)
        assert page.locator("pre.warning").count() == 0, "nothing was said on stderr"
