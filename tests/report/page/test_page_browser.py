"""The page in a real browser."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from chromium import browser, wait_for
from hostile import DATASET, METHOD, REASON, SHOWN_ERROR, write_hostile
from made_runs import write_experiment
from programs import REQUIRED

from cmkd_bench.report.page import figures
from cmkd_bench.report.page.report_page import write_page

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with browser(tmp_path_factory.mktemp("profile")) as found:
        yield found


@pytest.fixture(scope="module")
def address(driver: Any, tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_page(write_hostile(tmp_path_factory.mktemp("page") / "results")).as_uri()


@pytest.fixture
def page(driver: Any, address: str) -> Iterator[Any]:
    """The page, opened anew; whatever a test does to it, the console stays silent."""
    emulate(driver, 1280, "light")
    driver.get("about:blank")
    driver.get_log("browser")
    driver.get(address)
    yield driver
    assert driver.get_log("browser") == []


def emulate(driver: Any, width: int, scheme: str) -> None:
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def find(page: Any, selector: str) -> list[Any]:
    return list(page.find_elements("css selector", selector))


def open_parts(page: Any) -> None:
    """Open all that is closed at first."""
    page.execute_script("for (const one of document.querySelectorAll('main details')) one.open = true")


def link(method: str, teacher: str = "audio", student: str = "video") -> str:
    return "#cell/" + "/".join(quote(part, safe="") for part in (method, DATASET, "1", teacher, student))


def open_cell(page: Any, method: str, **direction: str) -> Any:
    open_parts(page)
    (anchor,) = find(page, f'#results > details > .scroll a[href="{link(method, **direction)}"]')
    page.execute_script("arguments[0].focus()", anchor)
    anchor.send_keys("\ue007")  # Enter
    (dialog,) = find(page, "dialog[open]")
    return dialog


def test_columns_sort_by_their_numbers_both_ways(page: Any) -> None:
    open_parts(page)
    (table,) = find(page, "#results > details > .scroll table")
    button = table.find_elements("css selector", "thead button")[1]
    for order, reverse in (("descending", True), ("ascending", False)):
        button.click()
        assert button.find_element("xpath", "..").get_attribute("aria-sort") == order
        texts = [row.text for row in table.find_elements("css selector", "tbody td:nth-child(2) .number")]
        means = [float(text.split(" ")[0]) for text in texts]
        assert len(means) == 6
        assert len(set(means)) > 3
        assert means == sorted(means, reverse=reverse)


def test_what_has_no_number_is_sorted_to_the_end(page: Any) -> None:
    open_parts(page)
    (table,) = find(page, "#results > details > .scroll table")
    button = table.find_elements("css selector", "thead button")[2]
    for _ in range(2):
        button.click()
        assert table.find_elements("css selector", "tbody th")[-1].text == "aside"


def test_the_keyboard_opens_a_cell_and_escape_returns_to_it(page: Any) -> None:
    dialog = open_cell(page, METHOD)
    assert dialog.find_element("css selector", "h2").text == f"{METHOD} on {DATASET}, audio → video"
    assert page.current_url.endswith(link(METHOD))
    assert len(dialog.find_elements("css selector", "tbody th[scope=row]")) == 3 + 4  # seeds, and the other rows
    compared = [one.text for one in dialog.find_elements("css selector", "table.tests tbody th")]
    assert compared[0] == "none"
    assert len(set(compared)) == 4
    (test,) = [one.text for one in dialog.find_elements("css selector", ".note") if "McNemar" in one.text]
    assert test.startswith("McNemar's exact test against none, p by seed, uncorrected: ")
    assert len(test.split(": ")[1].split(", ")) == 3
    (curve,) = dialog.find_elements("css selector", "svg.spark")
    assert "from 60.0 to 70.0, epochs 1 to 3" in str(curve.get_attribute("aria-label"))
    page.switch_to.active_element.send_keys("\ue00c")  # Escape
    assert find(page, "dialog[open]") == []
    assert "#" not in page.current_url
    assert page.switch_to.active_element.get_attribute("href").endswith(link(METHOD))


def test_a_failed_run_shows_its_cause_and_the_command_that_tries_again(page: Any) -> None:
    dialog = open_cell(page, "kd")
    (error,) = dialog.find_elements("css selector", ".error")
    shown = error.get_attribute("textContent")
    assert shown == f"non-finite loss: {SHOWN_ERROR}"
    commands = [one.get_attribute("textContent") for one in dialog.find_elements("css selector", "pre")]
    again = [command for command in commands if "--retry-failed" in command]
    assert len(commands) == 3
    assert len(again) == 1
    assert "--methods kd " in again[0]
    assert " --seeds 1," in again[0]
    assert " --experiment made " in again[0]


def test_a_cell_that_is_not_defined_says_why(page: Any) -> None:
    dialog = open_cell(page, "aside", teacher="video", student="audio")
    errors = [one.text for one in dialog.find_elements("css selector", ".error")]
    assert errors == [REASON] * 3
    assert dialog.find_elements("css selector", "pre") == []


def test_a_link_opens_its_cell_and_an_unknown_one_nothing(page: Any, address: str) -> None:
    page.get("about:blank")
    page.get(address + link("kd", "video", "audio"))
    assert [one.text for one in find(page, "dialog[open] h2")] == [f"kd on {DATASET}, video → audio"]
    page.get("about:blank")
    page.get(address + "#cell/kd/%E0%A4%A/1/x/y")
    assert find(page, "dialog[open]") == []


def test_of_many_runs_the_first_are_shown_until_more_are_asked_for(
    driver: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "plots", lambda data: [])
    page = write_page(write_experiment(tmp_path / "results", {"none": 0.6, "kd": 0.7}, seeds=52, directions=1))
    driver.get(page.as_uri() + "#cell/kd/toy/1/audio/video")
    seeds = "#detail-body > .scroll:first-of-type tr:not(.extra) th[scope=row]"
    assert len(find(driver, seeds)) == 50
    (more,) = find(driver, "dialog .more")
    assert more.text == "Show the other 2 runs"
    more.click()
    assert [one.text for one in find(driver, seeds)] == [str(seed) for seed in range(52)]
    assert find(driver, "dialog .more") == []


def test_names_that_look_like_markup_are_text_and_nothing_is_fetched(page: Any) -> None:
    open_cell(page, METHOD)
    assert page.title == "made: report"
    assert METHOD in [one.text for one in find(page, ".board tbody th")]
    injected = page.execute_script("return [...document.images].filter(i => !i.src.startsWith('data:')).length")
    assert injected == 0
    assert page.execute_script("return document.scripts.length") == 2
    assert page.execute_script("return document.querySelectorAll('main b').length") == 0
    fetched = page.execute_script("return performance.getEntriesByType('resource').map(one => one.name)")
    assert [name for name in fetched if not name.startswith("data:")] == []


def test_plots_are_drawn_under_the_policy(page: Any) -> None:
    complete = "return [...document.images].every(one => one.src && one.complete)"
    wait_for(page, lambda page: page.execute_script(complete))
    sizes = page.execute_script("return [...document.images].map(i => [i.naturalWidth, i.naturalHeight])")
    assert len(sizes) >= 3
    assert min(min(size) for size in sizes) > 50


def test_all_plots_are_printed(page: Any) -> None:
    whole = len(base64.b64decode(page.print_page()))
    page.execute_script("for (const one of [...document.images]) one.remove()")
    assert whole > 1.2 * len(base64.b64decode(page.print_page()))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_window(page: Any, width: int, scheme: str) -> None:
    emulate(page, width, scheme)
    open_parts(page)
    widest = "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    scrolled, room = page.execute_script(widest)
    assert scrolled <= room
    dialog = open_cell(page, "kd")
    for one in dialog.find_elements("css selector", "details"):
        page.execute_script("arguments[0].open = true", one)
    assert page.execute_script("return arguments[0].scrollWidth <= arguments[0].clientWidth", dialog)
    assert dialog.size["width"] <= width


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2 defines it, of `rgb(r, g, b)`."""
    channels = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(ink: float, back: float) -> float:
    """The ratio of two luminances as WCAG 2 defines it."""
    low, high = sorted((ink, back))
    return (high + 0.05) / (low + 0.05)


