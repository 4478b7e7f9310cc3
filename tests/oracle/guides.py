"""Has pyx12 judge X12 files against the guides: guides.py X12VALID FILE…

pyx12 writes its answer beside what it reads, so it reads copies. It logs an error after an 835, for
which it can't build a 999 (there is no ST03); its verdict is the line "NAME: OK".
"""
import pathlib
import shutil
import subprocess
import sys
import tempfile


def main(x12valid, paths):
    if not paths:
        print("X12 files: 0")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        copies = {}
        for number, path in enumerate(paths):
            copy = pathlib.Path(folder) / f"{number:05}.x12"
            shutil.copyfile(path, copy)
            copies[str(copy)] = path
        run = subprocess.run([x12valid, *copies], capture_output=True, text=True, check=False)
        fine = {line.removesuffix(": OK") for line in (run.stdout + run.stderr).splitlines() if line.endswith(": OK")}
        refused = [path for copy, path in copies.items() if copy not in fine]
    for path in refused:
        print(f"{path}: refused")
    print(f"X12 files: {len(paths)}, refused: {len(refused)}")
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
