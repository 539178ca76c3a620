"""The page in a real browser, where there is one (Debian: `apt install chromium`)."""

import json
import re
import shutil
import subprocess

import pytest
from fake_run import case

from seif.atomic import write_json
from seif.report.page import write_report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
EVIL = (
    "</p></style><script>window.owned = true</script><img src=http://example.invalid/x onerror='window.owned = true'>"
)
PROBE = """<script>
const charts = [...document.querySelectorAll('svg')].filter(e => e.checkVisibility())
  .map(e => e.getBoundingClientRect()).map(r => Math.min(r.width, r.height));
document.title = JSON.stringify({
  owned: window.owned === true, scrolls: document.documentElement.scrollWidth > innerWidth + 1,
  smallest: Math.min(...charts), charts: charts.length,
  asked: performance.getEntriesByType('resource').map(e => e.name), text: document.body.innerText,
});
</script>"""


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
@pytest.mark.parametrize("width", [1400, 500])
def test_the_page_is_drawn_whole_asks_for_nothing_and_runs_nothing_of_the_models(make_run, tmp_path, width):
    run = make_run()
    write_json(run.showcase(2), [{**case(f"Write about the river. {EVIL}"), "answer": f"It is old. {EVIL}"}])
    write_report(run)
    page = tmp_path / "page.html"
    # The page forbids all scripts. Here they are let in, so that the escaping has to hold alone, and the probe can run.
    html = run.report.read_text(encoding="utf-8")
    open_page = html.replace("default-src 'none'", "default-src * 'unsafe-inline'")
    assert open_page != html
    page.write_text(open_page + PROBE, encoding="utf-8")
    command = [
        CHROMIUM,
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        f"--user-data-dir={tmp_path / 'profile'}",
        f"--window-size={width},900",
        "--dump-dom",
    ]
    dom = subprocess.run([*command, page.as_uri()], capture_output=True, text=True, timeout=120, check=True).stdout
    found = json.loads(
        re.search(r"<title>(.*?)</title>", dom, re.DOTALL)
        .group(1)
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
    )
    assert not found["owned"]
    assert found["asked"] == []
    assert not found["scrolls"]
    assert found["charts"] >= 3
    assert found["smallest"] > 10
    assert EVIL in found["text"]
