"""Makes the README's pictures from a running demo: python -m tests.pictures http://127.0.0.1:8000 PASSWORD."""

from __future__ import annotations

import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.browser import find_browser

OUT = Path(__file__).resolve().parents[2] / "static" / "readme"


def main(base: str, password: str) -> None:
    """Vote once, sign in, and take three pictures."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1180, "height": 760})
        page.goto(f"{base}/s/everyday-advice")
        page.check("#agree")
        page.click("button.main")
        page.wait_for_url("**/practice")
        page.goto(f"{base}/s/everyday-advice/next")
        page.wait_for_selector("form[data-ballot]")
        page.screenshot(path=OUT / "compare.jpg", type="jpeg", quality=72)
        page.goto(f"{base}/sign-in?next=/studies/everyday-advice-simulated/overview")
        page.fill("#email", "demo@example.org")
        page.fill("#password", password)
        page.click("button.main")
        page.wait_for_url("**/overview")
        page.screenshot(path=OUT / "overview.jpg", type="jpeg", quality=72)
        page.goto(f"{base}/studies/everyday-advice-simulated/register")
        page.screenshot(path=OUT / "register.jpg", type="jpeg", quality=72)
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:3])
