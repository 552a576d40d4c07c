# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""The status page in a real browser: the API's figures, nothing from elsewhere, no change by looking,
ten thousand sessions, three widths, both themes and languages, and a kick with the token."""

import html
import json
import pathlib
import re
import shutil
import time

import pytest

import hearth
from test_http import TOKEN, api, get, token_file

webdriver = pytest.importorskip("selenium.webdriver")

ORIGIN = "http://127.0.0.1:9464"
PAGES = ("/", "/workers", "/ports", "/drops", "/sessions", "/device", "/config")
SESSIONS = 10000


@pytest.fixture(scope="module")
def broker(tmp_path_factory, request):
    if not request.config.isolated:
        pytest.skip("needs root, for a network namespace of its own")
    hearth.set_all_cpus(request.config.cpus)
    directory = tmp_path_factory.mktemp("page")
    with hearth.Hearth(
            directory, http={"listen": "127.0.0.1:9464", "token_file": token_file(directory)},
            limits={"devices": 12000, "sessions": 11000, "pending_logins": 5000},
            mc={"heartbeat": 3600}, feed={"bytes": "64MiB"}) as instance:
        instance.provision(20)
        fleet = hearth.Fleet(instance, SESSIONS, "--tcp-share", 0, "--rate", 300, "--ramp", 4000,
                             "--seconds", 600).generate(2)
        instance.ctl("device", "import", fleet.csv, offline=True)
        instance.start()
        instance.reader = instance.feed()
        fleet.start()
        instance.wait(lambda: instance.ctl_json("status")["sessions"]["live_udp"] >= SESSIONS,
                      "%d sessions" % SESSIONS)
        yield instance
        fleet.process.kill()


@pytest.fixture(scope="module")
def browser(broker):
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not program or not driver:
        pytest.skip("needs Debian's chromium and chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for word in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                 "--disable-background-networking", "--lang=en-US"):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    instance = webdriver.Chrome(
        service=webdriver.chrome.service.Service(driver), options=options)
    instance.set_page_load_timeout(60)
    yield instance
    instance.quit()


def text_of(page, identity):
    """What stands in an element of a page's text."""
    return html.unescape(re.search(r'id="%s"[^>]*>([^<]*)<' % identity, page).group(1))


def test_figures_are_those_of_the_api(broker):
    """A page that was made between two equal answers was made of that document."""
    end = time.monotonic() + 60
    while True:
        before = api("status")
        page = get("/")[1]
        if api("status") == before:
            break
        assert time.monotonic() < end
    sessions, rates = before["sessions"], before["rates"]
    assert text_of(page, "online") == "{:,}".format(sessions["live_tcp"] + sessions["live_udp"])
    assert text_of(page, "requests") == "{:,.0f}".format(rates["requests"])
    assert text_of(page, "logins") == "{:,.0f}".format(rates["logins"])
    assert text_of(page, "loss") == "{:,}".format(before["loss"]["minute"])
    assert text_of(page, "ring") == "%.1f %%" % (100 * max(r["fill"] for r in before["feed"]))
    assert text_of(page, "busy") == "%.1f %%" % (100 * max(w["busy"] for w in before["workers"]))
    assert 'data-state="%s"' % before["state"] in page
    for problem in before["problems"]:
        assert html.escape(problem["text"]).replace("&#x27;", "&#39;") in page
        assert html.escape(problem["remedy"]).replace("&#x27;", "&#39;") in page
    assert sessions["live_udp"] >= SESSIONS and rates["requests"] > 0


def test_paging_over_ten_thousand_sessions(broker):
    found, path = [], "/sessions"
    while path:
        page = get(path)[1]
        found += re.findall(r'<a href="/device\?id=(\w+)">', page)
        following = re.search(r'id="next" rel="next" href="([^"]+)"', page)
        path = html.unescape(following.group(1)) if following else None
        assert len(found) <= SESSIONS + 20
    assert len(found) == len(set(found)) >= SESSIONS


