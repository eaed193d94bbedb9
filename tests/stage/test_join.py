"""join.py: the joined string runs as the modules do, and what it cannot join it refuses by name and line."""

from pathlib import Path

import pytest

from stn_viz.stage.join import STAGE, JoinError, join


def write(root: Path, **files: str) -> Path:
    """Files by name with __ for a folder: numbers__grid is numbers/grid.js."""
    for name, text in files.items():
        path = root / (name.replace("__", "/") + ".js")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


GOOD = {
    "numbers__leaf": "let calls = 0;\nexport const one = 1;\nexport function count() { return ++calls; }\n",
    "numbers__shapes": (
        '/** Says "import" and\n * export nothing here. */\nimport { one } from "./leaf.js";\nconst hidden = 5;\n'
        "export class Box { size() { return one + hidden; } }\nexport async function later() { return 7; }\n"
        "export function* each() { yield 8; }\n"
    ),
    "hosts__entry": (
        'import { count, one } from "../numbers/leaf.js";\nimport { Box, later, each } from "../numbers/shapes.js";\n'
        "const hidden = 6;\n"
        "export async function all() {\n"
        "  return [one, count(), count(), new Box().size(), await later(), ...each(), hidden];\n}\n"
    ),
}


def test_joined_modules_run_each_in_its_own_scope(chromium, serve, tmp_path) -> None:
    page = chromium.new_page()
    serve(page, entry=join("entry", write(tmp_path, **GOOD)) + "export default m.entry.all;\n")
    assert page.evaluate("async () => (await import('/entry.js')).default()") == [1, 1, 2, 6, 7, 8, 6]
    page.close()


def test_each_module_stands_once_and_after_what_it_needs(tmp_path) -> None:
    text = join("entry", write(tmp_path, **GOOD))
    assert [line[3:] for line in text.splitlines() if line.startswith("// ")] == [
        "numbers/leaf.js",
        "numbers/shapes.js",
        "hosts/entry.js",
    ]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ('import * as all from "./leaf.js";', "import * as all"),
        ('import one from "./leaf.js";', "import one"),
        ('import { one as two } from "./leaf.js";', "import { one as two }"),
        ('import "./leaf.js";', 'import "./leaf.js"'),
        ("import { one } from './leaf.js';", "import { one }"),
        ('import { one } from "./leaf.js"', "import { one }"),
        ('import { one } from "leaf";', "import { one }"),
        ('import {\n  one,\n} from "./leaf.js";', "import {"),
        ('const leaf = await import("./leaf.js");', 'import("./leaf.js")'),
        ("export default function () {}", "export default"),
        ("export let a = 1;", "export let"),
        ("export const { a } = {};", "export const { a }"),
        ("export { a };", "export { a }"),
        ('export * from "./leaf.js";', "export *"),
    ],
)
def test_other_forms_are_refused_by_file_and_line(tmp_path, line, found) -> None:
    write(tmp_path, leaf="export const one = 1;\n", entry=f"// first\nconst a = 1;\n{line}\n")
    with pytest.raises(JoinError, match=r"entry\.js, line 3: found `.*Write it on one line") as error:
        join("entry", tmp_path)
    assert found in str(error.value)


@pytest.mark.parametrize(
    "line", ["const said = 'import the run';", "// import x", "const important = 1;", "const u = import.meta;"]
)
def test_words_that_only_look_like_imports_pass(tmp_path, line) -> None:
    assert line in join("entry", write(tmp_path, entry=line + "\n"))


def test_a_cycle_is_told_as_a_way(tmp_path) -> None:
    write(
        tmp_path,
        a='import { b } from "./b.js";\nexport const a = 1;\n',
        b='import { a } from "./a.js";\nexport const b = 1;\n',
    )
    with pytest.raises(JoinError, match=r"cycle of imports: a\.js -> b\.js -> a\.js"):
        join("a", tmp_path)


def test_a_name_that_is_not_exported_is_refused(tmp_path) -> None:
    write(tmp_path, leaf="export const one = 1;\n", entry='import { one, two } from "./leaf.js";\n')
    with pytest.raises(JoinError, match=r"entry\.js: imports two from \./leaf\.js, which exports one\."):
        join("entry", tmp_path)


@pytest.mark.parametrize("path", ["./gone.js", "../leaf.js"])
def test_a_file_that_is_missing_or_outside_is_refused(tmp_path, path) -> None:
    write(tmp_path, leaf="export const one = 1;\n", stage__entry=f'import {{ one }} from "{path}";\n')
    with pytest.raises(JoinError, match=r"entry\.js: imports .*, but there is no such file below stage/"):
        join("entry", tmp_path / "stage")


def test_two_files_of_one_name_are_refused(tmp_path) -> None:
    write(tmp_path, a__x="export const p = 1;\n", b__x="export const q = 1;\n")
    write(tmp_path, entry='import { p } from "./a/x.js";\nimport { q } from "./b/x.js";\n')
    with pytest.raises(JoinError, match=r"two modules are named 'x': a/x\.js and b/x\.js"):
        join("entry", tmp_path)


def test_a_hyphen_is_no_module_name(tmp_path) -> None:
    (tmp_path / "my-leaf.js").write_text("", encoding="utf-8")
    with pytest.raises(JoinError, match="'my-leaf' is no identifier"):
        join("my-leaf", tmp_path)


def test_an_unknown_entry_is_named(tmp_path) -> None:
    with pytest.raises(JoinError, match=r"module 'nothing': expected one file nothing\.js below .*found none"):
        join("nothing", tmp_path)


def test_the_streamlit_component_loads_in_a_browser(page, serve) -> None:
    serve(page, whole=join("streamlit") + "export default m.streamlit.render;\n")
    assert page.evaluate("async () => typeof (await import('/whole.js')).default") == "function"


def test_the_stages_files_have_names_of_their_own() -> None:
    stems = [path.stem for path in STAGE.rglob("*.js")]
    assert len(stems) == len(set(stems))