def test_light_and_dark_differ_and_both_can_be_read(page: Any) -> None:
    backs = {}
    for scheme in ("light", "dark"):
        emulate(page, 1280, scheme)
        back = luminance(page.execute_script("return getComputedStyle(document.body).backgroundColor"))
        backs[scheme] = back
        for selector in ("body", ".tests a", ".note", ".problem", ".state.failed", ".gain", ".done strong", ".brand"):
            ink = luminance(
                page.execute_script("return getComputedStyle(document.querySelector(arguments[0])).color", selector)
            )
            assert contrast(ink, back) >= 4.5, f"{selector} in {scheme}"
    assert backs["light"] > 0.9
    assert backs["dark"] < 0.05


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_color_of_the_verdict_can_be_read(page: Any, scheme: str) -> None:
    emulate(page, 1280, scheme)
    (cell,) = find(page, ".verdict tbody td")[:1]
    seen = set()
    for shade in ("", *(f"{side}{i}" for side in ("above", "below") for i in range(1, 5))):
        page.execute_script("arguments[0].className = arguments[1]", cell, shade)
        back, ink = (
            page.execute_script(
                "return getComputedStyle(arguments[1] === 'color' ? arguments[0].firstElementChild : arguments[0])"
                ".getPropertyValue(arguments[1])",
                cell,
                name,
            )
            for name in ("background-color", "color")
        )
        seen.add(back)
        assert contrast(luminance(ink), luminance(back)) >= 4.5, f"{shade or 'none'} in {scheme}: {ink} on {back}"
    assert len(seen) == 9


@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_begins_with_the_verdict_and_all_else_is_closed(page: Any, address: str, width: int) -> None:
    emulate(page, width, "light")
    page.get(address)
    assert find(page, "main details[open] details") == find(page, "main > section > details[open]") == []
    (matrix,) = find(page, "#verdict table")
    assert matrix.rect["y"] < 450
    if width == 1280:
        assert page.execute_script("return document.documentElement.scrollHeight") <= 2 * 900
    names = [one.text for one in matrix.find_elements("css selector", "tbody th")]
    assert names == [METHOD, "aside", "kd", "shuffled"]
    for part in ("results", "plots"):
        page.execute_script("location.hash = arguments[0]", part)
        wait_for(page, lambda page, part=part: find(page, f"#{part} > details[open]"))


def test_the_keyboard_opens_the_runs_behind_a_gain_of_the_verdict(page: Any) -> None:
    (anchor,) = find(page, f'#verdict a[href="{link("kd")}"]')
    page.execute_script("arguments[0].focus()", anchor)
    anchor.send_keys("\ue007")  # Enter
    assert [one.text for one in find(page, "dialog[open] h2")] == [f"kd on {DATASET}, audio → video"]


def test_the_skipping_names_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv(REQUIRED, "1")
    with pytest.raises(pytest.fail.Exception, match="apt-get install chromium chromium-driver"), browser(tmp_path):
        pass
