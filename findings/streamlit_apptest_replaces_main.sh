#!/usr/bin/env bash
# Streamlit 1.67.0 (streamlit.testing.v1.AppTest), CPython 3.11 on Linux; seen 2026-11-28.
#
# After `AppTest.from_file(...).run()`, `sys.modules["__main__"]` is still the script that was tested, not the program
# that runs the test. `multiprocessing` with the start method "spawn" runs the main module again in each new process:
# so a later process pool anywhere in the same test session runs the Streamlit page again in every worker.
# An expert expects the harness to put the main module back, as `runpy` does.
#
# Prints what was seen, and fails where this has changed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check streamlit==1.67.0
cd "$work"
cat > page.py <<'PY'
import streamlit as st

print("the page runs", flush=True)
st.title("A page")
PY
cat > program.py <<'PY'
import multiprocessing
import sys

if __name__ == "__main__":
    from streamlit.testing.v1 import AppTest

    before = sys.modules["__main__"].__file__
    AppTest.from_file("page.py").run(timeout=60)
    after = sys.modules["__main__"].__file__
    print("main before:", before.rsplit("/", 1)[-1], "- after:", after.rsplit("/", 1)[-1], flush=True)
    process = multiprocessing.get_context("spawn").Process(target=len, args=("",))
    process.start()
    process.join()
PY
seen=$("$work/venv/bin/python" program.py 2>"$work/warnings" | grep -v '^$') || { cat "$work/warnings"; exit 1; }
printf '%s\n' "$seen"
expected="the page runs
main before: program.py - after: page.py
the page runs"
if [ "$seen" != "$expected" ]; then
  printf 'CHANGED; expected:\n%s\n' "$expected"
  exit 1
fi
echo "as described"