def test_in_a_browser(broker, browser):
    """Every page: nothing refused by its policy, nothing from elsewhere, no overflow, nothing
    changed; the overview goes on by itself."""
    ctl = broker.ctl_json("status")["counters"]["mc"]
    device = broker.device().online("udp")
    for path in (*PAGES, "/device?id=" + device.id, "/device?id=%3Cscript%3Ealert(1)%3C/script%3E",
                 "/?lang=zh", "/sessions?lang=zh", "/nothing"):
        for width in (360, 800, 1440):
            browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
                "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False})
            browser.get(ORIGIN + path)
            assert browser.execute_script(
                "return document.documentElement.scrollWidth") <= width, (path, width)
        if path != "/nothing":
            assert browser.execute_script(
                "return [document.querySelectorAll('main').length,"
                "document.querySelectorAll('h1').length,"
                "document.querySelectorAll('table:not(:has(caption))').length,"
                "[...document.querySelectorAll('input:not([type=hidden])')].filter("
                "e => !e.labels.length).length]") == [1, 1, 0, 0], path
            wanted = "zh-CN" if "lang=zh" in path else "en"
            assert browser.execute_script("return document.documentElement.lang") == wanted
    browser.get(ORIGIN + "/")
    uptime = "return document.querySelector('#state p').textContent"
    shown, end = browser.execute_script(uptime), time.monotonic() + 30
    while browser.execute_script(uptime) == shown:
        assert time.monotonic() < end, "the page stands still"
        time.sleep(0.2)
    asked = [json.loads(row["message"])["message"] for row in browser.get_log("performance")]
    asked = {row["params"]["request"]["url"] for row in asked
             if row["method"] == "Network.requestWillBeSent"}
    assert len(asked) > 10
    assert not [url for url in asked if not url.startswith((ORIGIN + "/", "data:"))], asked
    refused = [row for row in browser.get_log("browser")
               if "nothing" not in row["message"] and "favicon" not in row["message"]]
    assert not refused, refused
    now = broker.ctl_json("status")["counters"]["mc"]
    for name in ("offline_kicked", "offline_removed", "offline_closed"):
        assert now[name] == ctl[name]


def contrast(first, second):
    """WCAG 2.1 contrast of two "rgb(r, g, b)"."""
    def luminance(color):
        parts = [int(part) / 255 for part in re.findall(r"\d+", color)[:3]]
        parts = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]
    dark, light = sorted((luminance(first), luminance(second)))
    return (light + 0.05) / (dark + 0.05)


COLOURS = """return [...document.querySelectorAll('h1, h2, p, a, th, td, strong, .label, li')].filter(
    e => e.offsetParent && e.textContent.trim()).map(e => {
        let ground = e;
        while (ground && getComputedStyle(ground).backgroundColor === 'rgba(0, 0, 0, 0)')
            ground = ground.parentElement;
        return [e.textContent.trim().slice(0, 30), getComputedStyle(e).color,
                getComputedStyle(ground || document.body).backgroundColor];
    })"""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_contrast(browser, theme):
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {
        "features": [{"name": "prefers-color-scheme", "value": theme}]})
    grounds = set()
    for path in ("/", "/workers", "/drops", "/sessions"):
        browser.get(ORIGIN + path)
        for words, ink, ground in browser.execute_script(COLOURS):
            grounds.add(ground)
            assert contrast(ink, ground) >= 4.5, (path, words, ink, ground)
    light = max(sum(map(int, re.findall(r"\d+", ground)[:3])) for ground in grounds)
    assert (light > 600) == (theme == "light")


def test_kick_by_the_form(broker, browser):
    device = broker.device().online("udp")
    path = ORIGIN + "/device?id=" + device.id
    browser.get(path)
    browser.find_element("id", "token").send_keys("wrong" * 5)
    browser.find_element("css selector", "button.danger").click()
    assert "token is missing or wrong" in browser.page_source
    assert broker.ctl_json("session", device.id)["session"]["state"] == "live"
    browser.get(path)
    browser.find_element("id", "token").send_keys(TOKEN)
    browser.find_element("css selector", "button.danger").click()
    assert "done=kick" in browser.current_url and TOKEN not in browser.current_url
    assert browser.find_elements("css selector", ".done")
    end = time.monotonic() + 20
    while "\"live\"" in broker.ctl("session", device.id, "--json", check=False).stdout:
        assert time.monotonic() < end
    # from elsewhere the same form is refused
    status, _, _ = get("/device/kick", method="POST", Origin="http://evil.example",
                       body="id=%s&token=%s" % (device.id, TOKEN))
    assert status == 403


def test_without_scripts(broker):
    """All that the browser shows stands in the document as it comes."""
    for path in PAGES:
        status, page, headers = get(path, Accept_Language="zh-CN,zh;q=0.9")
        assert status == 200 and headers["Content-Type"] == "text/html; charset=utf-8"
        assert '<html lang="zh-CN">' in page and '<meta http-equiv="refresh"' in page
        assert not re.search(r"<[^>]+\son\w+=|<[^>]+\sstyle=|<script(?! src=\"/page.js\")", page)
        assert not re.search(r"""(src|href|action)="(?!/|#)""", page)


def test_nothing_of_it_is_read_from_disk(broker):
    opened = [str(path.resolve()) for path in
              pathlib.Path("/proc/%d/fd" % broker.process.pid).iterdir()]
    for name in ("style.css", "page.js", "icon.svg"):
        status, text, _ = get("/" + name)
        assert status == 200 and len(text) > 100
        assert not [path for path in opened if path.endswith(name)]
