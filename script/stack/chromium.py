"""The Chromium of the browser tests: one that is installed, or Debian's."""

import os
import shutil
import subprocess

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PACKAGES = ("chromium", "fonts-noto-cjk")
INSTALL_SECONDS = 900


def find() -> str:
    """The path of a Chromium: what CHROMIUM names, else the first on the path; empty where there is none."""
    named = os.environ.get("CHROMIUM", "")
    if named:
        return shutil.which(named) or ""
    return next((path for name in PROGRAMS if (path := shutil.which(name))), "")


def find_or_install() -> str:
    """As `find`; as root on Debian or Ubuntu installs Chromium with a Chinese font first."""
    found = find()
    if found or os.environ.get("CHROMIUM") or os.geteuid() != 0 or not shutil.which("apt-get"):
        return found
    print(f"No Chromium is installed; installing {' and '.join(PACKAGES)}.", flush=True)
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (
        ["apt-get", "update", "-q"],
        ["apt-get", "install", "-q", "-y", "--no-install-recommends", *PACKAGES],
    ):
        try:
            done = subprocess.run(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=INSTALL_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            print(f"{' '.join(command[:2])} took more than {INSTALL_SECONDS // 60} minutes; going on without.")
            return ""
        if done.returncode != 0:
            print(f"{' '.join(command[:2])} failed: {(done.stderr.strip().splitlines() or ['no reason given'])[-1]}")
    return find()


def missing_sentence() -> str:
    """Why browser tests are skipped."""
    named = os.environ.get("CHROMIUM", "")
    if named:
        return f"CHROMIUM={named} is no program that can be run"
    return "no Chromium is installed (Debian: apt install chromium fonts-noto-cjk), or name one: CHROMIUM=/path"
