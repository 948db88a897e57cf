"""The page of the last resort in a real browser, as CloudFront's function answers with it.

The function runs in the browser's JavaScript, and what it returns is what the browser gets for every request. axe-core
looks for barriers: https://github.com/dequelabs/axe-core.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Request, Route, sync_playwright

from components.last_resort import PAGE, code

pytestmark = pytest.mark.browser
ADDRESS = "https://mentalhealthplatform.com/users/7"
OLD_PHONE = {"width": 320, "height": 480}
DESKTOP = {"width": 1280, "height": 800}
_QUIET = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    "--no-sandbox",  # the tests may run as root, in a container
)
FINGER_PIXELS = 44
"""The smallest target that a finger hits well: WCAG 2.2, success criterion 2.5.5."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    found = shutil.which("chromium") or shutil.which("google-chrome")
    assert found, "no chromium; hint: install the package chromium"
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=found, args=[*_QUIET])
        yield running
        running.close()


@pytest.fixture(scope="module")
def answer(browser: Browser) -> dict[str, Any]:
    """The function's answer to a request, from the browser's JavaScript."""
    page = browser.new_page()
    said = page.evaluate(f"() => {{ {code(PAGE)} return handler({{}}); }}")
    page.close()
    return said


@pytest.fixture(params=["light", "dark"])
def scheme(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture(params=[OLD_PHONE, DESKTOP], ids=["old phone", "desktop"])
def opened(
    browser: Browser, answer: dict[str, Any], scheme: Any, request: pytest.FixtureRequest
) -> Iterator[tuple[Page, list[str]]]:
    """The page, and the addresses that the browser asked for."""
    context = browser.new_context(viewport=request.param, color_scheme=scheme)
    asked: list[str] = []

    def note(sent: Request) -> None:
        asked.append(sent.url)

    context.on("request", note)
    context.route("**/*", lambda route: fulfil(route, answer))
    page = context.new_page()
    page.goto(ADDRESS)
    yield page, asked
    context.close()


def fulfil(route: Route, answer: dict[str, Any]) -> None:
    headers = {name: entry["value"] for name, entry in answer["headers"].items()}
    route.fulfill(status=answer["statusCode"], headers=headers, body=answer["body"])


def test_the_function_runs_and_answers_with_the_page(answer: dict[str, Any]) -> None:
    assert (answer["statusCode"], answer["body"]) == (503, PAGE)


def test_axe_finds_no_barrier(opened: tuple[Page, list[str]]) -> None:
    found = Axe().run(opened[0], options={"resultTypes": ["violations", "incomplete"]})
    assert found.response["violations"] == [], found.generate_report()
    assert [entry["id"] for entry in found.response["incomplete"]] == []


def test_the_page_asks_for_nothing_more(opened: tuple[Page, list[str]]) -> None:
    page, asked = opened
    page.wait_for_load_state("networkidle")
    assert {address for address in asked if not address.endswith("/favicon.ico")} == {ADDRESS}


def test_nothing_is_cut_off_at_the_side_even_with_large_text(opened: tuple[Page, list[str]]) -> None:
    page, _ = opened
    for size in ("100%", "200%"):
        page.evaluate(f"document.documentElement.style.fontSize = '{size}'")
        width = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert width == 0, size


def test_a_finger_hits_each_of_the_first_numbers(opened: tuple[Page, list[str]]) -> None:
    heights = opened[0].eval_on_selector_all(".first", "all => all.map(one => one.getBoundingClientRect().height)")
    assert len(heights) == 8
    assert min(heights) >= FINGER_PIXELS


def test_the_first_number_is_on_the_first_screen_of_an_old_phone(opened: tuple[Page, list[str]]) -> None:
    bottom = opened[0].eval_on_selector("a[href='tel:988']", "one => one.getBoundingClientRect().bottom")
    assert bottom <= OLD_PHONE["height"]
