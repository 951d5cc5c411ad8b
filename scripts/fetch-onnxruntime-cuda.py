#!/usr/bin/env python3
"""Fetch ONNX Runtime's libraries for CUDA from its Python package.

The install script of onnxruntime-node has them from nuget.org, for CUDA 12.
The Python package onnxruntime-gpu of the same version holds them too, for
the CUDA that its release notes name (13 in 1.30), and PyPI is a mirror that
closed networks often have. Nothing is installed in Python; any Python 3 with
pip does, as the libraries do not depend on it.

    fetch-onnxruntime-cuda.py VERSION FOLDER

VERSION is that of onnxruntime-node, FOLDER where its addon lies.
"""

import os
import signal
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

LIBRARIES = [
    "libonnxruntime_providers_shared.so",
    "libonnxruntime_providers_cuda.so",
]
# Wheels are made for versions of Python; any of them has the libraries.
PYTHON = "3.12"
PIECE = 1 << 20


def fail(sentence):
    sys.exit(f"fetch-onnxruntime-cuda: {sentence}")


def download(version, folder):
    """The wheel of that version, in a folder."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--dest", folder]
    command += ["--only-binary", ":all:", "--python-version", PYTHON, "--implementation", "cp"]
    for glibc in (28, 27, 17):
        command += ["--platform", f"manylinux_2_{glibc}_x86_64"]
    if subprocess.run([*command, f"onnxruntime-gpu=={version}"]).returncode != 0:
        fail("pip could not download the package; what it said stands above.")
    return next(Path(folder).glob("*.whl"))


def extract(wheel, name, into):
    """Writes one library, whole or not at all."""
    part = into / f"{name}.part"
    try:
        with zipfile.ZipFile(wheel) as archive:
            with archive.open(f"onnxruntime/capi/{name}") as source, open(part, "wb") as target:
                while piece := source.read(PIECE):
                    target.write(piece)
        os.replace(part, into / name)
    except KeyError:
        fail(f"{wheel.name} holds no {name}.")
    finally:
        part.unlink(missing_ok=True)


def main():
    if len(sys.argv) != 3:
        fail("usage: fetch-onnxruntime-cuda.py VERSION FOLDER")
    version, into = sys.argv[1], Path(sys.argv[2])
    if not into.is_dir():
        fail(f"there is no folder {into}.")
    # Whoever is stopped cleans up first.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(dir=into) as folder:
        wheel = download(version, folder)
        for name in LIBRARIES:
            extract(wheel, name, into)


main()
