"""One script that draws the notebooks' diagrams without a network: JupyterLab's own Mermaid.

JupyterLab ships Mermaid cut into chunks for its bundler's runtime. Those that a flowchart needs are
put into one file, behind a runtime of a few lines that knows where a chunk's modules are. What a
module or chunk is called changes with JupyterLab's version, so it is read from JupyterLab's files.
"""

from __future__ import annotations

import re
import sys
from functools import cached_property
from pathlib import Path

from labs.errors import LabError

STATIC = Path(sys.prefix) / "share" / "jupyter" / "lab" / "static"
CHUNKS = "rspackChunk_jupyterlab_application_top"
RUNTIME = """\
/* Mermaid (MIT licence) as JupyterLab ships it, for flowcharts; made by `make docs`. */
(() => {
const modules = {}, made = {}, aliases = %(aliases)s;
function load(id) {
  id = aliases[id] ?? id;
  if (made[id]) return made[id].exports;
  if (!modules[id]) throw Error("mermaid.js: no module " + id);
  const one = made[id] = {exports: {}, id};
  modules[id].call(one.exports, one, one.exports, load);
  return one.exports;
}
load.o = (object, name) => Object.prototype.hasOwnProperty.call(object, name);
load.d = (exports, getters) => { for (const name in getters)
  if (load.o(getters, name) && !load.o(exports, name))
    Object.defineProperty(exports, name, {enumerable: true, get: getters[name]}); };
load.r = exports => { Object.defineProperty(exports, Symbol.toStringTag, {value: "Module"});
  Object.defineProperty(exports, "__esModule", {value: true}); };
load.n = one => { const get = one && one.__esModule ? () => one.default : () => one;
  load.d(get, {a: get}); return get; };
load.g = globalThis; load.hmd = one => one;
load.nmd = one => { one.paths = []; one.children ??= []; return one; };
load.e = () => Promise.resolve(); /* every chunk is in this file */
self.%(chunks)s = {push: ([, more]) => Object.assign(modules, more)};
self.labMermaid = () => load(%(entry)s).default;
})();
"""
CHUNK = re.compile(r"\.e\((\d+)\)")


class Bundle:
    """The chunks of a JupyterLab's static folder from which the script is made."""

    def __init__(self, static: Path = STATIC) -> None:
        self.static = static

    def script(self) -> str:
        """Return the script. Raises LabError if JupyterLab's files are not as expected."""
        loading = self._one(
            "jlab_core.*.js",
            r"version;let \w=\w=\(await Promise\.all\(\[([^]]*)\]\)\.then\(\w\.bind\(\w,(\d+)\)\)\)"
            r"\.default",
        )
        chunks = CHUNK.findall(loading[0])
        core = "".join(self._file(chunk) for chunk in chunks)
        # A flowchart's parser, and the layout that draws it.
        for pattern in (
            r'flowchart/\.test\(\w\)\),"detector"\),[^=]*=[^{]*\{let\{diagram:\w\}=[^[]*\[([^]]*)\]',
            r'name:"dagre",loader:[^[]*\[([^]]*)\]',
        ):
            part = re.search(pattern, core)
            if part is None:
                raise self._unknown(pattern)
            chunks += [chunk for chunk in CHUNK.findall(part[1]) if chunk not in chunks]
        # What JupyterLab's parts share: a number for the chunk's sake, and the module behind it.
        aliases = {}
        for chunk in list(chunks):
            for shared in re.findall(rf"\b{chunk}:\[([^]]*)\]", self._main):
                for number in re.findall(r'"(\d+)"', shared):
                    behind = re.search(
                        rf"\b{number}:\{{shareScope:.*?fallback:\(\)=>(.*?)"
                        r"\.then\(\(\)=>\(\)=>__webpack_require__\((\d+)\)\)",
                        self._main,
                    )
                    if behind is None:
                        raise self._unknown(f"the shared module {number}")
                    aliases[number] = behind[2]
                    chunks += [one for one in CHUNK.findall(behind[1]) if one not in chunks]
        told = "{" + ",".join(f"{number}:{module}" for number, module in aliases.items()) + "}"
        runtime = RUNTIME % {"aliases": told, "chunks": CHUNKS, "entry": loading[1]}
        return runtime + "\n".join(self._file(chunk) for chunk in chunks)

    @cached_property
    def _main(self) -> str:
        return "".join(path.read_text() for path in sorted(self.static.glob("main.*.js")))

    def _file(self, chunk: str) -> str:
        """Return a chunk's text; '' for one that has no file, since it only names shared ones."""
        return "".join(path.read_text() for path in self.static.glob(f"{chunk}.*.js"))

    def _one(self, glob: str, pattern: str) -> tuple[str, str]:
        for path in sorted(self.static.glob(glob)):
            if found := re.search(pattern, path.read_text()):
                return found[1], found[2]
        raise self._unknown(pattern)

    def _unknown(self, what: str) -> LabError:
        return LabError(
            f"{self.static}: not found: {what}",
            expected="the Mermaid of the JupyterLab that requirements.txt pins",
            todo="`make up` installs it; for a newer one, adapt scripts/docs/mermaid.py",
        )
