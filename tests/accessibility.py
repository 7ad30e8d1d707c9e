"""What axe-core finds on a page, for all tests that look at one."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, sync_playwright

LOOKS: tuple[tuple[int, Literal["light", "dark"]], ...] = ((1280, "light"), (1280, "dark"), (390, "light"))
"""Width of the window in pixels, and colour scheme: how a page is looked at."""

_IMPACTS = ("minor", "moderate", "serious", "critical")


def findings(page: Page, *, least: str = "moderate") -> list[str]:
    """Return what axe-core finds on a page as it stands, a line an element: rule, impact, and the element's markup.

    Parameters
    ----------
    page
        Shown in Chromium, with what is to be looked at.
    least
        Impact from which on a finding counts: ``minor``, ``moderate``, ``serious`` or ``critical``.
    """
    counted = _IMPACTS[_IMPACTS.index(least) :]
    return [
        f"{rule['id']} ({node['impact'] or rule['impact']}): {node['html'][:200]}"
        for rule in Axe().run(page).response["violations"]
        for node in rule["nodes"]
        if (node["impact"] or rule["impact"]) in counted
    ]


def of_a_file(chromium: str, file: Path) -> list[str]:
    """Return what is wrong with a page that is a file: what :func:`findings` finds, and scrolling sideways.

    It is looked at on a desktop, in light and in dark, and on a phone.
    """
    options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
    found = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=options)
        for width_px, scheme in LOOKS:
            page = browser.new_page(viewport={"width": width_px, "height": 900}, color_scheme=scheme)
            page.goto(file.as_uri())
            found += [f"{width_px} px, {scheme}: {line}" for line in findings(page)]
            needed = page.evaluate("document.documentElement.scrollWidth")
            if needed > width_px:
                found.append(f"{width_px} px, {scheme}: the page is {needed} px wide")
            page.close()
        browser.close()
    return found
