"""Many ES modules into one string, so that one source serves three hosts without a build step.

    m.grid = (() => { <source, imports as `const { a, b } = m.other;`, `export ` removed> return { every export }; })();

Imports are followed depth first; each module keeps a scope of its own. Streamlit's inline js runs from a blob: URL,
where relative imports fail, and a stand-alone file has no server at all: hence one string (STAGE.md compares the ways).
Modules may use these forms only, each on one line, so that no JavaScript parser is needed:

    import { a, b } from "../numbers/grid.js";
    export function a(…   export async function a(…   export const a = …   export class A …
"""

import re
from pathlib import Path

STAGE = Path(__file__).parent

_IMPORT = re.compile(r'^import \{ (\w+(?:, \w+)*) \} from "(\.{1,2}/[\w./]+)\.js";$', re.M)
_EXPORT = re.compile(r"^export (?=(?:async )?function\*? (\w+)|class (\w+)|const (\w+) =)", re.M)
# What looks like an import or an export in any form; a comment's line is let through.
_ANY = re.compile(r"^(?!\s*(?://|/?\*))(?:.*?(\bimport\s*\(.*)|\s*((?:import|export)\b[^.].*))$", re.M)


class JoinError(ValueError):
    """A module that cannot be joined; the message names the file and the line."""


def join(entry: str, root: Path = STAGE) -> str:
    """All modules that `entry` needs, itself last, as one string that defines `m`.

    Args:
        entry: a module's name: its file's stem, in any folder below `root` ("streamlit" is hosts/streamlit.js).
        root: the folder that holds the modules.

    Returns:
        JavaScript that ends with a newline; append what the host wants, such as "export default m.streamlit.render;".

    Raises:
        JoinError: for an import or export of another form, a cycle, a name that a module does not export, a file that
            is missing or outside `root`, two files of one name, or a name that is no identifier.

    Source: STAGE.md, "Modules for three hosts".
    """
    root = root.resolve()
    found = sorted(root.rglob(f"{entry}.js"))
    if len(found) != 1:
        names = ", ".join(str(path.relative_to(root)) for path in found) or "none"
        raise JoinError(f"module '{entry}': expected one file {entry}.js below {root.name}/, found {names}.")
    modules: dict[Path, _Module] = {}
    _follow(found[0], root, modules, [])
    return "const m = {};\n" + "".join(module.text for module in modules.values())


class _Module:
    """One module as it stands in the joined string."""

    def __init__(self, path: Path, root: Path) -> None:
        self.label = path.relative_to(root).as_posix()
        self.name = path.stem
        source = path.read_text(encoding="utf-8")
        if not self.name.isidentifier():
            raise JoinError(f"{self.label}: '{self.name}' is no identifier. Name the file without a hyphen or a dot.")
        self.imports = [(match[1].split(", "), match[2] + ".js") for match in _IMPORT.finditer(source)]
        self.exports = [next(filter(None, match.groups())) for match in _EXPORT.finditer(source)]
        body = _EXPORT.sub("", _IMPORT.sub(self._bound, source))
        if other := _ANY.search(body):
            line = body[: other.end()].count("\n") + 1  # bodies keep their lines: each replacement is within one
            raise JoinError(
                f"{self.label}, line {line}: found `{(other[1] or other[2]).strip()}`. Write it on one line as "
                '`import { a, b } from "../folder/file.js";` or `export function|async function|const|class name`.'
            )
        names = ", ".join(self.exports)
        self.text = f"// {self.label}\nm.{self.name} = (() => {{\n{body.rstrip()}\nreturn {{ {names} }};\n}})();\n"

    @staticmethod
    def _bound(match: re.Match[str]) -> str:
        return f"const {{ {match[1]} }} = m.{Path(match[2]).name};"


def _follow(path: Path, root: Path, modules: dict[Path, _Module], open_: list[Path]) -> None:
    """Put the modules that `path` imports into `modules`, then itself; `open_` is the way here."""
    if path in modules:
        return
    if path in open_:
        way = " -> ".join(step.name for step in [*open_[open_.index(path) :], path])
        raise JoinError(f"cycle of imports: {way}. Move what both need into a module of its own.")
    module = _Module(path, root)
    for names, relative in module.imports:
        target = (path.parent / relative).resolve()
        if not target.is_file() or not target.is_relative_to(root):
            raise JoinError(f"{module.label}: imports {relative}, but there is no such file below {root.name}/.")
        _follow(target, root, modules, [*open_, path])
        if missing := [name for name in names if name not in modules[target].exports]:
            exported = ", ".join(modules[target].exports) or "nothing"
            raise JoinError(f"{module.label}: imports {missing[0]} from {relative}, which exports {exported}.")
    for other in modules:
        if other.stem == path.stem:
            label = other.relative_to(root).as_posix()
            raise JoinError(f"two modules are named '{path.stem}': {label} and {module.label}. Rename one of them.")
    modules[path] = module
