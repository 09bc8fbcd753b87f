"""Compiles nn_loader.cpp against the libtorch inside torch's wheel, once for each source, compiler and torch.

python nn_loader.py [TORCH]     compiles it, against another torch package if named, and prints its path
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import platformdirs
import pytest
import torch
from filelock import FileLock

SOURCE = Path(__file__).with_suffix(".cpp")


def loader(package: Path = Path(torch.__file__).parent, version: str = torch.__version__) -> Path:
    """The compiled program; the test is skipped without a C++ compiler."""
    compiler = shutil.which("g++") or shutil.which("clang++")
    if compiler is None or sys.platform == "win32":
        pytest.skip("no C++ compiler here")
    said = subprocess.run([compiler, "--version"], capture_output=True, check=True).stdout
    key = hashlib.sha256(SOURCE.read_bytes() + said + f"{package} {version}".encode()).hexdigest()[:16]
    folder = platformdirs.user_cache_path("perform-test-nn-loader", ensure_exists=True)
    made = folder / key
    with FileLock(folder / "lock"):  # tests run in several processes
        if not made.exists():
            headers = [f"-I{package}/include", f"-I{package}/include/torch/csrc/api/include"]
            libraries = [f"-L{package}/lib", "-ltorch", "-ltorch_cpu", "-lc10", f"-Wl,-rpath,{package}/lib"]
            abi = [f"-D_GLIBCXX_USE_CXX11_ABI={int('+cpu' in version or '+' not in version)}"]
            standard = "-std=c++17" if version.startswith("1.") else "-std=c++20"
            part = made.with_suffix(".part")
            command = [compiler, standard, "-O0", *abi, *headers, str(SOURCE), "-o", str(part), *libraries]
            subprocess.run(command, check=True)
            part.rename(made)
    return made


if __name__ == "__main__":
    named = [Path(arg).resolve() for arg in sys.argv[1:]]
    print(loader(*named, *((named[0] / "version.py").read_text().split("'")[1] for _ in named)))
